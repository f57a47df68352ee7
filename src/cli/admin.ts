import { ADMIN_ACTIONS } from './admin-actions/index.ts'
import { type CliCommand, EXIT_CODES_HELP } from './context.ts'
import { addActions } from './run-action.ts'

export const adminCommand: CliCommand = {
  configure(command, context, finish) {
    command.addHelpText(
      'after',
      `
Speaks to the Stoa that runs on the data folder, as its owner; what is changed goes into its audit log.
Keys may be hex, npub1… or nprofile1…, events hex, note1… or nevent1….
${EXIT_CODES_HELP}

Examples:
  stoa admin status
  stoa admin staff grant owner npub1…
  stoa admin key ban npub1… --reason spam
  stoa admin kick ip 192.0.2.1
  stoa admin level set npub1… trusted --days 30
  stoa admin invite create --uses 5 --days 7
  stoa admin limit set relay.limits.maxLimit 1000`,
    )
    addActions(command, ADMIN_ACTIONS, context, finish)
  },
}
