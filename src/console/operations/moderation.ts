/** What waits for a moderator: events that a rule held back, and reports. */
import Type from 'typebox'
import { mayJudge } from '../rights.ts'
import {
  DecisionWord,
  DoneShape,
  EventIdText,
  exactly,
  HeldShape,
  HeldStateWord,
  listOf,
  PageLimit,
  ReasonText,
  ReportedShape,
  Seconds,
  SubjectWord,
} from '../schemas.ts'
import { changing, done, type Operation, showing } from './operation.ts'

const TargetText = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: 'A key, an event id, or the SHA-256 of a file.',
})

export const MODERATION_OPERATIONS: readonly Operation[] = [
  showing({
    path: 'queue',
    says: 'Events that a rule held back, the oldest first.',
    need: 'moderate',
    desk: 'moderation',
    input: exactly({
      state: Type.Optional(HeldStateWord),
      limit: Type.Optional(PageLimit),
      afterSeconds: Type.Optional(Seconds),
      afterId: Type.Optional(EventIdText),
    }),
    output: listOf(HeldShape),
    run: (desk, { afterSeconds, afterId, ...page }) =>
      desk.held.list({
        ...page,
        ...(afterSeconds !== undefined && { after: { heldAtSeconds: afterSeconds, id: afterId ?? '' } }),
      }),
  }),
  changing({
    path: 'queue/approve',
    says: 'Lets a held event through: it is stored, and told to everybody who listens.',
    need: 'moderate',
    desk: 'moderation',
    input: exactly({ id: EventIdText }),
    output: exactly({
      answer: Type.String({ description: 'What the store said; `later`: it will be asked again.' }),
    }),
    run: (desk, { id }, by) => desk.held.approve(id, by),
  }),
  changing({
    path: 'queue/reject',
    says: 'Keeps a held event out.',
    need: 'moderate',
    desk: 'moderation',
    input: exactly({ id: EventIdText }),
    output: DoneShape,
    run: (desk, { id }, by) => done(desk.held.reject(id, by)),
  }),
  showing({
    path: 'reports',
    says: 'What people complain of (NIP-56), by target; what weighs most comes first.',
    need: 'moderate',
    desk: 'moderation',
    input: exactly({
      limit: Type.Optional(PageLimit),
      offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
    }),
    output: listOf(ReportedShape),
    run: (desk, page) => desk.reports.list(page),
  }),
  changing({
    path: 'reports/resolve',
    says: 'Decides about all open reports of a target.',
    need: 'moderate',
    needFor: ({ purge = false }) => (purge ? 'operate' : 'moderate'),
    judged: ({ subject, target }) => (subject === 'person' ? [target] : []),
    desk: 'moderation',
    input: exactly({
      subject: SubjectWord,
      target: TargetText,
      decision: DecisionWord,
      reason: Type.Optional(ReasonText),
      purge: Type.Optional(
        Type.Boolean({ description: 'With `ban-pubkey`: also remove what the key has stored.' }),
      ),
    }),
    output: DoneShape,
    // The author of an event is known when the event was read: the same question is asked there.
    run: (desk, { subject, target, ...judgement }, by, operator) =>
      done(
        desk.reports.resolve(
          { subject, target },
          { ...judgement, by, mayJudge: (pubkey) => mayJudge(operator, by, pubkey) },
        ),
      ),
  }),
]
