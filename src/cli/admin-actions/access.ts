/** Who and what is let in. */
import {
  type AdminAction,
  change,
  DAYS,
  EVENT,
  entriesOf,
  expiryOf,
  group,
  IP,
  KEY,
  KIND,
  LEVEL,
  LEVELS,
  REASON,
} from './action.ts'

export const ACCESS: readonly AdminAction[] = [
  ...group('key', {
    ban: {
      says: 'keep a key from writing',
      args: [KEY],
      options: [REASON, { flags: '--purge', says: 'also remove everything that it has stored' }],
      request: ([pubkey], options) => ({
        path: 'access/change',
        body: {
          changes: [{ do: 'ban-pubkey', pubkey, reason: options.text('reason') ?? '' }],
          ...(options.has('purge') && { purge: true }),
        },
      }),
    },
    unban: {
      says: 'let it write again',
      args: [KEY],
      request: ([pubkey]) => change({ do: 'unban-pubkey', pubkey }),
    },
    allow: {
      says: 'let a key in where only some are',
      args: [KEY],
      options: [REASON],
      request: ([pubkey], options) =>
        change({ do: 'allow-pubkey', pubkey, reason: options.text('reason') ?? '' }),
    },
    unallow: {
      says: 'take that back',
      args: [KEY],
      request: ([pubkey]) => change({ do: 'unallow-pubkey', pubkey }),
    },
    shadow: {
      says: 'accept what a key writes, and show it to nobody',
      args: [KEY],
      options: [REASON],
      request: ([pubkey], options) =>
        change({ do: 'shadow-pubkey', pubkey, reason: options.text('reason') ?? '' }),
    },
    unshadow: {
      says: 'show it again',
      args: [KEY],
      request: ([pubkey]) => change({ do: 'unshadow-pubkey', pubkey }),
    },
    list: entriesOf('banned keys; of another list with --list', 'banned-pubkey', [
      'allowed-pubkey',
      'shadow-pubkey',
    ]),
  }),
  ...group('event', {
    ban: {
      says: 'remove an event and keep it out',
      args: [EVENT],
      options: [REASON],
      request: ([id], options) => change({ do: 'ban-event', id, reason: options.text('reason') ?? '' }),
    },
    allow: {
      says: 'let an event in: not banned, not held, not reported any more',
      args: [EVENT],
      request: ([id]) => ({ path: 'events/allow', body: { id } }),
    },
    list: entriesOf('banned events', 'banned-event', []),
  }),
  ...group('ip', {
    ban: {
      says: 'let no connection of an address or range in (10.0.0.0/8)',
      args: [IP],
      options: [REASON],
      request: ([ip], options) => change({ do: 'block-ip', ip, reason: options.text('reason') ?? '' }),
    },
    unban: { says: 'let it in again', args: [IP], request: ([ip]) => change({ do: 'unblock-ip', ip }) },
    unlimit: {
      says: 'put no limits on an address',
      args: [IP],
      request: ([ip]) => change({ do: 'unlimit-ip', ip }),
    },
    limit: {
      says: 'put the usual limits on it again',
      args: [IP],
      request: ([ip]) => change({ do: 'limit-ip', ip }),
    },
    list: entriesOf('banned addresses; of another list with --list', 'blocked-ip', ['unlimited-ip']),
  }),
  ...group('kind', {
    allow: {
      says: 'accept a kind',
      args: [KIND],
      request: ([kind]) => change({ do: 'allow-kind', kind: Number(kind) }),
    },
    deny: {
      says: 'refuse a kind',
      args: [KIND],
      request: ([kind]) => change({ do: 'disallow-kind', kind: Number(kind) }),
    },
    forget: {
      says: 'do with a kind as the configuration says',
      args: [KIND],
      request: ([kind]) => change({ do: 'forget-kind', kind: Number(kind) }),
    },
    list: entriesOf('allowed kinds; of another list with --list', 'allowed-kind', ['denied-kind']),
  }),
  ...group('level', {
    set: {
      says: `give a key a level: ${LEVELS.join(', ')}`,
      args: [KEY, LEVEL],
      options: [DAYS],
      request: ([pubkey, level], options) =>
        change({ do: 'set-level', pubkey, level: Number(level), ...expiryOf(options) }),
    },
    unset: {
      says: 'take it back',
      args: [KEY],
      request: ([pubkey]) => change({ do: 'unset-level', pubkey }),
    },
    list: entriesOf('levels that were given by hand', 'level', []),
  }),
]
