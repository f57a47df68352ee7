/** What the desks of the operator in memory have in common. */
import type { Refusal } from '../../kernel/index.ts'
import type { Actor } from '../operator.ts'

/** Writes down who did what. */
export type Note = (by: Actor, what: string) => void

export const AT_SECONDS = 1_700_000_000
export const NOT_THERE: Refusal = { code: 'NOT_FOUND', text: 'there is no such thing' }
