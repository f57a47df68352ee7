/** What goes in and out over HTTP: requests are held to these schemas, and the OpenAPI document shows them. */
import Type, { type TSchema } from 'typebox'
import type { AuthLevel } from '../relay/index.ts'

/** An object with these members and no others. */
export function exactly<P extends Record<string, TSchema>>(properties: P) {
  return Type.Object(properties, { additionalProperties: false })
}

export function listOf<S extends TSchema>(items: S) {
  return Type.Array(items)
}

export const PubkeyText = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: 'A public key, 64 lowercase hex characters.',
})
export const EventIdText = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: 'An event id, 64 lowercase hex characters.',
})
export const ReasonText = Type.String({ maxLength: 1_000 })
export const Seconds = Type.Integer({
  minimum: 0,
  maximum: 253_402_300_799,
  description: 'Unix time in seconds.',
})
export const PageLimit = Type.Integer({ minimum: 1, maximum: 500 })
const Kind = Type.Integer({ minimum: 0, maximum: 65_535 })
const IpText = Type.String({
  minLength: 2,
  maxLength: 50,
  description: 'An IP address, or a range like 10.0.0.0/8.',
})
const Level = Type.Unsafe<AuthLevel>(
  Type.Integer({
    minimum: 0,
    maximum: 4,
    description: '0 anonymous, 1 stranger, 2 member, 3 subscriber, 4 trusted.',
  }),
)

export function oneOf<const T extends readonly string[]>(words: T) {
  return Type.Unsafe<T[number]>(Type.Enum([...words]))
}

export const StaffRoleWord = oneOf(['owner', 'operator', 'moderator', 'service'])

const withPubkey = <const V extends string>(verb: V) =>
  exactly({ do: Type.Literal(verb), pubkey: PubkeyText })
const withPubkeyAndReason = <const V extends string>(verb: V) =>
  exactly({ do: Type.Literal(verb), pubkey: PubkeyText, reason: ReasonText })
const withKind = <const V extends string>(verb: V) => exactly({ do: Type.Literal(verb), kind: Kind })
const withIp = <const V extends string>(verb: V) => exactly({ do: Type.Literal(verb), ip: IpText })

/** `AccessChange` of src/relay; where `operations/access.ts` hands one on, the compiler holds the two together. */
export const AccessChangeShape = Type.Union([
  withPubkeyAndReason('ban-pubkey'),
  withPubkey('unban-pubkey'),
  withPubkeyAndReason('allow-pubkey'),
  withPubkey('unallow-pubkey'),
  withPubkeyAndReason('shadow-pubkey'),
  withPubkey('unshadow-pubkey'),
  exactly({ do: Type.Literal('ban-event'), id: EventIdText, reason: ReasonText }),
  exactly({ do: Type.Literal('unban-event'), id: EventIdText }),
  withKind('allow-kind'),
  withKind('disallow-kind'),
  withKind('forget-kind'),
  exactly({ do: Type.Literal('block-ip'), ip: IpText, reason: ReasonText }),
  withIp('unblock-ip'),
  withIp('unlimit-ip'),
  withIp('limit-ip'),
  exactly({
    do: Type.Literal('set-level'),
    pubkey: PubkeyText,
    level: Level,
    expiresAtSeconds: Type.Optional(Seconds),
  }),
  withPubkey('unset-level'),
  exactly({ do: Type.Literal('set-maintenance'), maintenance: Type.Boolean() }),
  exactly({
    do: Type.Literal('set-max-connections'),
    maxConnections: Type.Optional(Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 })),
  }),
  exactly({
    do: Type.Literal('set-information'),
    name: Type.Optional(Type.String({ maxLength: 100 })),
    description: Type.Optional(Type.String({ maxLength: 10_000 })),
    icon: Type.Optional(Type.String({ maxLength: 2_000 })),
  }),
])

const Words = Type.Record(Type.String(), Type.String())

export const AccessListsShape = exactly({
  bannedPubkeys: Words,
  allowedPubkeys: Words,
  bannedEvents: Words,
  allowedKinds: listOf(Kind),
  deniedKinds: listOf(Kind),
  blockedIps: Words,
  shadowPubkeys: Words,
  levels: Type.Record(Type.String(), exactly({ level: Level, expiresAtSeconds: Type.Optional(Seconds) })),
  unlimitedIps: listOf(IpText),
  maintenance: Type.Boolean(),
  maxConnections: Type.Optional(Type.Integer()),
  information: exactly({
    name: Type.Optional(Type.String()),
    description: Type.Optional(Type.String()),
    icon: Type.Optional(Type.String()),
  }),
})

export const ListNameWord = oneOf([
  'banned-pubkey',
  'allowed-pubkey',
  'banned-event',
  'allowed-kind',
  'denied-kind',
  'blocked-ip',
  'shadow-pubkey',
  'level',
  'unlimited-ip',
])

export const EntryShape = exactly({
  subject: Type.String(),
  reason: Type.String(),
  level: Type.Optional(exactly({ level: Level, expiresAtSeconds: Type.Optional(Seconds) })),
  addedBy: Type.String(),
  addedAtSeconds: Seconds,
})

const EventShape = exactly({
  id: EventIdText,
  pubkey: PubkeyText,
  created_at: Type.Integer(),
  kind: Kind,
  tags: listOf(listOf(Type.String())),
  content: Type.String(),
  sig: Type.String(),
})

export const HeldStateWord = oneOf(['waiting', 'approved', 'published', 'rejected'])

