/** Lists of keys, events, kinds and addresses, levels, maintenance, and what the relay says of itself. */
import Type from 'typebox'
import { accepted } from '../../kernel/index.ts'
import type { AccessChange } from '../../relay/index.ts'
import type { Need } from '../rights.ts'
import {
  AccessChangeShape,
  AccessListsShape,
  DoneShape,
  EntryShape,
  EventIdText,
  exactly,
  ListNameWord,
  listOf,
} from '../schemas.ts'
import { changing, done, type Operation, showing } from './operation.ts'

/** What moderators do; everything else about access takes an operator. */
const MODERATORS_CHANGES: ReadonlySet<AccessChange['do']> = new Set([
  'ban-pubkey',
  'unban-pubkey',
  'ban-event',
  'unban-event',
  'shadow-pubkey',
  'unshadow-pubkey',
])

/** Removing everything that a key has stored cannot be taken back. */
export function needOfChanges(changes: readonly AccessChange[], purge = false): Need {
  return !purge && changes.every((change) => MODERATORS_CHANGES.has(change.do)) ? 'moderate' : 'operate'
}

/** The keys against which something is decided. */
export function judgedBy(changes: readonly AccessChange[]): readonly string[] {
  return changes.flatMap((change) =>
    change.do === 'ban-pubkey' || change.do === 'shadow-pubkey' ? [change.pubkey] : [],
  )
}

export const ACCESS_OPERATIONS: readonly Operation[] = [
  showing({
    path: 'access',
    says: 'Everything that was decided about keys, events, kinds, addresses, levels and the relay itself.',
    need: 'operate',
    desk: 'moderation',
    input: exactly({}),
    output: AccessListsShape,
    run: async (desk) => accepted(desk.lists()),
  }),
  showing({
    path: 'access/entries',
    says: 'One list with who put each entry there, when and why.',
    need: 'moderate',
    desk: 'moderation',
    input: exactly({
      list: ListNameWord,
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
      after: Type.Optional(
        Type.String({ maxLength: 100, description: 'The last subject of the page before.' }),
      ),
    }),
    output: listOf(EntryShape),
    run: (desk, { list, ...page }) => desk.entries(list, page),
  }),
  changing({
    path: 'access/change',
    says: 'Makes all of these changes or none, and tells every thread of the relay.',
    need: 'moderate',
    needFor: ({ changes, purge }) => needOfChanges(changes, purge),
    judged: ({ changes }) => judgedBy(changes),
    desk: 'moderation',
    input: exactly({
      changes: Type.Array(AccessChangeShape, { minItems: 1, maxItems: 500 }),
      purge: Type.Optional(Type.Boolean({ description: 'Also remove what banned keys have stored.' })),
    }),
    output: exactly({ changed: Type.Integer({ description: 'How many were not so already.' }) }),
    run: (desk, { changes, purge = false }, by) => desk.change(changes, { by, purge }),
  }),
  changing({
    path: 'events/allow',
    says: 'Lets an event in: out of the queue, off the list of banned ones, reports of it dismissed.',
    need: 'moderate',
    desk: 'moderation',
    input: exactly({ id: EventIdText }),
    output: DoneShape,
    run: (desk, { id }, by) => done(desk.allowEvent(id, by)),
  }),
]
