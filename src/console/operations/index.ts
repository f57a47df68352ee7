import { ACCESS_OPERATIONS } from './access.ts'
import { INTERLEDGER_OPERATIONS } from './interledger.ts'
import { LEDGER_OPERATIONS } from './ledger.ts'
import { MODERATION_OPERATIONS } from './moderation.ts'
import { OBSERVATORY_OPERATIONS } from './observatory.ts'
import type { Operation } from './operation.ts'
import { PEOPLE_OPERATIONS } from './people.ts'
import { RUNNING_OPERATIONS } from './running.ts'

export { judgedBy, needOfChanges } from './access.ts'
export type { Operation, PreparedOperation } from './operation.ts'

/** Everything that `/dashboard/*` and `stoa admin` can do. */
export const OPERATIONS: readonly Operation[] = [
  ...RUNNING_OPERATIONS,
  ...ACCESS_OPERATIONS,
  ...MODERATION_OPERATIONS,
  ...PEOPLE_OPERATIONS,
  ...LEDGER_OPERATIONS,
  ...INTERLEDGER_OPERATIONS,
  ...OBSERVATORY_OPERATIONS,
]
