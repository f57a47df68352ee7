/** What `stoa admin` can do: each action is one request to the running program. */
import { accepted, type Outcome, refused } from '../kernel/index.ts'
import { readEventIdText, readPubkeyText } from '../nostr/index.ts'
import type { AdminRequest } from './admin-client.ts'

export interface AdminAction {
  readonly group: string
  readonly name: string
  readonly says: string
  readonly args: readonly AdminArgument[]
  readonly options: readonly AdminOption[]
  /** Done when the group is named alone. */
  readonly isDefault: boolean
  readonly request: (args: readonly string[], options: AdminOptions) => AdminRequest
}

export interface AdminArgument {
  readonly name: string
  /** Brings a typed text into the form that is sent; the refusal stands behind the name. */
  readonly read: (text: string) => Outcome<string, string>
}

export interface AdminOption {
  readonly flags: string
  readonly says: string
  /** Absent: the text is sent as it was typed. */
  readonly read?: AdminArgument['read']
}

/** What was typed, already of the right form. */
export interface AdminOptions {
  readonly nowSeconds: number
  text(name: string): string | undefined
  has(name: string): boolean
}

const anyText: AdminArgument['read'] = (text) => (text === '' ? refused('must not be empty') : accepted(text))

const KEY: AdminArgument = { name: 'key', read: readPubkeyText }
const EVENT: AdminArgument = { name: 'event', read: readEventIdText }
const IP: AdminArgument = { name: 'ip', read: anyText }
const KIND = wholeNumber('kind', 0, 65_535)
const ROLE_ID: AdminArgument = { name: 'role', read: anyText }
const ID: AdminArgument = { name: 'id', read: anyText }
const LEVELS = ['anonymous', 'stranger', 'member', 'subscriber', 'trusted']
const LEVEL: AdminArgument = {
  name: 'level',
  read: (text) => {
    const level = LEVELS.includes(text) ? String(LEVELS.indexOf(text)) : text
    return /^[0-4]$/.test(level) ? accepted(level) : refused(`must be 0 to 4 or one of ${LEVELS.join(', ')}`)
  },
}
const STAFF_ROLE = oneOf('role', ['owner', 'operator', 'moderator', 'service'])

const REASON: AdminOption = { flags: '--reason <text>', says: 'stands beside the entry' }
const LIMIT: AdminOption = { flags: '--limit <number>', says: 'show at most so many' }
const DAYS: AdminOption = { flags: '--days <number>', says: 'for so many days; without it, for good' }

type Described = Pick<AdminAction, 'says' | 'request'> &
  Partial<Pick<AdminAction, 'args' | 'options' | 'isDefault'>>

/** The actions of a group. */
function group(name: string, actions: Readonly<Record<string, Described>>): readonly AdminAction[] {
  return Object.entries(actions).map(([action, described]) => ({
    args: [],
    options: [],
    isDefault: action === 'list' || action === 'show',
    ...described,
    group: name,
    name: action,
  }))
}

