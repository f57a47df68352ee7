/** The Interledger node: peers, routes, payments. Amounts are decimal texts in the asset's smallest unit. */
import Type from 'typebox'
import {
  type IlpStats,
  type PacketCounts,
  type PaymentFacts,
  type PeerFacts,
  peerPatchSchema,
  peerTermsSchema,
  type QuoteFacts,
} from '../../interledger/node/index.ts'
import { accepted, type Outcome, type Refusal } from '../../kernel/index.ts'
import { parsedBy } from '../parsed-by.ts'
import { DoneShape, exactly, listOf, oneOf, PageLimit } from '../schemas.ts'
import { AccountPath, AssetWord, Units } from './ledger.ts'
import { changing, done, type Operation, showing } from './operation.ts'
import { SETTLEMENT_OPERATIONS } from './settlement.ts'

const Nothing = exactly({})
const PeerId = Type.String({ pattern: '^[a-z0-9-]{1,40}$' })
const Prefix = Type.String({ maxLength: 1_023, description: 'An ILP address prefix; empty for everything.' })
const Count = Type.Integer({ minimum: 0 })
const Millis = Type.Integer({ description: 'Unix milliseconds.' })
/** Read closely by the node's own schema, whose words say what is wrong. */
const Anything = Type.Unsafe<unknown>(Type.Object({}, { additionalProperties: true }))
const Receiver = Type.String({
  minLength: 2,
  maxLength: 1_000,
  description: 'A payment pointer like $example.com/alice, or its URL.',
})

const CountsShape = exactly({
  incoming: Count,
  outgoing: Count,
  fulfilled: Count,
  rejected: Type.Record(Type.String(), Count),
  lost: Type.Integer({ minimum: 0, description: 'Sent, and never answered.' }),
  wrong: Type.Integer({ minimum: 0, description: 'Answered with a fulfilment that is none.' }),
  late: Type.Integer({ minimum: 0, description: 'Fulfilled after we had given them up.' }),
})

export const IlpStatsShape = exactly({
  address: Type.String(),
  isActive: Type.Boolean({ description: 'False where another process is the node.' }),
  startedAtMs: Millis,
  peers: Count,
  connectedPeers: Count,
  routes: Count,
  packetsPerSecond: Type.Number({ description: 'Over the last ten seconds.' }),
  inFlight: Count,
  unresolved: Type.Integer({
    description: 'Packets whose fate is asked of peers after a crash or a broken link.',
  }),
  counts: CountsShape,
})

const PeerShape = exactly({
  id: PeerId,
  state: oneOf(['active', 'paused', 'closing', 'closed']),
  relation: oneOf(['parent', 'peer', 'child']),
  asset: AssetWord,
  link: Type.String(),
  url: Type.Optional(Type.String()),
  isConnected: Type.Boolean(),
  isTripped: Type.Boolean({ description: 'Nothing is sent to it for now, since it did not answer.' }),
  balance: Type.Unsafe<string>({ ...Units, description: 'What it owes us; negative: what we owe it.' }),
  incomingInFlight: Units,
  outgoingInFlight: Units,
  maxReceivable: Units,
  maxPayable: Units,
  maxPacketAmount: Units,
  maxPacketsPerSecond: Count,
  exchangesRoutes: Type.Boolean(),
  settlementRail: Type.Optional(Type.String()),
  settlementThreshold: Units,
  settlementTarget: Units,
  counts: CountsShape,
})

const PaymentShape = exactly({
  key: Type.String(),
  to: Type.String(),
  state: oneOf(['running', 'done', 'failed', 'interrupted']),
  asset: AssetWord,
  sent: Units,
  delivered: Units,
  destinationCode: Type.String(),
  destinationScale: Count,
  reason: Type.String(),
  startedAtMs: Millis,
})

const amounts = {
  asset: AssetWord,
  send: Type.Optional(Units),
  deliver: Type.Optional(Units),
  maxSend: Type.Optional(Units),
}

