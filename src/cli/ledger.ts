import { LEDGER_ACTIONS } from './admin-actions/index.ts'
import { type CliCommand, EXIT_CODES_HELP } from './context.ts'
import { addActions } from './run-action.ts'

export const ledgerCommand: CliCommand = {
  configure(command, context, finish) {
    command.addHelpText(
      'after',
      `
Asks the Stoa that runs on the data folder. Amounts are in the smallest unit of their asset: msat, usdc (6 decimals), …
${EXIT_CODES_HELP}

Examples:
  stoa ledger accounts --prefix assets/
  stoa ledger statement assets/peer/bob msat
  stoa ledger trial-balance`,
    )
    addActions(command, LEDGER_ACTIONS, context, finish)
  },
}
