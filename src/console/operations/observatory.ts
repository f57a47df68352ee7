/** The observatory: how it stands, its relays, its alerts, tiers of API keys. Exports are streams: `../observatory-export.ts`. */
import Type from 'typebox'
import { WATCHED_STATES } from '../observatory-desk.ts'
import { exactly, listOf, oneOf, PageLimit, PubkeyText, Seconds } from '../schemas.ts'
import { changing, done, listed, type Operation, showing } from './operation.ts'

const Count = Type.Integer({ minimum: 0 })
const RelayUrl = Type.String({ minLength: 4, maxLength: 1_024, description: 'wss://relay.example.org' })
const KeyId = Type.String({ pattern: '^[0-9a-f]{16}$', description: 'The id of an API key; not its text.' })
const StateWord = oneOf(WATCHED_STATES)

const FactsShape = exactly({
  watch: oneOf(['own', 'network']),
  region: Type.String(),
  state: Type.String({ description: 'Of this process.' }),
  reason: Type.Optional(Type.String()),
  isKeeper: Type.Boolean({ description: 'This process keeps the figures.' }),
  hasKeeper: Type.Boolean({ description: 'Some process keeps the figures.' }),
  figures: Type.Optional(
    exactly({
      from: Type.String(),
      atSeconds: Seconds,
      relaysProven: Count,
      relaysWatched: Count,
      relaysConnected: Count,
      relaysCandidate: Count,
      events24h: Count,
      observedAtSeconds: Type.Optional(Seconds),
    }),
  ),
  snapshotAtSeconds: Type.Optional(Seconds),
  collector: Type.Optional(Type.Record(Type.String(), Type.Number())),
  delivery: Type.Optional(
    Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Boolean()])),
  ),
  waitingBatches: Count,
  setAsideBatches: Count,
  unreadableState: Type.Optional(Type.String()),
  checkpointSetAsideAtSeconds: Type.Optional(Seconds),
  offences: Type.Record(Type.String(), Count),
  collectors: listOf(exactly({ name: Type.String(), region: Type.String(), deliveredAtSeconds: Seconds })),
})

const RelayShape = exactly({
  url: Type.String(),
  state: StateWord,
  reason: Type.Optional(Type.String()),
  isProven: Type.Boolean(),
  origin: Type.String(),
  failures: Count,
  nextTryAtSeconds: Type.Optional(Seconds),
  reportedAtSeconds: Type.Optional(Seconds),
  events24h: Count,
  refusedBy: Type.Optional(Type.String()),
  refusedWhy: Type.Optional(Type.String()),
  refusedAtSeconds: Type.Optional(Seconds),
})

const AlertShape = exactly({
  id: Type.String(),
  name: Type.String(),
  state: oneOf(['quiet', 'firing']),
  sinceAtSeconds: Seconds,
  isPaused: Type.Boolean(),
  range: Type.String(),
  condition: Type.String({ description: 'JSON.' }),
  channels: listOf(Type.String()),
})

const SubscriptionShape = exactly({
  keyId: Type.String(),
  keyName: Type.String(),
  owner: Type.Optional(PubkeyText),
  isRevoked: Type.Boolean(),
  tier: Type.String({ description: 'What it has now.' }),
  requestsPer15Minutes: Count,
  subscription: Type.Optional(
    exactly({
      tier: Type.String({ description: 'What the next month is charged for.' }),
      state: Type.String(),
      paidTier: Type.Optional(Type.String()),
      paidMonth: Type.Optional(Type.String()),
    }),
  ),
})

const RELAYS: readonly Operation[] = [
  showing({
    path: 'observatory/relays',
    says: 'Relays that the observatory knows, by address: their state and why, and when they are tried next.',
    need: 'operate',
    desk: 'observatory',
    input: exactly({
      text: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'Part of the address.' })),
      state: Type.Optional(StateWord),
      refused: Type.Optional(Type.Boolean()),
      after: Type.Optional(RelayUrl),
      limit: Type.Optional(PageLimit),
    }),
    output: listOf(RelayShape),
    run: (desk, { refused, ...query }) =>
      desk.relays.list({ ...query, ...(refused !== undefined && { isRefused: refused }) }),
  }),
  changing({
    path: 'observatory/relays/add',
    says: 'Has a relay watched, where the network is.',
    need: 'operate',
    desk: 'observatory',
    input: exactly({ url: RelayUrl }),
    output: exactly({ url: Type.String(), isNew: Type.Boolean() }),
    run: (desk, { url }, by) => desk.relays.add(url, by),
  }),
  changing({
    path: 'observatory/relays/refuse',
    says: 'Has a relay left alone: it is left at once, and never connected to until it is allowed.',
    need: 'operate',
    desk: 'observatory',
    input: exactly({
      url: RelayUrl,
      why: Type.Optional(
        Type.String({ maxLength: 500, description: 'For other operators; nobody else sees it.' }),
      ),
    }),
    output: exactly({ url: Type.String() }),
    run: (desk, { url, why = '' }, by) => desk.relays.refuse(url, { why, by }),
  }),
  changing({
    path: 'observatory/relays/allow',
    says: 'Takes that back.',
    need: 'operate',
    desk: 'observatory',
    input: exactly({ url: RelayUrl }),
    output: exactly({ url: Type.String() }),
    run: (desk, { url }, by) => desk.relays.allow(url, by),
  }),
]

const TIERS: readonly Operation[] = [
  showing({
    path: 'observatory/tier',
    says: 'What an API key may ask of the observatory, and who pays for it.',
    need: 'operate',
    desk: 'observatory',
    input: exactly({ key: KeyId }),
    output: SubscriptionShape,
    run: (desk, { key }) => desk.tiers.show(key),
  }),
  changing({
    path: 'observatory/tier/subscribe',
    says: "Subscribes an API key to a tier: its owner's relay credit pays this month, and each month from now on.",
    need: 'operate',
    desk: 'observatory',
    input: exactly({ key: KeyId, tier: Type.String({ minLength: 1, maxLength: 40 }) }),
    output: exactly({ tier: Type.String(), fromMonth: Type.String() }),
    run: (desk, { key, tier }, by) => desk.tiers.subscribe({ keyId: key, tier }, by),
  }),
  changing({
    path: 'observatory/tier/end',
    says: 'Ends the subscription of an API key; what was paid is had to the end of its month.',
    need: 'operate',
    desk: 'observatory',
    input: exactly({ key: KeyId }),
    output: exactly({ done: Type.Literal(true) }),
    run: (desk, { key }, by) => done(desk.tiers.end(key, by)),
  }),
]

export const OBSERVATORY_OPERATIONS: readonly Operation[] = [
  showing({
    path: 'observatory',
    says: 'How the observatory stands: what is watched, who keeps the figures and how old they are, relays, the journal, offences.',
    need: 'operate',
    desk: 'observatory',
    input: exactly({}),
    output: FactsShape,
    run: (desk) => listed(desk.show()),
  }),
  changing({
    path: 'observatory/begin-anew',
    says: 'The figures begin at nothing, where they cannot be read back any more and there is no backup. The history of hours and days stays.',
    need: 'operate',
    desk: 'observatory',
    input: exactly({}),
    output: exactly({ done: Type.Literal(true) }),
    run: (desk, _input, by) => done(desk.beginAnew(by)),
  }),
  ...RELAYS,
  showing({
    path: 'observatory/alerts',
    says: 'Alerts that the operator has set up, and which of them fire.',
    need: 'operate',
    desk: 'observatory',
    input: exactly({}),
    output: listOf(AlertShape),
    run: (desk) => desk.alerts(),
  }),
  ...TIERS,
]