const PEERS: readonly Operation[] = [
  showing({
    path: 'interledger/peers',
    says: 'Peers, what they owe us and how they are.',
    need: 'operate',
    desk: 'interledger',
    input: Nothing,
    output: listOf(PeerShape),
    run: async (node) => accepted((await node.peers.list()).map(peerShown)),
  }),
  changing({
    path: 'interledger/peers/add',
    says: 'Begins to exchange packets with a peer. Amounts of its limits are texts; a token that it shows is given as its SHA-256.',
    need: 'operate',
    desk: 'interledger',
    input: Anything,
    output: PeerShape,
    run: async (node, input, by) => {
      const terms = parsedBy(peerTermsSchema, input)
      return terms.ok ? shown(node.peers.add(terms.value, by), peerShown) : terms
    },
  }),
  changing({
    path: 'interledger/peers/change',
    says: 'Changes the link, the limits, the settlement of a peer, or whether routes are exchanged; what is named is replaced whole.',
    need: 'operate',
    desk: 'interledger',
    input: exactly({ id: PeerId, change: Anything }),
    output: PeerShape,
    run: async (node, { id, change }, by) => {
      const patch = parsedBy(peerPatchSchema, change)
      return patch.ok ? shown(node.peers.change(id, definedOf(patch.value), by), peerShown) : patch
    },
  }),
  changingPeer('pause', 'Takes and sends no packets until it is resumed.'),
  changingPeer('resume', 'Exchanges packets again.'),
  changingPeer('close', 'No more packets for good; its books stay.'),
]

function changingPeer(verb: 'pause' | 'resume' | 'close', says: string): Operation {
  return changing({
    path: `interledger/peers/${verb}`,
    says,
    need: 'operate',
    desk: 'interledger',
    input: exactly({ id: PeerId }),
    output: PeerShape,
    run: (node, { id }, by) => shown(node.peers[verb](id, by), peerShown),
  })
}

const ROUTES: readonly Operation[] = [
  showing({
    path: 'interledger/routes',
    says: 'Which peer a destination is reached by, by prefix.',
    need: 'operate',
    desk: 'interledger',
    input: exactly({ limit: Type.Optional(PageLimit), after: Type.Optional(Prefix) }),
    output: listOf(
      exactly({ prefix: Prefix, peerId: Type.String(), source: Type.String(), path: listOf(Type.String()) }),
    ),
    run: async (node, query) => accepted(await node.routes.list(query)),
  }),
  changing({
    path: 'interledger/routes/add',
    says: 'Sends what goes to a prefix to a peer, whatever others say of it.',
    need: 'operate',
    desk: 'interledger',
    input: exactly({ prefix: Prefix, peerId: PeerId }),
    output: DoneShape,
    run: (node, route, by) => done(node.routes.add(route, by)),
  }),
  changing({
    path: 'interledger/routes/remove',
    says: 'Takes back such a route.',
    need: 'operate',
    desk: 'interledger',
    input: exactly({ prefix: Prefix }),
    output: DoneShape,
    run: (node, { prefix }, by) => done(node.routes.remove(prefix, by)),
  }),
]

const PAYMENTS: readonly Operation[] = [
  changing({
    path: 'interledger/quote',
    says: 'Asks what a payment would cost or deliver; nothing is paid.',
    need: 'operate',
    desk: 'interledger',
    input: exactly({ to: Receiver, ...amounts }),
    output: exactly({
      to: Type.String(),
      asset: AssetWord,
      send: Units,
      deliver: Units,
      destinationCode: Type.String(),
      destinationScale: Count,
    }),
    run: (node, { to, asset, ...wanted }) =>
      shown(node.payments.quote({ to, asset, ...unitsOf(wanted) }), quoteShown),
  }),
  changing({
    path: 'interledger/pay',
    says: 'Pays; a key that was used before is not paid again, but answered with what became of it.',
    need: 'operate',
    desk: 'interledger',
    input: exactly({
      key: Type.String({ minLength: 1, maxLength: 200 }),
      to: Receiver,
      from: Type.Optional(AccountPath),
      ...amounts,
    }),
    output: PaymentShape,
    run: (node, { key, to, from, asset, ...wanted }, by) =>
      shown(
        node.payments.pay({ key, to, asset, ...(from !== undefined && { from }), ...unitsOf(wanted) }, by),
        paymentShown,
      ),
  }),
  showing({
    path: 'interledger/payment',
    says: 'What became of a payment.',
    need: 'operate',
    desk: 'interledger',
    input: exactly({ key: Type.String({ minLength: 1, maxLength: 200 }) }),
    output: PaymentShape,
    run: (node, { key }) => shown(node.payments.show(key), paymentShown),
  }),
]

