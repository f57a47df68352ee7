/** The running program and who is connected to it. */
import { accepted } from '../../kernel/index.ts'
import { readPubkeyText } from '../../nostr/index.ts'
import {
  type AdminAction,
  anyText,
  change,
  get,
  group,
  ID,
  IP,
  KEY,
  kicking,
  LIMIT,
  numberOf,
} from './action.ts'

export const RUNNING: readonly AdminAction[] = [
  ...group('status', {
    show: { says: 'what runs, since when, and how it is', request: () => get('status') },
  }),
  ...group('maintenance', {
    on: {
      says: 'let no new connection in',
      request: () => change({ do: 'set-maintenance', maintenance: true }),
    },
    off: { says: 'let them in again', request: () => change({ do: 'set-maintenance', maintenance: false }) },
  }),
  ...group('relay', {
    name: {
      says: 'change the name that the relay shows',
      args: [{ name: 'text', read: anyText }],
      request: ([name]) => change({ do: 'set-information', name }),
    },
    description: {
      says: 'change its description',
      args: [{ name: 'text', read: anyText }],
      request: ([description]) => change({ do: 'set-information', description }),
    },
    icon: {
      says: 'change its icon',
      args: [{ name: 'url', read: anyText }],
      request: ([icon]) => change({ do: 'set-information', icon }),
    },
    'max-connections': {
      says: 'allow so many connections at most; without a number, as many as the configuration says',
      options: [{ flags: '--number <number>', says: 'how many' }],
      request: (_args, options) =>
        change({ do: 'set-max-connections', ...numberOf(options, 'number', 'maxConnections') }),
    },
  }),
  ...group('connections', {
    list: {
      says: 'open connections, those with the most traffic first',
      options: [
        { flags: '--key <key>', says: 'only of this key', read: readPubkeyText },
        { flags: '--ip <ip>', says: 'only of this address' },
        LIMIT,
      ],
      request: (_args, options) =>
        get('connections', {
          pubkey: options.text('key'),
          address: options.text('ip'),
          limit: options.text('limit'),
        }),
    },
  }),
  ...group('kick', {
    connection: kicking('one connection, by its id', ID, 'id'),
    key: kicking('all connections of a key', KEY, 'pubkey'),
    ip: kicking('all connections of an address', IP, 'address'),
  }),
  ...group('limit', {
    set: {
      says: 'change a setting that a running program can take over, like relay.limits.maxLimit',
      args: [
        { name: 'setting', read: anyText },
        { name: 'value', read: accepted },
      ],
      request: ([key, value]) => ({ path: 'settings/change', body: { key, value } }),
    },
    list: { says: 'every setting, its value, and where that comes from', request: () => get('settings') },
  }),
]
