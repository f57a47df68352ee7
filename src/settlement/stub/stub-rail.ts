/**
 * A rail over the stub's chain: the smallest complete one, to read before writing another (docs/guides). It asks several
 * endpoints of its network and believes what the most doubtful of them says, since one that lies or lags must not have a
 * payment taken for failed (it would be paid again) or for received.
 */
import { AppError, type Asset, accepted, refused } from '../../kernel/index.ts'
import type {
  Claim,
  IncomingPage,
  IncomingPayment,
  Order,
  OrderFate,
  Rail,
  RailChannel,
  RailRefusal,
  SignedOrder,
} from '../rail.ts'
import type { StubChain, StubView } from './chain.ts'
import { isSignedBy, stubKey } from './keys.ts'
import type { StubChannelState, StubResult } from './ledger-state.ts'
import { claimMessage, decodeTransaction, type StubAction, signTransaction } from './transactions.ts'

/** One server that knows the chain. Rejects as servers do, or hangs until the signal is aborted. */
export interface StubEndpoint {
  view(signal: AbortSignal): Promise<StubView>
  submit(bytes: Buffer, signal: AbortSignal): Promise<void>
}

export interface StubRailOptions {
  readonly name?: string
  readonly asset: Asset
  readonly chain: StubChain
  /** The chain itself when absent. */
  readonly endpoints?: readonly StubEndpoint[]
  /** 32 bytes: pays, receives, signs claims. */
  readonly secret: Buffer
  /** Blocks until something is final. Default 3. */
  readonly confirmations?: number
  /** Default an hour. */
  readonly minChallengeMs?: number
  /** How many blocks a transaction may wait before it can never happen. Default 20. */
  readonly validBlocks?: number
}

const MAX_U64 = 2n ** 64n - 1n
const HOUR_MS = 3_600_000
/** How often `watch` looks whether the chain has grown. */
const LOOK_MS = 500

export function endpointOf(chain: StubChain): StubEndpoint {
  return { view: async () => chain.read(), submit: async (bytes) => chain.submit(bytes) }
}

export function createStubRail(options: StubRailOptions): Rail {
  const { name = 'stub', asset, chain, confirmations = 3, validBlocks = 20 } = options
  const endpoints = options.endpoints ?? [endpointOf(chain)]
  const key = stubKey(options.secret)
  const network = `stub:${chain.name}`
  const views = (signal: AbortSignal) => askAll(name, endpoints, (endpoint) => endpoint.view(signal))
  const look = async ({ id, bytes }: SignedOrder, signal: AbortSignal): Promise<OrderFate> =>
    mostDoubtful((await views(signal)).map((view) => fateOf(view, { id, bytes }, chain.name, confirmations)))

  return {
    name,
    info: {
      asset,
      network,
      address: key.publicKey,
      granularity: 1n,
      maxAmount: MAX_U64,
      paysDirectly: true,
      needsAddress: true,
      hasChannels: true,
      minChallengeMs: options.minChallengeMs ?? HOUR_MS,
    },
    // A tag beside the account says whom it is from, as on XRP.
    address: async ({ reference }) => `${key.publicKey}+${reference}`,
    balance: async (signal) =>
      least((await views(signal)).map(({ state }) => state.balanceOf(key.publicKey))),
    async sign(order, { others }, signal) {
      const [view] = await views(signal)
      if (view === undefined) throw new AppError('INTERNAL', 'a rail has an endpoint')
      const action = actionOf(order)
      if ('code' in action) return refused(action)
      const short = shortOf(view.state.balanceOf(key.publicKey), order)
      if (short !== undefined) return refused(short)
      const number = nextNumber(view.state.nextNumberOf(key.publicKey), others, chain.name)
      const lastBlock = view.state.height + validBlocks
      return accepted(
        signTransaction({ chain: chain.name, from: key.publicKey, number, lastBlock, action }, key),
      )
    },
    async send(signed, signal) {
      await askAll(name, endpoints, (endpoint) => endpoint.submit(signed.bytes, signal))
      return look(signed, signal)
    },
    look,
    async incoming({ after, limit }, signal) {
      const pages = (await views(signal)).map((view) =>
        incomingIn(view, { payee: key.publicKey, after, limit, confirmations }),
      )
      return whatAllHave(pages, after)
    },
    watch(onNews) {
      let height = chain.read().state.height
      const timer = setInterval(() => {
        const now = chain.read().state.height
        if (now !== height) onNews()
        height = now
      }, LOOK_MS)
      timer.unref()
      return () => clearInterval(timer)
    },
    async channel(id, signal) {
      const all = (await views(signal)).map((view) => channelIn(view, id, confirmations))
      return all.reduce((a, b) => (a === undefined || b === undefined ? undefined : laterOf(a, b)))
    },
    signClaim: async (claim) => key.sign(messageOf(claim, chain.name)),
    verifyClaim: (claim, signature, claimKey) =>
      isSignedBy(claimKey, messageOf(claim, chain.name), signature),
  }
}

