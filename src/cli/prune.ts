import type { Command } from 'commander'
import { type PassReport, parseRetention, removesAnything, runPass } from '../retention/index.ts'
import { configFor } from './config-for.ts'
import { type CliCommand, type CliContext, EXIT, EXIT_CODES_HELP, hasFlag } from './context.ts'
import { createProgress, formatCount } from './progress.ts'

export const pruneCommand: CliCommand = {
  configure(command, context, finish) {
    command
      .option('--dry-run', 'change nothing; print what would be removed')
      .option('--json', 'print the result for machines')
      .addHelpText(
        'after',
        `
Applies the settings of the section retention once, as a running program does by itself. Interrupted, it has removed a
part; the next run removes the rest. Files shrink when the store writes them anew, after the next start. In a dry run, what
a rule by count and the cap on disk use would both remove counts twice. The store must not be in use.
${EXIT_CODES_HELP}

Examples:
  stoa prune --dry-run
  STOA_RETENTION__RULES='7: days=90' stoa prune --dry-run --data /var/lib/stoa`,
      )
      .action(async () => finish(await runPrune(command, context)))
  },
}

async function runPrune(command: Command, context: CliContext): Promise<number> {
  const { config } = configFor(command, context)
  const rules = parseRetention(config.retention)
  const isDryRun = hasFlag(command, 'dryRun')
  if (!removesAnything(rules)) {
    context.stdout.write(
      'Nothing is ever removed: retention.rules is empty and there is no retention.maxDiskBytes.\n',
    )
    return EXIT.ok
  }
  const { openEventStore } = await context.compose()
  const store = await openEventStore(config)
  const progress = createProgress(context.stderr, context.clock)
  let examined = 0
  try {
    const nowSeconds = context.clock.nowSeconds()
    const report = await runPass({
      store,
      rules,
      nowSeconds,
      signal: context.interrupted,
      rest: async () => undefined,
      isDryRun,
      onStep: (more) => {
        examined += more
        progress.update({ events: examined, fraction: undefined })
      },
    })
    progress.done()
    context.stdout.write(
      hasFlag(command, 'json') ? `${JSON.stringify(report)}\n` : reportText(report, isDryRun),
    )
    return report.isWhole ? EXIT.ok : EXIT.failed
  } finally {
    progress.done()
    await store.close()
  }
}

function reportText({ removed, examined, isWhole, excessBytes }: PassReport, isDryRun: boolean): string {
  const events = removed.reduce((sum, more) => sum + more.events, 0)
  const bytes = removed.reduce((sum, more) => sum + more.bytes, 0)
  const lines = [
    `${formatCount(events)} events, about ${formatCount(bytes)} bytes, ${isDryRun ? 'would be' : 'are'} removed`,
    ...removed.map((more) => `  ${formatCount(more.events)} × ${more.reason}  (${more.rule})`),
    `  examined ${formatCount(examined)}`,
    ...(excessBytes > 0
      ? [`  the cap is passed by ${formatCount(excessBytes)} bytes that nothing may be removed for`]
      : []),
    ...(isWhole ? [] : ['Interrupted: the next run does the rest.']),
  ]
  return `${lines.join('\n')}\n`
}