export const ADMIN_ACTIONS: readonly AdminAction[] = [
  ...group('status', {
    show: { says: 'what runs, since when, and how it is', request: () => get('status') },
  }),
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
  ...group('invite', {
    create: {
      says: 'make an invite to the community',
      options: [
        { flags: '--uses <number>', says: 'how many may join with it; 1 without this' },
        { flags: '--code <text>', says: 'of your choice; otherwise one is made up' },
        DAYS,
      ],
      request: (_args, options) => ({
        path: 'invites/create',
        body: {
          maxUses: Number(options.text('uses') ?? '1'),
          ...optional('code', options),
          ...expiryOf(options),
        },
      }),
    },
    list: {
      says: 'invites, with their codes',
      options: [LIMIT],
      request: (_args, options) => get('invites', { limit: options.text('limit') }),
    },
    revoke: {
      says: 'make one worthless',
      args: [{ name: 'code', read: anyText }],
      request: ([code]) => ({ path: 'invites/revoke', body: { code } }),
    },
  }),
  ...group('member', {
    add: {
      says: 'make a key a member',
      args: [KEY],
      request: ([key]) => ({ path: 'members/add', body: { pubkeys: [key] } }),
    },
    remove: {
      says: 'end a membership',
      args: [KEY],
      request: ([key]) => ({ path: 'members/remove', body: { pubkeys: [key] } }),
    },
    list: {
      says: 'members, by their keys',
      options: [LIMIT, { flags: '--after <key>', says: 'only behind this one', read: readPubkeyText }],
      request: (_args, options) =>
        get('members', { limit: options.text('limit'), afterPubkey: options.text('after') }),
    },
  }),
  ...group('role', {
    put: {
      says: 'make a role of the community, or change it',
      args: [ROLE_ID],
      options: [
        { flags: '--label <text>', says: 'what it is called' },
        { flags: '--description <text>', says: 'what it means' },
        { flags: '--color <number>', says: 'a hue, 0 to 360' },
        { flags: '--order <number>', says: 'where it stands among the others' },
      ],
      request: ([id], options) => ({
        path: 'roles/put',
        body: {
          id,
          ...optional('label', options),
          ...optional('description', options),
          ...numberOf(options, 'color'),
          ...numberOf(options, 'order'),
        },
      }),
    },
    remove: {
      says: 'remove it, from all who have it',
      args: [ROLE_ID],
      request: ([id]) => ({ path: 'roles/remove', body: { id } }),
    },
    assign: {
      says: 'give a member a role',
      args: [KEY, ROLE_ID],
      request: ([pubkey, roleId]) => ({ path: 'roles/assign', body: { pubkey, roleId } }),
    },
    unassign: {
      says: 'take it from a member',
      args: [KEY, ROLE_ID],
      request: ([pubkey, roleId]) => ({ path: 'roles/unassign', body: { pubkey, roleId } }),
    },
    list: { says: 'roles that members can have', request: () => get('roles') },
  }),
  ...group('staff', {
    grant: {
      says: 'give a key power: owner, operator, moderator or service',
      args: [STAFF_ROLE, KEY],
      request: ([role, pubkey]) => ({ path: 'staff/grant', body: { pubkey, role } }),
    },
    revoke: {
      says: 'take it back',
      args: [STAFF_ROLE, KEY],
      request: ([role, pubkey]) => ({ path: 'staff/revoke', body: { pubkey, role } }),
    },
    list: { says: 'who has power here', request: () => get('staff') },
  }),
  ...group('trusted', {
    add: {
      says: 'trust an author',
      args: [KEY],
      options: [REASON],
      request: ([pubkey], options) => ({
        path: 'trusted/add',
        body: { pubkey, reason: options.text('reason') ?? '' },
      }),
    },
    remove: {
      says: 'trust no longer',
      args: [KEY],
      request: ([pubkey]) => ({ path: 'trusted/remove', body: { pubkey } }),
    },
    list: { says: 'trusted authors', request: () => get('trusted') },
  }),
  ...group('subscription', {
    set: {
      says: 'let a subscription last so many days from now; 0 ends it',
      args: [KEY, wholeNumber('days', 0, 100_000)],
      request: ([pubkey, days], { nowSeconds }) => ({
        path: 'subscriptions/set',
        body: { pubkey, untilSeconds: nowSeconds + Number(days) * DAY_SECONDS },
      }),
    },
    list: { says: 'subscribers, the next to end first', request: () => get('subscriptions') },
  }),
  ...group('name', {
    set: {
      says: 'give a key a name under the domain of the relay (NIP-05)',
      args: [{ name: 'name', read: anyText }, KEY],
      options: [{ flags: '--relays <urls>', says: 'where that person is found, with commas between' }],
      request: ([name, pubkey], options) => ({
        path: 'names/set',
        body: { name, pubkey, relays: (options.text('relays') ?? '').split(',').filter((url) => url !== '') },
      }),
    },
    remove: {
      says: 'take a name away',
      args: [{ name: 'name', read: anyText }],
      request: ([name]) => ({ path: 'names/remove', body: { name } }),
    },
    list: { says: 'names and whose they are', request: () => get('names') },
  }),
  ...group('mirror', {
    add: {
      says: 'follow or feed another relay',
      args: [{ name: 'url', read: anyText }],
      options: [
        { flags: '--direction <word>', says: 'pull, push or both; pull without this' },
        { flags: '--filter <json>', says: 'only events that match' },
      ],
      request: ([url], options) => {
        const filter = options.text('filter')
        return {
          path: 'mirrors/add',
          body: {
            url,
            direction: options.text('direction') ?? 'pull',
            ...(filter !== undefined && { filters: [parsedIfJson(filter)] }),
          },
        }
      },
    },
    remove: {
      says: 'end it; what it brought stays',
      args: [ID],
      request: ([id]) => ({ path: 'mirrors/remove', body: { id } }),
    },
    pause: {
      says: 'stop it for now',
      args: [ID],
      request: ([id]) => ({ path: 'mirrors/pause', body: { id } }),
    },
    resume: {
      says: 'go on where it stopped',
      args: [ID],
      request: ([id]) => ({ path: 'mirrors/resume', body: { id } }),
    },
    list: { says: 'mirrors and how they are', request: () => get('mirrors') },
  }),
  ...group('backup', {
    now: { says: 'begin a backup', request: () => ({ path: 'backups/start', body: {} }) },
    list: { says: 'backups, the newest first', request: () => get('backups') },
  }),
  ...group('jobs', {
    queues: {
      says: 'work that is done later: what waits, runs and was given up',
      isDefault: true,
      request: () => get('jobs/queues'),
    },
    failures: {
      says: 'jobs that were given up, the newest first',
      options: [
        LIMIT,
        { flags: '--queue <name>', says: 'only of this one' },
        { flags: '--after <id>', says: 'only behind this one' },
      ],
      request: (_args, options) =>
        get('jobs/failures', {
          limit: options.text('limit'),
          queue: options.text('queue'),
          after: options.text('after'),
        }),
    },
    retry: {
      says: 'have one tried again',
      args: [ID],
      request: ([id]) => ({ path: 'jobs/retry', body: { id } }),
    },
    remove: {
      says: 'forget one',
      args: [ID],
      request: ([id]) => ({ path: 'jobs/remove', body: { id } }),
    },
  }),
  ...group('audit', {
    list: {
      says: 'what people with power did, the newest first',
      options: [
        LIMIT,
        { flags: '--before <number>', says: 'only before this row' },
        { flags: '--actor <name>', says: 'only of this key, or cli', read: keyOrText },
        { flags: '--action <name>', says: 'only this' },
        { flags: '--subject <text>', says: 'only about this', read: keyOrText },
      ],
      request: (_args, options) =>
        get('audit', {
          limit: options.text('limit'),
          beforeNumber: options.text('before'),
          actor: options.text('actor'),
          action: options.text('action'),
          subject: options.text('subject'),
        }),
    },
    verify: { says: 'check that nobody changed the log', request: () => get('audit/verify') },
  }),
]

