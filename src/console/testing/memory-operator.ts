/** An operator whose desks are lists in memory: it does what the real parts do, as far as the console can tell. */
import { createMemoryNode } from '../../interledger/node/testing/index.ts'
import { accepted, type Outcome, type Refusal, refused } from '../../kernel/index.ts'
import { type Nip05Person, type NostrEvent, nip05Document } from '../../nostr/index.ts'
import { AccessLists, type ConnectionFacts, type ConnectionSelector } from '../../relay/index.ts'
import type {
  Actor,
  BackupFacts,
  CommunityMember,
  Desks,
  HeldEvent,
  Invite,
  JobFailure,
  LedgerDesk,
  MirrorFacts,
  Operator,
  ReportedThing,
  SettlementDesk,
  StaffMember,
} from '../operator.ts'
import { AT_SECONDS, NOT_THERE, type Note } from './memory-desk.ts'
import { memoryObservatoryDesk } from './memory-observatory-desk.ts'

export interface MemoryOperator {
  readonly operator: Operator
  /** Who did what, in order; what it was done to stands behind the word. */
  readonly done: { readonly by: Actor; readonly what: string }[]
  readonly access: AccessLists
  readonly staff: StaffMember[]
  readonly held: HeldEvent[]
  readonly reports: ReportedThing[]
  /** Who wrote a reported event, by its id. */
  readonly authors: Map<string, string>
  readonly connections: ConnectionFacts[]
  readonly names: Nip05Person[]
  /** Desks that are closed at the moment. */
  readonly closed: Set<keyof Desks>
}

export function createMemoryOperator(): MemoryOperator {
  const done: MemoryOperator['done'] = []
  const note = (by: Actor, what: string) => void done.push({ by, what })
  const access = new AccessLists()
  const staff: StaffMember[] = []
  const held: HeldEvent[] = []
  const reports: ReportedThing[] = []
  const authors = new Map<string, string>()
  const connections: ConnectionFacts[] = []
  const names: Nip05Person[] = []
  const closed = new Set<keyof Desks>()

  const desks: Desks = {
    moderation: moderationDesk({ access, held, reports, authors, connections, note }),
    membership: membershipDesk(note),
    staff: {
      listStaff: async () => staff,
      rolesOf: async (pubkey) => staff.flatMap((one) => (one.pubkey === pubkey ? [one.role] : [])),
      grantRole: async ({ pubkey, role }, by) => {
        if (by.role === 'operator' && (role === 'owner' || role === 'operator')) {
          return refused({ code: 'NOT_ALLOWED', text: `operator may not make anybody ${role}` })
        }
        staff.push({ pubkey, role, grantedBy: by.actor, grantedAtSeconds: AT_SECONDS })
        note(by, `grant ${role} ${pubkey}`)
        return accepted(undefined)
      },
      revokeRole: async ({ pubkey, role }, by) => {
        note(by, `revoke ${role} ${pubkey}`)
        return removeFrom(staff, (one) => one.pubkey === pubkey && one.role === role)
      },
    },
    trusted: trustedDesk(note),
    subscriptions: subscriptionsDesk(note),
    names: {
      document: async (name) => nip05Document(names.filter((person) => person.name === name)),
      list: async (after = '') => names.filter(({ name }) => name > after),
      set: async (person, by) => {
        names.push(person)
        note(by, `name ${person.name}`)
        return accepted(undefined)
      },
      remove: async (name, by) => {
        note(by, `unname ${name}`)
        return removeFrom(names, (person) => person.name === name)
      },
    },
    connections: { list: async () => connections },
    settings: settingsDesk(note),
    mirrors: mirrorsDesk(note),
    backups: backupsDesk(note),
    jobs: jobsDesk(note),
    ledger: LEDGER_DESK,
    interledger: createMemoryNode().node,
    settlement: settlementDesk(note),
    observatory: memoryObservatoryDesk(note),
    status: {
      status: async () => ({
        version: '0.0.0',
        startedAtSeconds: AT_SECONDS,
        connections: connections.length,
        subscriptions: 0,
        events: 5,
        health: { store: { status: 'ok', events: 5 } },
      }),
    },
    audit: {
      list: async ({ limit = 100 }) =>
        done
          .map(({ by, what }, index) => ({
            ...by,
            number: index + 1,
            atMs: AT_SECONDS * 1_000,
            action: what.split(' ')[0] ?? '',
            subject: what,
            hash: '00'.repeat(32),
          }))
          .toReversed()
          .slice(0, limit),
      verify: async () => accepted({ entries: done.length, head: undefined }),
    },
  }
  const doorTo =
    <N extends keyof Desks>(name: N) =>
    () =>
      closed.has(name) ? undefined : desks[name]
  const operator: Operator = {
    moderation: doorTo('moderation'),
    membership: doorTo('membership'),
    staff: doorTo('staff'),
    trusted: doorTo('trusted'),
    subscriptions: doorTo('subscriptions'),
    names: doorTo('names'),
    connections: doorTo('connections'),
    settings: doorTo('settings'),
    mirrors: doorTo('mirrors'),
    backups: doorTo('backups'),
    jobs: doorTo('jobs'),
    ledger: doorTo('ledger'),
    interledger: doorTo('interledger'),
    settlement: doorTo('settlement'),
    observatory: doorTo('observatory'),
    status: doorTo('status'),
    audit: doorTo('audit'),
  }
  return { operator, done, access, staff, held, reports, authors, connections, names, closed }
}