/** Rejects with `RAIL_FAILED` when one of them does not answer: silence of one may hide what the others do not know. */
async function askAll<T>(
  name: string,
  endpoints: readonly StubEndpoint[],
  ask: (endpoint: StubEndpoint) => Promise<T>,
): Promise<readonly T[]> {
  try {
    return await Promise.all(endpoints.map(ask))
  } catch (cause) {
    throw new AppError('RAIL_FAILED', `an endpoint of ${name} does not answer`, {
      cause,
      facts: { rail: name },
    })
  }
}

function fateOf(
  { state, waiting }: StubView,
  { id, bytes }: SignedOrder,
  chain: string,
  confirmations: number,
): OrderFate {
  const finalHeight = state.height - confirmations + 1
  const result = state.results.get(id)
  if (result !== undefined) {
    if (result.height > finalHeight) return { state: 'pending' }
    if (result.failure !== undefined) return { state: 'failed', reason: result.failure, fee: undefined }
    return { state: 'done', fee: undefined, channelId: channelOpenedBy(result) }
  }
  const decoded = decodeTransaction(bytes, chain)
  if (decoded === undefined)
    return { state: 'failed', reason: 'it is no transaction of this chain', fee: undefined }
  const { from, number, lastBlock } = decoded.transaction
  const other = state.history.find(
    ({ transaction }) => transaction.from === from && transaction.number === number,
  )
  // Another transaction with its number keeps it out for ever, once that one is final; so does its last block.
  if (other !== undefined && other.height <= finalHeight) {
    return { state: 'failed', reason: 'its number was used by another transaction', fee: undefined }
  }
  if (lastBlock <= finalHeight)
    return { state: 'failed', reason: 'it waited for too many blocks', fee: undefined }
  return {
    state: waiting.has(id) || other !== undefined || lastBlock <= state.height ? 'pending' : 'unknown',
  }
}

function channelOpenedBy({ id, transaction }: StubResult): string | undefined {
  return transaction.action.kind === 'open' ? id : undefined
}

/** Final only when all say the same. */
function mostDoubtful(fates: readonly OrderFate[]): OrderFate {
  const [first] = fates
  if (first === undefined) return { state: 'pending' }
  if (fates.every(({ state }) => state === first.state)) return first
  return fates.some(({ state }) => state === 'unknown') && !fates.some(({ state }) => state === 'done')
    ? { state: 'unknown' }
    : { state: 'pending' }
}

function actionOf(order: Order): StubAction | RailRefusal {
  if ('amount' in order && (order.amount <= 0n || order.amount > MAX_U64)) {
    return { code: 'OUT_OF_RANGE', text: `the stub moves between 1 and ${MAX_U64}` }
  }
  switch (order.kind) {
    case 'pay':
    case 'open': {
      const [to = '', reference = ''] = order.to.split('+')
      if (!/^[0-9a-f]{64}$/.test(to) || !/^[a-z0-9.-]{0,80}$/.test(reference)) {
        return { code: 'BAD_ADDRESS', text: 'an address is 64 hex characters, + and a reference' }
      }
      return order.kind === 'pay'
        ? { kind: 'pay', to, reference, amount: order.amount }
        : { kind: 'open', to, amount: order.amount, challengeMs: order.challengeMs }
    }
    case 'redeem':
      return { kind: 'redeem', channelId: order.channelId, best: bestOf(order.claim, order.signature) }
    case 'close': {
      const { best } = order
      const written = best === undefined ? {} : { best: bestOf(best.claim, best.signature) }
      return { kind: 'close', channelId: order.channelId, ...written }
    }
    case 'deposit':
    case 'withdraw':
      return order
  }
}

function bestOf({ amount, nonce, binding }: Claim, signature: Buffer) {
  const { relay = '', eventId = '' } = binding ?? {}
  return { amount, nonce, relay, eventId, signature: signature.toString('hex') }
}

function shortOf(balance: bigint, order: Order): RailRefusal | undefined {
  const spends = order.kind === 'pay' || order.kind === 'open' || order.kind === 'deposit'
  if (!spends || order.amount <= balance) return undefined
  return { code: 'SHORT_FUNDS', text: `${order.amount} is more than the ${balance} in the account` }
}

