import { ILP_ACTIONS } from './admin-actions/index.ts'
import { type CliCommand, EXIT_CODES_HELP } from './context.ts'
import { addActions } from './run-action.ts'

export const ilpCommand: CliCommand = {
  configure(command, context, finish) {
    command.addHelpText(
      'after',
      `
Speaks to the Stoa that runs on the data folder, as its owner; what is changed goes into its audit log.
Amounts are in the smallest unit of their asset: msat, usdc (6 decimals), drop, …
An order of "settlement" whose tries go on and on, and with it all further payments to its party, is ended by "settlement give-up".
Look first at the network itself (a payment engine, a block explorer): --never-taken is your word, not a question to it.
${EXIT_CODES_HELP}

Examples:
  stoa ilp peer add bob msat --connect wss://bob.example/btp --token-file bob.token --max-receivable 1000000 --max-payable 1000000
  stoa ilp peer add carol usdc --relation child --their-token-file carol.token --max-receivable 5000000
  stoa ilp route add g.far bob
  stoa ilp ping g.far.away
  stoa ilp pay '$example.com/alice' msat --send 100000
  stoa ilp payment cli:0123456789abcdef01234567
  stoa ilp settlement
  stoa ilp settlement give-up 0b1f7a3e-5c3d-4c39-9d53-0d5a3f1f2a10 --never-taken
  stoa ilp balance`,
    )
    addActions(command, ILP_ACTIONS, context, finish)
  },
}