const LEDGER_DESK: LedgerDesk = {
  accounts: async ({ prefix = '' } = {}) =>
    ['assets/peer/bob', 'liabilities/credit/alice']
      .filter((path) => path.startsWith(prefix))
      .map((path) => ({ path, asset: 'msat', balance: 2n ** 70n, held: 1n, floor: undefined })),
  statement: async () => ({
    lines: [
      {
        transferId: 7n,
        key: 'k',
        memo: 'a memo',
        atMs: AT_SECONDS * 1_000,
        side: 'debit',
        amount: 5n,
        balance: 5n,
      },
    ],
    next: undefined,
  }),
  trialBalance: async () => [{ asset: 'msat', debits: 5n, credits: 5n, wrongBalances: 0 }],
}

const ORDER_KEYS: readonly string[] = ['order-2', 'order-1']

function settlementDesk(note: Note): SettlementDesk {
  return {
    figures: async () => ({
      orders: [{ rail: 'stub', state: 'sent', count: 1 }],
      channels: [{ rail: 'stub', direction: 'in', state: 'open', count: 1 }],
      requests: 2,
      noticesWaiting: 0,
      rails: [
        {
          rail: 'stub',
          status: 'degraded',
          failedRounds: 3,
          lastRoundMs: AT_SECONDS * 1_000,
          lastError: 'RAIL_FAILED: the network does not answer',
          undelivered: 0,
        },
      ],
    }),
    orders: async () =>
      ORDER_KEYS.map((key) => ({
        key,
        rail: 'stub',
        asset: 'msat',
        party: 'peer/bob',
        kind: 'pay',
        amount: 2n ** 70n,
        channelId: undefined,
        state: 'sent',
        tries: 1,
        reason: undefined,
        createdAtMs: AT_SECONDS * 1_000,
      })),
    listChannels: async () => [
      {
        rail: 'stub',
        id: 'channel-1',
        direction: 'in',
        party: 'peer/bob',
        asset: 'msat',
        claimKey: '00',
        deposit: 10n,
        redeemed: 2n,
        claimed: 5n,
        nonce: 3n,
        acknowledged: 3n,
        state: 'open',
        closesAtMs: undefined,
        seenMs: AT_SECONDS * 1_000,
      },
    ],
    giveUp: async (key, { isNeverTaken }, by) => {
      if (!ORDER_KEYS.includes(key)) return refused({ code: 'UNKNOWN_ORDER', text: 'there is no such order' })
      if (!isNeverTaken) {
        const text = `stub does not say that it never took order ${key}; find out, and say so yourself`
        return refused({ code: 'ORDER_UNCERTAIN', text })
      }
      note(by, `give-up ${key}`)
      return accepted({ state: 'given_up' })
    },
  }
}

/** An event that waits, or is complained of; only its id matters here. */
export function heldEvent(id: string): HeldEvent {
  const event: NostrEvent = {
    id,
    pubkey: 'aa'.repeat(32),
    created_at: AT_SECONDS,
    kind: 1,
    tags: [],
    content: 'hello',
    sig: '00'.repeat(64),
  }
  return { event, why: 'first post', heldAtSeconds: AT_SECONDS, state: 'waiting' }
}

export function reportedEvent(id: string): ReportedThing {
  return {
    subject: 'event',
    target: id,
    reporters: 2,
    weight: 3,
    types: ['spam'],
    firstAtSeconds: AT_SECONDS,
    lastAtSeconds: AT_SECONDS,
    complaints: [],
  }
}

export function testConnection(id: string, members: Partial<ConnectionFacts> = {}): ConnectionFacts {
  return {
    id,
    address: '192.0.2.1',
    pubkeys: [],
    level: 0,
    authenticatorIds: [],
    subscriptions: [{ id: 'feed', filters: [{ kinds: [1] }] }],
    requests: 3,
    bytesIn: 100,
    bytesOut: 200,
    startedAtMs: Date.now() - 90_000,
    ...members,
  }
}

