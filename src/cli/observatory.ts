import { OBSERVATORY_ACTIONS } from './admin-actions/index.ts'
import { type CliCommand, EXIT_CODES_HELP } from './context.ts'
import { addHistoryExport } from './export-history.ts'
import { addActions } from './run-action.ts'

export const observatoryCommand: CliCommand = {
  configure(command, context, finish) {
    command.addHelpText(
      'after',
      `
Speaks to the Stoa that runs on the data folder, as its owner; what is changed goes into its audit log.
Where several processes are one Stoa, "show" tells of the one that it asks; figures are those of all.
${EXIT_CODES_HELP}

Examples:
  stoa observatory show
  stoa observatory relays --state waiting --limit 20
  stoa observatory relay refuse wss://relay.example.org --why "sends garbage"
  stoa observatory export relay-hours --format parquet --since 2026-11-01 > hours.parquet
  stoa observatory tier subscribe 0123456789abcdef plus`,
    )
    addActions(command, OBSERVATORY_ACTIONS, context, finish)
    addHistoryExport(command, context, finish)
  },
}
