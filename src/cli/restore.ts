import { resolve } from 'node:path'
import type { Command } from 'commander'
import { type RestoreReport, restoreBackup } from '../backup/index.ts'
import { configFor } from './config-for.ts'
import { type CliCommand, type CliContext, EXIT, EXIT_CODES_HELP, hasFlag, textOption } from './context.ts'
import { createProgress, formatCount, formatDuration } from './progress.ts'

export const restoreCommand: CliCommand = {
  configure(command, context, finish) {
    command
      .argument('<folder>', 'where the backups are')
      .option('--backup <name>', 'which one, as `stoa backup list` names it; the newest when not given')
      .option(
        '--skip-signatures',
        'believe the signatures of events: quicker, for a backup that nobody else could write to',
      )
      .option('--json', 'print the result for machines')
      .addHelpText(
        'after',
        `
The data folder (--data) must be empty or missing. Every file is checked before anything is written. A restore that was
stopped is continued by the same command. The configuration of the backup is put beside the data, as
stoa.toml.from-backup, and changes nothing.
${EXIT_CODES_HELP}

Examples:
  stoa restore /mnt/backups --data ./restored
  stoa restore /mnt/backups --backup backup-2026-01-31T020000.000Z --data ./january`,
      )
      .action(async (folder: string) => finish(await runRestore(folder, command, context)))
  },
}

async function runRestore(folder: string, command: Command, context: CliContext): Promise<number> {
  const { config } = configFor(command, context)
  const { clock, interrupted: signal } = context
  const composition = await context.compose()
  const { openTables } = composition
  const startedMs = clock.nowMs()
  const verifier = hasFlag(command, 'skipSignatures')
    ? undefined
    : await composition.createEventVerifier(config)
  const progress = createProgress(context.stderr, clock)
  try {
    const report = await restoreBackup({
      folder: resolve(context.cwd, folder),
      backup: textOption(command, 'backup'),
      dataDir: resolve(context.cwd, config.data.dir),
      openStore: () => composition.openEventStore(config, { isRestoring: true }),
      openTables: openTables && (() => openTables(config)),
      verifyBatch: verifier && ((events) => verifier.verifyBatch(events)),
      clock,
      signal,
      onProgress: (step, done, of) => {
        if (step === 'events') progress.update({ events: done, fraction: done / Math.max(1, of) })
      },
    })
    progress.done()
    const tookMs = clock.nowMs() - startedMs
    context.stdout.write(
      hasFlag(command, 'json') ? `${JSON.stringify({ ...report, tookMs })}\n` : reportText(report, tookMs),
    )
    return EXIT.ok
  } finally {
    progress.done()
    await verifier?.close?.()
  }
}

function reportText({ backup, events, refused, rows, dataFiles }: RestoreReport, tookMs: number): string {
  const lines = [
    `${backup} is restored: ${formatCount(events)} events in ${formatDuration(tookMs)}`,
    ...Object.entries(refused).map(([word, count]) => `  ${formatCount(count)} × ${word}, left out`),
    `  database     ${formatCount(rows)} rows`,
    `  other files  ${dataFiles}`,
  ]
  return `${lines.join('\n')}\n`
}
