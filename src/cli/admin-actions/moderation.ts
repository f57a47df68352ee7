/** What waits for a moderator. */
import { type AdminAction, EVENT, get, group, LIMIT, oneOf, optional, REASON, readTarget } from './action.ts'

export const MODERATION: readonly AdminAction[] = [
  ...group('queue', {
    list: {
      says: 'events that a rule held back',
      options: [{ flags: '--state <state>', says: 'waiting, approved, published or rejected' }, LIMIT],
      request: (_args, options) =>
        get('queue', { state: options.text('state'), limit: options.text('limit') }),
    },
    approve: {
      says: 'let one through',
      args: [EVENT],
      request: ([id]) => ({ path: 'queue/approve', body: { id } }),
    },
    reject: {
      says: 'keep one out',
      args: [EVENT],
      request: ([id]) => ({ path: 'queue/reject', body: { id } }),
    },
  }),
  ...group('report', {
    list: {
      says: 'what people complain of',
      options: [LIMIT],
      request: (_args, options) => get('reports', { limit: options.text('limit') }),
    },
    resolve: {
      says: 'decide: dismiss, uphold, ban-event, ban-pubkey or shadow-pubkey',
      args: [
        oneOf('subject', ['person', 'event', 'blob']),
        { name: 'target', read: readTarget },
        oneOf('decision', ['dismiss', 'uphold', 'ban-event', 'ban-pubkey', 'shadow-pubkey']),
      ],
      options: [REASON, { flags: '--purge', says: 'with ban-pubkey: also remove what the key has stored' }],
      request: ([subject, target, decision], options) => ({
        path: 'reports/resolve',
        body: {
          subject,
          target,
          decision,
          ...optional('reason', options),
          ...(options.has('purge') && { purge: true }),
        },
      }),
    },
  }),
]
