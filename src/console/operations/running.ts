/** The running program: connections, settings, mirrors, backups, its state, and the log of who did what. */
import Type from 'typebox'
import { accepted, refused } from '../../kernel/index.ts'
import type { ConnectionSelector } from '../../relay/index.ts'
import {
  AuditEntryShape,
  BackupShape,
  ConnectionShape,
  DirectionWord,
  DoneShape,
  exactly,
  JobFailureShape,
  JobQueueShape,
  listOf,
  MirrorShape,
  PageLimit,
  PubkeyText,
  Seconds,
  SettingShape,
  StatusShape,
} from '../schemas.ts'
import { changing, done, listed, type Operation, showing } from './operation.ts'

const Nothing = exactly({})
const ConnectionId = Type.String({ minLength: 1, maxLength: 100 })
const Address = Type.String({
  minLength: 2,
  maxLength: 60,
  description: 'As connections show it: IPv6 by its /64.',
})
const MirrorId = exactly({ id: Type.String({ minLength: 1, maxLength: 500 }) })
/** Of a WebSocket close frame, less what the text may be wrapped in. */
const CloseText = Type.String({ maxLength: 120 })
const DEFAULT_CLOSE_TEXT = 'closed by an operator'
const UUID = '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
const DEFAULT_CONNECTIONS = 1_000

const CONNECTIONS: readonly Operation[] = [
  showing({
    path: 'connections',
    says: 'Open connections, those with the most traffic first.',
    need: 'operate',
    desk: 'connections',
    input: exactly({
      pubkey: Type.Optional(PubkeyText),
      address: Type.Optional(Address),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })),
    }),
    output: listOf(ConnectionShape),
    run: async (desk, { pubkey, address, limit = DEFAULT_CONNECTIONS }) => {
      const meant = (await desk.list()).filter(
        (connection) =>
          (pubkey === undefined || connection.pubkeys.includes(pubkey)) &&
          (address === undefined || connection.address === address),
      )
      const traffic = ({ bytesIn, bytesOut }: (typeof meant)[number]) => bytesIn + bytesOut
      return accepted(meant.toSorted((a, b) => traffic(b) - traffic(a)).slice(0, limit))
    },
  }),
  changing({
    path: 'connections/close',
    says: 'Closes connections with code 3502: one by its id, or all of a key or of an address, on every process.',
    need: 'operate',
    desk: 'moderation',
    input: exactly({
      id: Type.Optional(ConnectionId),
      pubkey: Type.Optional(PubkeyText),
      address: Type.Optional(Address),
      text: Type.Optional(CloseText),
    }),
    output: exactly({ closed: Type.Integer({ description: 'On this process.' }) }),
    run: async (desk, { text = DEFAULT_CLOSE_TEXT, ...named }, by) => {
      const whom = selectorOf(named)
      return whom === undefined ? refused(NAME_ONE) : desk.disconnect(whom, { by, text })
    },
  }),
]

const NAME_ONE = { code: 'INVALID', text: 'name exactly one of id, pubkey and address' }

interface Named {
  readonly id?: string
  readonly pubkey?: string
  readonly address?: string
}

function selectorOf({ id, pubkey, address }: Named): ConnectionSelector | undefined {
  const selectors: readonly ConnectionSelector[] = [
    ...(id === undefined ? [] : [{ id }]),
    ...(pubkey === undefined ? [] : [{ pubkey }]),
    ...(address === undefined ? [] : [{ address }]),
  ]
  return selectors.length === 1 ? selectors[0] : undefined
}

const SETTINGS: readonly Operation[] = [
  showing({
    path: 'settings',
    says: 'Every setting, its value, and where that comes from. Secrets stay hidden.',
    need: 'operate',
    desk: 'settings',
    input: Nothing,
    output: listOf(SettingShape),
    run: (desk) => listed(desk.list()),
  }),
  changing({
    path: 'settings/change',
    says: 'Changes a setting that a running program can take over.',
    need: 'operate',
    desk: 'settings',
    input: exactly({
      key: Type.String({ minLength: 1, maxLength: 200 }),
      value: Type.String({ maxLength: 100_000, description: 'As in the environment: `25`, `true`, `a, b`.' }),
    }),
    output: DoneShape,
    run: (desk, setting, by) => done(desk.change(setting, by)),
  }),
]