const DAY_SECONDS = 86_400

function get(path: string, query: Readonly<Record<string, string | undefined>> = {}): AdminRequest {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  )
  return { path: given.length === 0 ? path : `${path}?${new URLSearchParams(given)}` }
}

function change(one: object): AdminRequest {
  return { path: 'access/change', body: { changes: [one] } }
}

function entriesOf(says: string, list: string, others: readonly string[]): Described {
  const choice: readonly AdminOption[] =
    others.length === 0 ? [] : [{ flags: '--list <name>', says: `${[list, ...others].join(', ')}` }]
  return {
    says,
    options: [
      ...choice,
      LIMIT,
      { flags: '--after <subject>', says: 'only behind this one', read: keyOrText },
    ],
    request: (_args, options) =>
      get('access/entries', {
        list: options.text('list') ?? list,
        limit: options.text('limit'),
        after: options.text('after'),
      }),
  }
}

function kicking(says: string, argument: AdminArgument, member: string): Described {
  return {
    says: `close ${says}`,
    args: [argument],
    options: [{ flags: '--text <text>', says: 'what the client is told' }],
    request: ([value], options) => ({
      path: 'connections/close',
      body: { [member]: value, ...optional('text', options) },
    }),
  }
}

function optional(name: string, options: AdminOptions): object {
  const value = options.text(name)
  return value === undefined ? {} : { [name]: value }
}

/** A number that was typed; what is none goes as it is, and is refused where it arrives. */
function numberOf(options: AdminOptions, name: string, member = name): object {
  const value = options.text(name)
  if (value === undefined) return {}
  return { [member]: /^-?\d{1,15}$/.test(value) ? Number(value) : value }
}

/** What is no JSON goes as it is, and is refused where it arrives. */
function parsedIfJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function expiryOf(options: AdminOptions): object {
  const days = options.text('days')
  if (days === undefined) return {}
  const seconds = options.nowSeconds + Number(days) * DAY_SECONDS
  return { expiresAtSeconds: Number.isFinite(seconds) ? Math.round(seconds) : days }
}

function wholeNumber(name: string, min: number, max: number): AdminArgument {
  return {
    name,
    read: (text) =>
      /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max
        ? accepted(text)
        : refused(`must be a whole number from ${min} to ${max}`),
  }
}

function oneOf(name: string, words: readonly string[]): AdminArgument {
  return {
    name,
    read: (text) => (words.includes(text) ? accepted(text) : refused(`must be one of ${words.join(', ')}`)),
  }
}

/** The audit log knows people by their keys in hex, and other things by their names. */
function keyOrText(text: string): Outcome<string, string> {
  return /^(nostr:)?(npub|nprofile|nsec)1/i.test(text) ? readPubkeyText(text) : accepted(text)
}

/** A key, an event, or the SHA-256 of a file. */
function readTarget(text: string): Outcome<string, string> {
  const key = readPubkeyText(text)
  if (key.ok) return key
  const event = readEventIdText(text)
  return event.ok ? event : refused('must be 64 hex characters, npub1… or note1…')
}
