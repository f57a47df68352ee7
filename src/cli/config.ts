import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { describeConfig, sampleToml } from '../config/index.ts'
import { AppError } from '../kernel/index.ts'
import { configFor } from './config-for.ts'
import { type CliCommand, type CliContext, EXIT_CODES_HELP, hasFlag } from './context.ts'

export const configCommand: CliCommand = {
  configure(command, context) {
    command.addHelpText(
      'after',
      `
Settings come from defaults < stoa.toml < STOA_… variables < flags. docs/reference/configuration.md has them all.
${EXIT_CODES_HELP}

Examples:
  stoa config init
  stoa config check --config /etc/stoa.toml
  STOA_RELAY__PORT=80 stoa config show`,
    )
    const show = command
      .command('show')
      .description('print every setting, its value and where that comes from; secrets stay hidden')
      .option('--changed', 'only settings that are not at their default')
      .option('--json', 'for machines')
    show.action(() => showConfig(show, context))
    const check = command.command('check').description('list everything that is wrong with the configuration')
    check.action(() => checkConfig(check, context))
    const init = command
      .command('init')
      .description('write a commented stoa.toml')
      .argument('[file]', 'where to', 'stoa.toml')
      .option('--force', 'replace a file that is already there')
    init.action((file: string) => initConfig(file, init, context))
  },
}

function showConfig(command: Command, context: CliContext): void {
  const { config, sources } = configFor(command, context)
  const all = describeConfig(config, sources)
  const shown = hasFlag(command, 'changed') ? all.filter(({ source }) => source !== 'default') : all
  if (hasFlag(command, 'json')) {
    context.stdout.write(`${JSON.stringify(shown, null, 2)}\n`)
    return
  }
  for (const { key, value, source } of shown) context.stdout.write(`${key} = ${value}  (${source})\n`)
}

function checkConfig(command: Command, context: CliContext): void {
  const { file, sources } = configFor(command, context)
  const from = file === undefined ? 'no stoa.toml' : file
  context.stdout.write(
    `The configuration is valid: ${from}, ${sources.size} settings changed from their default.\n`,
  )
}

function initConfig(file: string, command: Command, { cwd, stdout }: CliContext): void {
  const path = resolve(cwd, file)
  try {
    writeFileSync(path, sampleToml(), { flag: hasFlag(command, 'force') ? 'w' : 'wx' })
  } catch (cause) {
    throw new AppError(
      'CONFIG_INVALID',
      `${path} was not written; --force replaces a file that is already there.`,
      { cause },
    )
  }
  stdout.write(`Wrote ${path}; every setting in it is commented out and shows its default.\n`)
}