function moderationDesk({
  access,
  held,
  reports,
  authors,
  connections,
  note,
}: Pick<MemoryOperator, 'access' | 'held' | 'reports' | 'authors' | 'connections'> & {
  readonly note: Note
}): Desks['moderation'] {
  return {
    lists: () => access.toJSON(),
    entries: async (list) => {
      const { bannedPubkeys } = access.toJSON()
      const listed = list === 'banned-pubkey' ? Object.entries(bannedPubkeys) : []
      return accepted(
        listed.map(([subject, reason]) => ({ subject, reason, addedBy: 'cli', addedAtSeconds: AT_SECONDS })),
      )
    },
    change: async (changes, { by, purge = false }) => {
      for (const change of changes) {
        access.apply(change)
        note(by, `${change.do} ${JSON.stringify(change)}${purge ? ' purge' : ''}`)
      }
      return accepted({ changed: changes.length })
    },
    allowEvent: async (id, by) => {
      access.apply({ do: 'unban-event', id })
      note(by, `allow-event ${id}`)
      return accepted(undefined)
    },
    disconnect: async (whom, { by, text }) => {
      note(by, `disconnect ${JSON.stringify(whom)} ${text}`)
      const meant = connections.filter((connection) => isMeant(connection, whom))
      for (const connection of meant) connections.splice(connections.indexOf(connection), 1)
      return accepted({ closed: meant.length })
    },
    held: {
      list: async ({ state = 'waiting' } = {}) => accepted(held.filter((one) => one.state === state)),
      approve: async (id, by) => {
        note(by, `approve ${id}`)
        const removed = removeFrom(held, ({ event }) => event.id === id)
        return removed.ok ? accepted({ answer: 'stored' }) : removed
      },
      reject: async (id, by) => {
        note(by, `reject ${id}`)
        return removeFrom(held, ({ event }) => event.id === id)
      },
    },
    reports: {
      list: async () => accepted(reports),
      resolve: async ({ subject, target }, { decision, by, mayJudge }) => {
        const author = subject === 'event' ? authors.get(target) : target
        const isAgainstKey = decision === 'ban-pubkey' || decision === 'shadow-pubkey'
        if (isAgainstKey && author !== undefined && (await mayJudge?.(author)) === false) {
          return refused({ code: 'NOT_ALLOWED', text: 'a moderator may not judge operators and owners' })
        }
        note(by, `resolve ${subject} ${target} ${decision}`)
        return removeFrom(reports, (report) => report.target === target)
      },
    },
  }
}

function isMeant(connection: ConnectionFacts, whom: ConnectionSelector): boolean {
  if ('id' in whom) return connection.id === whom.id
  return 'pubkey' in whom ? connection.pubkeys.includes(whom.pubkey) : connection.address === whom.address
}

function membershipDesk(note: Note): Desks['membership'] {
  const members: CommunityMember[] = []
  const invites: Invite[] = []
  const roles: { readonly id: string }[] = []
  const keep = async (what: string, by: Actor): Promise<Outcome<undefined, Refusal>> => {
    note(by, what)
    return accepted(undefined)
  }
  return {
    listMembers: async () => members,
    addMembers: async (pubkeys, by) => {
      for (const pubkey of pubkeys) {
        members.push({ pubkey, sinceSeconds: AT_SECONDS, invitedBy: by.actor, roles: [] })
      }
      note(by, `add-members ${pubkeys.join(' ')}`)
      return accepted(pubkeys)
    },
    removeMembers: async (pubkeys, by) => {
      const gone = pubkeys.filter((pubkey) => removeFrom(members, (member) => member.pubkey === pubkey).ok)
      note(by, `remove-members ${pubkeys.join(' ')}`)
      return accepted(gone)
    },
    listInvites: async () => invites,
    createInvite: async ({ code = 'made-up-code', ...terms }, by) => {
      const invite = { code, ...terms, madeBy: by.actor, madeAtSeconds: AT_SECONDS, uses: 0 }
      invites.push(invite)
      note(by, `create-invite ${code}`)
      return accepted(invite)
    },
    revokeInvite: async (code, by) => {
      note(by, `revoke-invite ${code}`)
      return removeFrom(invites, (invite) => invite.code === code)
    },
    listRoles: async () => roles,
    putRole: async (role, by) => {
      removeFrom(roles, ({ id }) => id === role.id)
      roles.push(role)
      return keep(`put-role ${role.id}`, by)
    },
    removeRole: async (roleId, by) => {
      note(by, `remove-role ${roleId}`)
      return removeFrom(roles, ({ id }) => id === roleId)
    },
    assignRole: ({ pubkey, roleId }, by) => keep(`assign-role ${roleId} ${pubkey}`, by),
    unassignRole: ({ pubkey, roleId }, by) => keep(`unassign-role ${roleId} ${pubkey}`, by),
  }
}