/** The lowest that is free: behind a gap nothing would be taken by the chain. */
function nextNumber(onChain: number, others: readonly SignedOrder[], chain: string): number {
  const taken = new Set(others.map(({ bytes }) => decodeTransaction(bytes, chain)?.transaction.number))
  let number = onChain
  while (taken.has(number)) number += 1
  return number
}

interface IncomingQuery {
  readonly payee: string
  readonly after: string | undefined
  readonly limit: number
  readonly confirmations: number
}

/** A cursor is a height: of the last block that was read whole. */
function incomingIn(
  { state }: StubView,
  { payee, after, limit, confirmations }: IncomingQuery,
): IncomingPage {
  const from = after === undefined ? 0 : Number(after)
  const finalHeight = Math.max(from, state.height - confirmations + 1)
  const payments: (IncomingPayment & { readonly height: number })[] = []
  for (const { id, transaction, height, failure } of state.history) {
    const { action } = transaction
    if (height <= from || height > finalHeight || failure !== undefined) continue
    if (action.kind !== 'pay' || action.to !== payee) continue
    const isFull = payments.length >= limit && payments.at(-1)?.height !== height
    if (isFull) return { payments, cursor: `${height - 1}`, isMore: true }
    payments.push({ id, amount: action.amount, reference: action.reference || undefined, height })
  }
  return { payments, cursor: `${finalHeight}`, isMore: false }
}

/** What one endpoint lacks is left for the next time, when it has caught up or was mended. */
function whatAllHave(pages: readonly IncomingPage[], after: string | undefined): IncomingPage {
  const [first] = pages
  const same = (a: IncomingPage, b: IncomingPage) =>
    a.cursor === b.cursor &&
    a.payments.length === b.payments.length &&
    a.payments.every(({ id, amount }, n) => b.payments[n]?.id === id && b.payments[n]?.amount === amount)
  if (first !== undefined && pages.every((page) => same(first, page))) {
    const payments = first.payments.map(({ id, amount, reference }) => ({ id, amount, reference }))
    return { ...first, payments }
  }
  return { payments: [], cursor: after ?? '0', isMore: false }
}

/** A channel counts when its opening is final; that it is closing counts at once, since then there is haste. */
function channelIn({ state }: StubView, id: string, confirmations: number): RailChannel | undefined {
  const channel = state.channels.get(id)
  const opened = state.results.get(id)
  if (channel === undefined || opened === undefined) return undefined
  const finalHeight = state.height - confirmations + 1
  if (opened.height > finalHeight) return undefined
  const isClosed = channel.closedHeight !== undefined && channel.closedHeight <= finalHeight
  return {
    id,
    payer: channel.payer,
    payee: channel.payee,
    claimKey: channel.payer,
    deposit: finalDeposit(state.history, channel, finalHeight),
    redeemed: channel.redemptions.findLast(({ height }) => height <= finalHeight)?.upTo ?? 0n,
    state: isClosed ? 'closed' : isEnding(channel) ? 'closing' : 'open',
    closesAtMs: channel.closesAtMs,
    challengeMs: channel.challengeMs,
  }
}

function isEnding({ closesAtMs, closedHeight }: StubChannelState): boolean {
  return closesAtMs !== undefined || closedHeight !== undefined
}

function finalDeposit(
  history: readonly StubResult[],
  channel: StubChannelState,
  finalHeight: number,
): bigint {
  const young = history.flatMap(({ transaction: { action }, height, failure }) =>
    action.kind === 'deposit' &&
    action.channelId === channel.id &&
    height > finalHeight &&
    failure === undefined
      ? [action.amount]
      : [],
  )
  return young.reduce((deposit, amount) => deposit - amount, channel.deposit)
}

/** The more careful of two opinions: less in it, more taken, further closed. */
function laterOf(a: RailChannel, b: RailChannel): RailChannel {
  const order = ['open', 'closing', 'closed']
  const further = order.indexOf(a.state) >= order.indexOf(b.state) ? a : b
  return {
    ...further,
    deposit: least([a.deposit, b.deposit]),
    redeemed: -least([-a.redeemed, -b.redeemed]),
  }
}

function least(amounts: readonly bigint[]): bigint {
  return amounts.reduce((smallest, amount) => {
    if (amount < smallest) return amount
    return smallest
  })
}

function messageOf({ channelId, asset, amount, nonce, binding }: Claim, chain: string): Buffer {
  const { relay = '', eventId = '' } = binding ?? {}
  return claimMessage({ chain, channelId, asset, amount, nonce, relay, eventId })
}
