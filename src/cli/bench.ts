import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type CliCommand, type CliContext, EXIT, EXIT_CODES_HELP } from './context.ts'

const BENCH = fileURLToPath(new URL('../../bench/run.ts', import.meta.url))

export const benchCommand: CliCommand = {
  configure(command, context, finish) {
    command
      .argument('[args...]', 'passed on to bench/run.ts')
      .allowUnknownOption()
      .addHelpText(
        'after',
        `${EXIT_CODES_HELP}

Examples:
  stoa bench                          start a relay of our own, pinned to one core, and measure it
  stoa bench --url ws://host:port     measure a relay that runs already`,
      )
      .action(async (args: readonly string[]) => finish(await bench(args, context)))
  },
}

async function bench(args: readonly string[], { stderr }: CliContext): Promise<number> {
  if (!existsSync(BENCH)) {
    stderr.write(`stoa: ${BENCH} is not there; measuring needs a checkout of the repository.\n`)
    return EXIT.failed
  }
  // The child shares our terminal, so it gets the signals of the keyboard by itself.
  const child = spawn(process.execPath, [BENCH, ...args], { stdio: 'inherit' })
  const [code]: unknown[] = await once(child, 'exit')
  return typeof code === 'number' ? code : EXIT.failed
}
