import { resolve } from 'node:path'
import type { Command } from 'commander'
import { type BackupReport, createBackup, listBackups, verifyBackups } from '../backup/index.ts'
import type { TablesOfDatabase } from './composition.ts'
import { configFor } from './config-for.ts'
import { type CliCommand, type CliContext, EXIT, EXIT_CODES_HELP, hasFlag, textOption } from './context.ts'
import { createProgress, formatCount, formatDuration } from './progress.ts'

export const backupCommand: CliCommand = {
  configure(command, context, finish) {
    command
      .argument('[folder]', 'where backups are kept; made when missing')
      .option('--keep <count>', 'remove older backups in that folder beyond so many')
      .option('--with-keys', 'put the key files in as well')
      .option('--json', 'print the result for machines')
      .addHelpText(
        'after',
        `
Holds all events, the database, the operators' lists and the configuration file. What has not changed since the last
backup in the folder is taken over from it; every backup is whole all the same. A backup that was stopped goes on where it
was. The data folder must not be in use: a running program makes its own backups (backup.folder), or on demand.
${EXIT_CODES_HELP}

Examples:
  stoa backup /mnt/backups --keep 14
  stoa backup verify /mnt/backups
  stoa backup list /mnt/backups
  stoa restore /mnt/backups --data ./restored`,
      )
      .action(async (folder: string | undefined) => finish(await runBackup(folder, command, context)))
    const verify = command
      .command('verify')
      .description('read every file of the backups in a folder and compare it with what was written')
      .argument('<folder>')
      .option('--backup <name>', 'only this one')
      .action(async (folder: string) => finish(await runVerify(folder, verify, context)))
    const list = command
      .command('list')
      .description('print the whole backups in a folder, newest first')
      .argument('<folder>')
      .option('--json', 'for machines')
      .action(async (folder: string) => finish(await runList(folder, list, context)))
  },
}

async function runBackup(folder: string | undefined, command: Command, context: CliContext): Promise<number> {
  const { config, file: configFile } = configFor(command, context)
  const keep = countOption(command, 'keep')
  const target = folder ?? config.backup.folder
  if (target === '' || keep === 'malformed') {
    const what = target === '' ? 'Say where to: stoa backup <folder>' : '--keep takes a number from 1 on'
    context.stderr.write(`stoa: ${what}.\n`)
    return EXIT.usage
  }
  const { clock, interrupted: signal } = context
  const composition = await context.compose()
  const store = await composition.openEventStore(config)
  const progress = createProgress(context.stderr, clock)
  let tables: TablesOfDatabase | undefined
  try {
    tables = await composition.openTables?.(config)
    const report = await createBackup({
      folder: resolve(context.cwd, target),
      sources: {
        store,
        tables,
        dataDir: resolve(context.cwd, config.data.dir),
        configFile,
        withKeys: hasFlag(command, 'withKeys'),
      },
      clock,
      version: command.parent?.version() ?? '',
      signal,
      keep,
      onProgress: (events, ofEvents) => progress.update({ events, fraction: events / Math.max(1, ofEvents) }),
    })
    progress.done()
    context.stdout.write(hasFlag(command, 'json') ? `${JSON.stringify(report)}\n` : reportText(report))
    return EXIT.ok
  } finally {
    progress.done()
    await tables?.close()
    await store.close()
  }
}

function reportText({ name, manifest, newEventFiles, newBytes, dropped }: BackupReport): string {
  const { events, eventFiles, database, dataFiles, startedAtMs, createdAtMs } = manifest
  const rows = database?.tables.reduce((sum, table) => sum + table.rows, 0)
  const lines = [
    `${name}: ${formatCount(events)} events in ${formatDuration(createdAtMs - startedAtMs)}`,
    `  event files  ${eventFiles.length}, of which ${newEventFiles} new (${formatCount(newBytes)} bytes)`,
    `  database     ${rows === undefined ? 'none' : `${formatCount(rows)} rows`}`,
    `  other files  ${dataFiles.map((file) => file.name).join(', ') || 'none'}`,
    ...(dropped.length === 0 ? [] : [`  removed      ${dropped.join(', ')}`]),
  ]
  return `${lines.join('\n')}\n`
}

async function runVerify(folder: string, command: Command, context: CliContext): Promise<number> {
  const { stdout } = context
  const { backups, files, bytes, damages } = await verifyBackups(
    resolve(context.cwd, folder),
    textOption(command, 'backup'),
  )
  for (const { file, what, backup } of damages) stdout.write(`${file} ${what} (${backup})\n`)
  const found = damages.length === 0 ? 'all as they were written' : `${damages.length} damaged`
  stdout.write(`${backups.length} backups, ${files} files, ${formatCount(bytes)} bytes: ${found}\n`)
  return damages.length === 0 ? EXIT.ok : EXIT.refused
}

async function runList(folder: string, command: Command, { cwd, stdout }: CliContext): Promise<number> {
  const backups = await listBackups(resolve(cwd, folder))
  if (hasFlag(command, 'json')) stdout.write(`${JSON.stringify(backups, null, 2)}\n`)
  else {
    for (const { name, events, bytes, rows } of backups) {
      const database = rows === undefined ? 'no database' : `${formatCount(rows)} rows`
      stdout.write(`${name}  ${formatCount(events)} events  ${database}  ${formatCount(bytes)} bytes\n`)
    }
  }
  return EXIT.ok
}

function countOption(command: Command, name: string): number | 'malformed' | undefined {
  const text = textOption(command, name)
  if (text === undefined) return undefined
  return /^[1-9]\d{0,6}$/.test(text) ? Number(text) : 'malformed'
}
