/** What `stoa admin` can do: each action is one request to the running program. */
import { ACCESS } from './access.ts'
import type { AdminAction } from './action.ts'
import { MODERATION } from './moderation.ts'
import { INTERLEDGER, LEDGER } from './money.ts'
import { OBSERVATORY } from './observatory.ts'
import { PEOPLE } from './people.ts'
import { RUNNING } from './running.ts'
import { UPKEEP } from './upkeep.ts'

export type { AdminAction, AdminArgument, AdminOptions } from './action.ts'
export { INTERLEDGER as ILP_ACTIONS, LEDGER as LEDGER_ACTIONS, OBSERVATORY as OBSERVATORY_ACTIONS }

export const ADMIN_ACTIONS: readonly AdminAction[] = [
  ...RUNNING,
  ...ACCESS,
  ...MODERATION,
  ...PEOPLE,
  ...UPKEEP,
]