export const HeldShape = exactly({
  event: EventShape,
  why: Type.String(),
  heldAtSeconds: Seconds,
  state: HeldStateWord,
  decidedBy: Type.Optional(Type.String()),
  decidedAtSeconds: Type.Optional(Seconds),
  answer: Type.Optional(Type.String()),
})

export const SubjectWord = oneOf(['person', 'event', 'blob'])
export const DecisionWord = oneOf(['dismiss', 'uphold', 'ban-event', 'ban-pubkey', 'shadow-pubkey'])

export const ReportedShape = exactly({
  subject: SubjectWord,
  target: Type.String(),
  reporters: Type.Integer(),
  weight: Type.Number(),
  types: listOf(Type.String()),
  firstAtSeconds: Seconds,
  lastAtSeconds: Seconds,
  complaints: listOf(
    exactly({
      reportId: EventIdText,
      reporter: PubkeyText,
      type: Type.String(),
      comment: Type.String(),
      weight: Type.Number(),
      atSeconds: Seconds,
    }),
  ),
})

export const MemberShape = exactly({
  pubkey: PubkeyText,
  sinceSeconds: Seconds,
  invitedBy: Type.String(),
  inviteCode: Type.Optional(Type.String()),
  roles: listOf(Type.String()),
})

export const InviteShape = exactly({
  code: Type.String(),
  madeBy: Type.String(),
  madeAtSeconds: Seconds,
  maxUses: Type.Integer(),
  uses: Type.Integer(),
  expiresAtSeconds: Type.Optional(Seconds),
  revokedAtSeconds: Type.Optional(Seconds),
})

export const RoleIdText = Type.String({ minLength: 1, maxLength: 64 })

export const RoleShape = exactly({
  id: RoleIdText,
  label: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
  description: Type.Optional(Type.String({ maxLength: 1_000 })),
  color: Type.Optional(Type.Integer({ minimum: 0, maximum: 360, description: 'A hue in degrees.' })),
  order: Type.Optional(Type.Integer({ minimum: -1_000_000, maximum: 1_000_000 })),
})

export const StaffShape = exactly({
  pubkey: PubkeyText,
  role: StaffRoleWord,
  grantedBy: Type.String(),
  grantedAtSeconds: Seconds,
})

export const TrustedShape = exactly({
  pubkey: PubkeyText,
  reason: Type.String(),
  addedBy: Type.String(),
  addedAtSeconds: Seconds,
})

export const SubscriptionShape = exactly({ pubkey: PubkeyText, untilSeconds: Seconds })

export const NameShape = exactly({
  name: Type.String({ minLength: 1, maxLength: 64 }),
  pubkey: PubkeyText,
  relays: Type.Array(Type.String({ maxLength: 500 }), { maxItems: 10 }),
})

export const ConnectionShape = exactly({
  id: Type.String(),
  address: Type.String(),
  pubkeys: listOf(PubkeyText),
  level: Level,
  authenticatorIds: listOf(EventIdText),
  subscriptions: listOf(exactly({ id: Type.String(), filters: listOf(Type.Unknown()) })),
  requests: Type.Integer(),
  bytesIn: Type.Integer(),
  bytesOut: Type.Integer(),
  startedAtMs: Type.Number(),
})

export const SettingShape = exactly({ key: Type.String(), value: Type.String(), source: Type.String() })

export const DirectionWord = oneOf(['pull', 'push', 'both'])
const Fact = Type.Union([Type.String(), Type.Number(), Type.Boolean()])

export const MirrorShape = exactly({
  id: Type.String(),
  url: Type.String(),
  direction: DirectionWord,
  isPaused: Type.Boolean(),
  state: Type.String(),
  facts: Type.Record(Type.String(), Fact),
})

export const BackupShape = exactly({
  name: Type.String(),
  atSeconds: Seconds,
  bytes: Type.Integer(),
  events: Type.Integer(),
})

export const JobQueueShape = exactly({
  name: Type.String(),
  queued: Type.Integer(),
  active: Type.Integer(),
  failed: Type.Integer(),
  deadLetters: Type.Integer(),
  oldestWaitingMs: Type.Integer(),
  schedule: Type.Optional(Type.String()),
  nextRunAtMs: Type.Optional(Type.Number()),
})

export const JobFailureShape = exactly({
  id: Type.String(),
  queue: Type.String(),
  key: Type.Optional(Type.String()),
  data: Type.String({ description: 'JSON.' }),
  reason: Type.String(),
  failedAtMs: Type.Number(),
})

export const StatusShape = exactly({
  version: Type.String(),
  startedAtSeconds: Seconds,
  connections: Type.Integer(),
  subscriptions: Type.Integer(),
  events: Type.Integer(),
  health: Type.Record(Type.String(), Type.Record(Type.String(), Fact)),
})

export const AuditEntryShape = exactly({
  number: Type.Integer(),
  atMs: Type.Number(),
  actor: Type.String(),
  role: Type.String(),
  apiKey: Type.Optional(exactly({ id: Type.String(), name: Type.String() })),
  action: Type.String(),
  subject: Type.String(),
  before: Type.Optional(Type.Unknown()),
  after: Type.Optional(Type.Unknown()),
  hash: Type.String(),
})

export const ErrorShape = exactly({
  error: exactly({ code: Type.String(), message: Type.String() }),
})

/** What a change answers that has nothing to tell. */
export const DoneShape = exactly({ done: Type.Literal(true) })