export const INTERLEDGER_OPERATIONS: readonly Operation[] = [
  showing({
    path: 'interledger',
    says: 'The node: its address, packets per second, what was fulfilled and refused.',
    need: 'operate',
    desk: 'interledger',
    input: Nothing,
    output: IlpStatsShape,
    run: async (node) => accepted(statsShown(await node.stats())),
  }),
  ...PEERS,
  ...ROUTES,
  ...PAYMENTS,
  ...SETTLEMENT_OPERATIONS,
  changing({
    path: 'interledger/ping',
    says: 'Sends a packet that nobody can fulfil to an address, and tells who refused it and how soon.',
    need: 'operate',
    desk: 'interledger',
    input: exactly({ destination: Type.String({ minLength: 1, maxLength: 1_023 }) }),
    output: exactly({ tookMs: Type.Number(), answer: Type.String() }),
    run: (node, { destination }) => node.ping(destination),
  }),
]

export function statsShown({ counts, ...stats }: IlpStats) {
  return { ...stats, counts: countsShown(counts) }
}

function countsShown(counts: PacketCounts): PacketCounts {
  const { incoming, outgoing, fulfilled, rejected, lost, wrong, late } = counts
  return { incoming, outgoing, fulfilled, rejected, lost, wrong, late }
}

export function peerShown(peer: PeerFacts) {
  const { limits, settlement, link, counts } = peer
  return {
    id: peer.id,
    state: peer.state,
    relation: peer.relation,
    asset: peer.asset,
    link: link.kind,
    ...(link.url !== undefined && { url: link.url }),
    isConnected: peer.isConnected,
    isTripped: peer.isTripped,
    balance: String(peer.balance),
    incomingInFlight: String(peer.incomingInFlight),
    outgoingInFlight: String(peer.outgoingInFlight),
    maxReceivable: String(limits.maxReceivable),
    maxPayable: String(limits.maxPayable),
    maxPacketAmount: String(limits.maxPacketAmount),
    maxPacketsPerSecond: limits.maxPacketsPerSecond,
    exchangesRoutes: peer.exchangesRoutes,
    ...(settlement.rail !== undefined && { settlementRail: settlement.rail }),
    settlementThreshold: String(settlement.threshold),
    settlementTarget: String(settlement.target),
    counts: countsShown(counts),
  }
}

function paymentShown(payment: PaymentFacts) {
  return { ...payment, sent: String(payment.sent), delivered: String(payment.delivered) }
}

function quoteShown(quote: QuoteFacts) {
  return { ...quote, send: String(quote.send), deliver: String(quote.deliver) }
}

interface WantedTexts {
  readonly send?: string
  readonly deliver?: string
  readonly maxSend?: string
}

/** The texts are digits: the shape has seen to that. */
function unitsOf({ send, deliver, maxSend }: WantedTexts) {
  return {
    ...(send !== undefined && { send: BigInt(send) }),
    ...(deliver !== undefined && { deliver: BigInt(deliver) }),
    ...(maxSend !== undefined && { maxSend: BigInt(maxSend) }),
  }
}

/** Without members that are there and undefined. */
function definedOf<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  // Only members that are undefined are left out.
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}

async function shown<T, S>(
  answer: Promise<Outcome<T, Refusal>>,
  show: (value: T) => S,
): Promise<Outcome<S, Refusal>> {
  const outcome = await answer
  return outcome.ok ? accepted(show(outcome.value)) : outcome
}