function trustedDesk(note: Note): Desks['trusted'] {
  const authors: Awaited<ReturnType<Desks['trusted']['list']>>[number][] = []
  return {
    list: async () => authors,
    add: async (author, by) => {
      authors.push({ ...author, addedBy: by.actor, addedAtSeconds: AT_SECONDS })
      note(by, `trust ${author.pubkey}`)
      return accepted(undefined)
    },
    remove: async (pubkey, by) => {
      note(by, `distrust ${pubkey}`)
      return removeFrom(authors, (author) => author.pubkey === pubkey)
    },
  }
}

function subscriptionsDesk(note: Note): Desks['subscriptions'] {
  const all: { readonly pubkey: string; readonly untilSeconds: number }[] = []
  return {
    list: async () => all,
    set: async (subscription, by) => {
      all.push(subscription)
      note(by, `subscribe ${subscription.pubkey}`)
      return accepted(undefined)
    },
  }
}

function settingsDesk(note: Note): Desks['settings'] {
  const values = new Map([['relay.limits.maxLimit', '5000']])
  return {
    list: async () => Array.from(values, ([key, value]) => ({ key, value, source: 'default' })),
    change: async ({ key, value }, by) => {
      if (!values.has(key)) return refused({ code: 'INVALID', text: `${key} is not a setting` })
      values.set(key, value)
      note(by, `set ${key}`)
      return accepted(undefined)
    },
  }
}

function mirrorsDesk(note: Note): Desks['mirrors'] {
  const all: MirrorFacts[] = []
  const pause = async (id: string, isPaused: boolean, by: Actor): Promise<Outcome<undefined, Refusal>> => {
    const index = all.findIndex((mirror) => mirror.id === id)
    const mirror = all[index]
    if (mirror === undefined) return refused(NOT_THERE)
    all[index] = { ...mirror, isPaused }
    note(by, `${isPaused ? 'pause' : 'resume'} ${id}`)
    return accepted(undefined)
  }
  return {
    list: async () => accepted(all),
    add: async ({ url, direction }, by) => {
      const id = `mirror-${all.length + 1}`
      all.push({ id, url, direction, isPaused: false, state: 'connected', facts: { eventsIn: 1 } })
      note(by, `mirror ${url}`)
      return accepted({ id })
    },
    remove: async (id, by) => {
      note(by, `unmirror ${id}`)
      return removeFrom(all, (mirror) => mirror.id === id)
    },
    pause: (id, by) => pause(id, true, by),
    resume: (id, by) => pause(id, false, by),
  }
}

function backupsDesk(note: Note): Desks['backups'] {
  const all: BackupFacts[] = []
  return {
    list: async () => accepted(all),
    start: async (by) => {
      const name = `backup-${all.length + 1}`
      all.push({ name, atSeconds: AT_SECONDS, bytes: 1_024, events: 5 })
      note(by, `backup ${name}`)
      return accepted({ name })
    },
  }
}

/** Ids of the two jobs that were given up. */
export const FAILED_JOBS = [
  '00000000-0000-4000-8000-000000000001',
  '00000000-0000-4000-8000-000000000002',
] as const

function jobsDesk(note: Note): Desks['jobs'] {
  const failures = FAILED_JOBS.map(
    (id): JobFailure => ({
      id,
      queue: 'test.mail',
      data: '{"mailId":"1"}',
      reason: 'nobody answered',
      failedAtMs: AT_SECONDS * 1_000,
    }),
  )
  const take = async (what: string, id: string, by: Actor): Promise<Outcome<undefined, Refusal>> => {
    note(by, `${what} ${id}`)
    return removeFrom(failures, (failure) => failure.id === id)
  }
  return {
    queues: async () => [
      {
        name: 'test.mail',
        queued: 0,
        active: 0,
        failed: 2,
        deadLetters: failures.length,
        oldestWaitingMs: 0,
      },
      {
        name: 'test.sweep',
        queued: 0,
        active: 0,
        failed: 0,
        deadLetters: 0,
        oldestWaitingMs: 0,
        schedule: '17 * * * * UTC',
        nextRunAtMs: AT_SECONDS * 1_000,
      },
    ],
    failures: async ({ limit = 100 }) => failures.slice(0, limit),
    retry: (id, by) => take('retry-job', id, by),
    remove: (id, by) => take('remove-job', id, by),
  }
}

function removeFrom<T>(list: T[], isIt: (one: T) => boolean): Outcome<undefined, Refusal> {
  const index = list.findIndex(isIt)
  if (index === -1) return refused(NOT_THERE)
  list.splice(index, 1)
  return accepted(undefined)
}