const MIRRORS: readonly Operation[] = [
  showing({
    path: 'mirrors',
    says: 'Relays that this one follows or feeds.',
    need: 'operate',
    desk: 'mirrors',
    input: Nothing,
    output: listOf(MirrorShape),
    run: (desk) => desk.list(),
  }),
  changing({
    path: 'mirrors/add',
    says: 'Begins to follow or feed a relay.',
    need: 'operate',
    desk: 'mirrors',
    input: exactly({
      url: Type.String({ minLength: 5, maxLength: 2_000, pattern: '^wss?://' }),
      direction: DirectionWord,
      filters: Type.Optional(Type.Array(Type.Object({}), { maxItems: 20 })),
    }),
    output: exactly({ id: Type.String() }),
    run: (desk, { filters = [], ...mirror }, by) => desk.add({ ...mirror, filters }, by),
  }),
  changing({
    path: 'mirrors/remove',
    says: 'Ends a mirror; what it brought stays.',
    need: 'operate',
    desk: 'mirrors',
    input: MirrorId,
    output: DoneShape,
    run: (desk, { id }, by) => done(desk.remove(id, by)),
  }),
  changing({
    path: 'mirrors/pause',
    says: 'Stops a mirror until it is resumed.',
    need: 'operate',
    desk: 'mirrors',
    input: MirrorId,
    output: DoneShape,
    run: (desk, { id }, by) => done(desk.pause(id, by)),
  }),
  changing({
    path: 'mirrors/resume',
    says: 'Goes on with a mirror where it stopped.',
    need: 'operate',
    desk: 'mirrors',
    input: MirrorId,
    output: DoneShape,
    run: (desk, { id }, by) => done(desk.resume(id, by)),
  }),
]

const BACKUPS: readonly Operation[] = [
  showing({
    path: 'backups',
    says: 'Backups that the program has made of itself, the newest first.',
    need: 'operate',
    desk: 'backups',
    input: Nothing,
    output: listOf(BackupShape),
    run: (desk) => desk.list(),
  }),
  changing({
    path: 'backups/start',
    says: 'Begins a backup.',
    need: 'operate',
    desk: 'backups',
    input: Nothing,
    output: exactly({ name: Type.String() }),
    run: (desk, _input, by) => desk.start(by),
  }),
]

const JobId = exactly({
  id: Type.String({ pattern: UUID, description: 'As the list of failures names it.' }),
})

const JOBS: readonly Operation[] = [
  showing({
    path: 'jobs/queues',
    says: 'Work that is done later: how much of each kind waits, runs and was given up, and when more comes by the clock.',
    need: 'operate',
    desk: 'jobs',
    input: Nothing,
    output: listOf(JobQueueShape),
    run: (desk) => listed(desk.queues()),
  }),
  showing({
    path: 'jobs/failures',
    says: 'Jobs that were given up and wait for somebody to decide, the newest first.',
    need: 'operate',
    desk: 'jobs',
    input: exactly({
      queue: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
      after: Type.Optional(Type.String({ pattern: UUID, description: 'The last id of the page before.' })),
      limit: Type.Optional(PageLimit),
    }),
    output: listOf(JobFailureShape),
    run: (desk, page) => listed(desk.failures(page)),
  }),
  changing({
    path: 'jobs/retry',
    says: 'Has a job that was given up tried again, from the beginning.',
    need: 'operate',
    desk: 'jobs',
    input: JobId,
    output: DoneShape,
    run: (desk, { id }, by) => done(desk.retry(id, by)),
  }),
  changing({
    path: 'jobs/remove',
    says: 'Forgets a job that was given up: it will not be done.',
    need: 'operate',
    desk: 'jobs',
    input: JobId,
    output: DoneShape,
    run: (desk, { id }, by) => done(desk.remove(id, by)),
  }),
]

const AUDIT: readonly Operation[] = [
  showing({
    path: 'status',
    says: 'What runs, since when, and how it is.',
    need: 'moderate',
    desk: 'status',
    input: Nothing,
    output: StatusShape,
    run: (desk) => listed(desk.status()),
  }),
  showing({
    path: 'audit',
    says: 'What people with power did, the newest first.',
    need: 'operate',
    desk: 'audit',
    input: exactly({
      beforeNumber: Type.Optional(Type.Integer({ minimum: 1 })),
      actor: Type.Optional(Type.String({ maxLength: 256 })),
      action: Type.Optional(Type.String({ maxLength: 256 })),
      subject: Type.Optional(Type.String({ maxLength: 256 })),
      limit: Type.Optional(PageLimit),
    }),
    output: listOf(AuditEntryShape),
    run: (desk, query) => listed(desk.list(query)),
  }),
  showing({
    path: 'audit/verify',
    says: 'Computes the chain of the audit log anew and compares it with the published checkpoints; names the newest.',
    need: 'operate',
    desk: 'audit',
    input: Nothing,
    output: exactly({
      entries: Type.Integer(),
      head: Type.Optional(exactly({ number: Type.Integer(), hash: Type.String() })),
      checkpoint: Type.Optional(exactly({ number: Type.Integer(), hash: Type.String(), atSeconds: Seconds })),
    }),
    run: (desk) => desk.verify(),
  }),
]

export const RUNNING_OPERATIONS: readonly Operation[] = [
  ...CONNECTIONS,
  ...SETTINGS,
  ...MIRRORS,
  ...BACKUPS,
  ...JOBS,
  ...AUDIT,
]
