/**
 * Payments that begin here. The money is first moved aside, in the transaction that writes the payment down; packets are
 * paid from there, and what is left goes back. A payment that a crash has cut short is not gone on with: it is
 * `interrupted`, its rest goes back, and whoever asked decides.
 */
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type Asset, accepted, type Clock, type Outcome, type Refusal, refused } from '../../kernel/index.ts'
import type { AccountId, Entry, Ledger, PostRefusal } from '../../ledger/index.ts'
import type { Logger } from '../../platform/index.ts'
import { assetOf } from '../ilp-asset.ts'
import type { IlpPrepare, IlpReply } from '../packet/index.ts'
import type { RateTable } from '../rates/index.ts'
import { payPointer, querySpsp, type SpspDetails } from '../spsp/index.ts'
import { lessSlippage, type PaidSoFar, type PathRate, quoteStream } from '../stream/index.ts'
import type { IlpActor, PaymentFacts, PaymentRequest, PaymentsDesk, QuoteFacts } from './ilp-node.ts'
import type { RecordChange } from './node-store.ts'
import type { NewPayment, PaymentResult, PaymentStore, StoredPayment } from './payment-store.ts'

export interface PaymentsDeps {
  readonly store: PaymentStore
  readonly ledger: Ledger
  readonly clock: Clock
  readonly logger: Logger
  readonly fetch: typeof fetch
  /** Who pays what stands in the audit log, in the transaction that moves the money aside. */
  readonly record: RecordChange
  readonly rates: () => RateTable
  readonly slippagePpm: () => number
  readonly send: (from: AccountId, prepare: IlpPrepare) => Promise<IlpReply>
  /** Packets of an earlier run whose fate is not known: as long as there are any, rests stay where they are. */
  readonly unresolved: () => number
  /** From then on nobody here knows whether a packet was fulfilled: what runs is left to the next run as it is. */
  readonly booksFailed: AbortSignal
}

const DEFAULT_SOURCE = 'expenses/payments'
/** Payments that run at the same time. */
const MAX_RUNNING = 100
const LOOK_AGAIN_MS = 5_000
/** Well within what the program has to stop; without the database a packet under way may have no end at all. */
const STOP_WITHIN_MS = 10_000

export interface Payments extends PaymentsDesk {
  /** Deals with what an earlier run left. */
  start(): Promise<void>
  /**
   * Ends what runs: no packet begins any more, and those under way are waited for, for some seconds. A payment that is not
   * over by then is left to the next run as it is, since the fate of its packets is not known here.
   */
  stop(): Promise<void>
}

export function createPayments(deps: PaymentsDeps): Payments {
  return new PaymentOffice(deps)
}

interface RunningPayment {
  readonly contentHash: Buffer
  readonly outcome: Promise<Outcome<PaymentFacts, Refusal>>
}

class PaymentOffice implements Payments {
  readonly #deps: PaymentsDeps
  readonly #running = new Map<string, RunningPayment>()
  readonly #stopping = new AbortController()
  readonly #leaving = new AbortController()
  /** What runs is not ended here any more: the next run does that. */
  readonly #isLeft: AbortSignal
  #timer: NodeJS.Timeout | undefined

  constructor(deps: PaymentsDeps) {
    this.#deps = deps
    this.#isLeft = AbortSignal.any([this.#leaving.signal, deps.booksFailed])
  }

  async start(): Promise<void> {
    await this.#endInterrupted()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    clearTimeout(this.#timer)
    const areOver = new AbortController()
    const patience = { signal: AbortSignal.any([this.#isLeft, areOver.signal]) }
    await Promise.race([
      Promise.allSettled([...this.#running.values()].map(({ outcome }) => outcome)),
      delay(STOP_WITHIN_MS, undefined, patience).catch(() => {}),
    ])
    areOver.abort()
    this.#leaving.abort()
  }

  quote: PaymentsDesk['quote'] = async (request) => {
    const objection = objectToAmounts(request)
    if (objection !== undefined) return invalid(objection)
    const { to, asset, send, deliver } = request
    const { fetch, clock } = this.#deps
    const details = await querySpsp({ to, fetch, signal: this.#stopping.signal })
    if (!details.ok) return details
    const { destinationAddress, sharedSecret } = details.value
    const path = await quoteStream({
      destinationAddress,
      sharedSecret,
      clock,
      send: (prepare) => this.#deps.send({ path: DEFAULT_SOURCE, asset }, prepare),
      signal: this.#stopping.signal,
    })
    if (!path.ok) return path
    const { rate, destinationAsset = details.value.asset } = path.value
    const sending =
      send ?? (rate.delivered === 0n ? 0n : ceilDiv((deliver ?? 0n) * rate.source, rate.delivered))
    const least = lessSlippage((sending * rate.delivered) / rate.source, this.#deps.slippagePpm())
    return accepted({
      to,
      asset,
      send: sending,
      deliver: least,
      destinationCode: destinationAsset?.code ?? '',
      destinationScale: destinationAsset?.scale ?? 0,
    } satisfies QuoteFacts)
  }

  pay: PaymentsDesk['pay'] = async (request, by) => {
    const wanted = checkRequest(request)
    if (!wanted.ok) return wanted
    const { store } = this.#deps
    const { contentHash } = wanted.value
    const known = await store.find(request.key)
    const running = this.#running.get(request.key)
    const before = known?.contentHash ?? running?.contentHash
    if (before !== undefined && !before.equals(contentHash)) return refused(KEY_REUSED)
    if (running !== undefined) return running.outcome
    if (known !== undefined) return accepted(known.facts)
    if (this.#running.size >= MAX_RUNNING || this.#stopping.signal.aborted) return refused(BUSY)
    const outcome = this.#run(request, wanted.value, by).finally(() => this.#running.delete(request.key))
    this.#running.set(request.key, { contentHash, outcome })
    return outcome
  }

  show: PaymentsDesk['show'] = async (key) => {
    const known = await this.#deps.store.find(key)
    if (known === undefined) return refused({ code: 'NOT_FOUND', text: 'there is no payment with this key' })
    return accepted(known.facts)
  }

  async #run(
    request: PaymentRequest,
    payment: NewPayment,
    by: IlpActor,
  ): Promise<Outcome<PaymentFacts, Refusal>> {
    const { store, ledger, record } = this.#deps
    const { key, to, asset } = request
    const begun = await store.begin(payment, async (tx) => {
      const after = JSON.stringify({ to, asset, from: payment.sourcePath, maxSend: String(payment.maxSend) })
      await record(tx, { ...by, action: 'ilp.payment.begun', subject: key, after })
      return ledger.postIn(tx, [
        move(payment, { from: sourceOf(payment), to: purseOf(payment), step: 'begin' }),
      ])
    })
    if (begun === 'known') {
      const known = await store.find(key)
      return known?.contentHash.equals(payment.contentHash) ? accepted(known.facts) : refused(KEY_REUSED)
    }
    if (begun !== 'begun') return refused(refusalOf(begun))
    await this.#endAtLast(payment, await this.#send(request, payment))
    return this.show(request.key)
  }

  /** Sends what is aside; no packet of it is under way when it resolves. */
  async #send(
    { to, asset, send, deliver }: PaymentRequest,
    payment: NewPayment,
  ): Promise<Omit<PaymentResult, 'sent'>> {
    const { clock, fetch, slippagePpm } = this.#deps
    const purse = purseOf(payment)
    const paid = await payPointer({
      to,
      fetch,
      clock,
      slippagePpm: slippagePpm(),
      amount: send === undefined ? { deliver: deliver ?? 0n, maxSend: payment.maxSend } : { send },
      send: (prepare) => this.#deps.send(purse, prepare),
      signal: this.#stopping.signal,
      minRateFor: (details) => this.#rateTo(asset, details),
    })
    if (!paid.ok) {
      const soFar: Pick<PaidSoFar, 'delivered'> =
        'paid' in paid.refusal ? paid.refusal.paid : { delivered: 0n }
      return {
        state: this.#stopping.signal.aborted ? 'interrupted' : 'failed',
        delivered: soFar.delivered,
        reason: `${paid.refusal.code}: ${paid.refusal.text}`,
      }
    }
    const { delivered, destinationAsset = paid.value.details.asset } = paid.value
    return {
      state: 'done',
      delivered,
      reason: '',
      ...(destinationAsset !== undefined && { destination: destinationAsset }),
    }
  }

  /** Again and again, until it is written down or left to the next run: money that is aside is nobody's. */
  async #endAtLast(payment: NewPayment, result: Omit<PaymentResult, 'sent'>): Promise<void> {
    while (!this.#isLeft.aborted && !(await this.#tryToEnd(payment, result)))
      await delay(LOOK_AGAIN_MS, undefined, { signal: this.#isLeft }).catch(() => {})
  }

  async #tryToEnd(payment: StoredPayment, result: Omit<PaymentResult, 'sent'>): Promise<boolean> {
    try {
      await this.#end(payment, result)
      return true
    } catch (err) {
      this.#deps.logger.error({ err, paymentKey: payment.key }, 'interledger.payment_not_ended')
      return false
    }
  }

  /** Writes the end down, and gives back what is left, in one transaction. What was sent is what left the purse. */
  async #end(payment: NewPayment, result: Omit<PaymentResult, 'sent'>): Promise<void> {
    const { store, ledger, logger } = this.#deps
    const purse = purseOf(payment)
    const { balance } = await ledger.balance(purse)
    await store.end(payment.key, { ...result, sent: payment.maxSend - balance }, (tx) =>
      balance === 0n
        ? Promise.resolve([])
        : ledger.postIn(tx, [
            move({ ...payment, maxSend: balance }, { from: purse, to: sourceOf(payment), step: 'rest' }),
          ]),
    )
    const { key, asset } = payment
    const sent = String(payment.maxSend - balance)
    logger.info({ paymentKey: key, asset, sent, state: result.state }, 'interledger.payment_ended')
  }

  /** What an earlier run left. One that cannot be ended now holds up neither the others nor the node. */
  async #endInterrupted(): Promise<void> {
    const left = (await this.#deps.store.running()).filter(({ key }) => !this.#running.has(key))
    // While a fate is not known, a packet of it may turn out to be fulfilled, and has to be paid from the purse then.
    let areEnded = left.length === 0 || this.#deps.unresolved() === 0
    for (const payment of areEnded ? left : []) {
      if (this.#isLeft.aborted) return
      if (!(await this.#tryToEnd(payment, INTERRUPTED))) areEnded = false
    }
    if (!areEnded) this.#lookAgain()
  }

  #lookAgain(): void {
    if (this.#stopping.signal.aborted) return
    this.#timer = setTimeout(() => {
      this.#endInterrupted().catch((err: unknown) => {
        this.#deps.logger.error({ err }, 'interledger.payments_not_ended')
        this.#lookAgain()
      })
    }, LOOK_AGAIN_MS)
  }

  /** What the rates of this node give; the path may be worse by the slippage. */
  #rateTo(asset: Asset, { asset: destination }: SpspDetails): PathRate | undefined {
    const to = destination === undefined ? undefined : assetOf(destination)
    const delivered = to === undefined ? undefined : this.#deps.rates().convert(RATE_SAMPLE, asset, to)
    return delivered === undefined || delivered === 0n ? undefined : { source: RATE_SAMPLE, delivered }
  }
}

const RATE_SAMPLE = 10n ** 18n
const INTERRUPTED: Omit<PaymentResult, 'sent'> = {
  state: 'interrupted',
  delivered: 0n,
  reason: 'INTERRUPTED: the program ended on the way; what arrived of it the receiver knows',
}
/** What these hold is spoken for: a debt between a peer and us, and what a payment under way may still send. */
const NO_SOURCES = ['assets/peer/', 'liabilities/payments/']
const KEY_REUSED: Refusal = { code: 'CONFLICT', text: 'the key was used for another payment; take a new one' }
const BUSY: Refusal = { code: 'BUSY', text: `${MAX_RUNNING} payments are running; try again in a moment` }

function checkRequest(request: PaymentRequest): Outcome<NewPayment, Refusal> {
  const { key, to, from = DEFAULT_SOURCE, asset, send, deliver, maxSend } = request
  const objection = objectToAmounts(request)
  if (objection !== undefined) return invalid(objection)
  if (deliver !== undefined && maxSend === undefined)
    return invalid('with deliver, maxSend says where to stop')
  const most = send ?? maxSend ?? 0n
  if (most <= 0n) return invalid(ABOVE_ZERO)
  if (NO_SOURCES.some((path) => from.startsWith(path)))
    return invalid(`nothing is paid from ${from}: what is there belongs to a peer or to another payment`)
  const content = [to, from, asset, String(send ?? ''), String(deliver ?? ''), String(maxSend ?? '')]
  const contentHash = createHash('sha256').update(JSON.stringify(content)).digest()
  return accepted({ key, destination: to, sourcePath: from, asset, maxSend: most, contentHash })
}

const ABOVE_ZERO = 'amounts are above zero'

/** Undefined when it is clear how much is to be sent or to arrive. */
function objectToAmounts({ send, deliver }: Pick<PaymentRequest, 'send' | 'deliver'>): string | undefined {
  if ((send === undefined) === (deliver === undefined)) return 'name exactly one of send and deliver'
  return (send ?? deliver ?? 0n) > 0n ? undefined : ABOVE_ZERO
}

function invalid(text: string): { readonly ok: false; readonly refusal: Refusal } {
  return refused({ code: 'INVALID', text })
}

function sourceOf({ sourcePath, asset }: Pick<StoredPayment, 'sourcePath' | 'asset'>): AccountId {
  return { path: sourcePath, asset }
}

/** Where the money of a payment is while it runs. */
function purseOf({ key, asset }: Pick<StoredPayment, 'key' | 'asset'>): AccountId {
  const name = createHash('sha256').update(key).digest('hex').slice(0, 32)
  return { path: `liabilities/payments/${name}`, asset }
}

/** @param step makes the key of the transfer with the payment's. */
function move(
  { key, maxSend }: Pick<StoredPayment, 'key' | 'maxSend'>,
  { from, to, step }: { readonly from: AccountId; readonly to: AccountId; readonly step: string },
) {
  const entries: readonly Entry[] = [
    { ...from, side: 'debit', amount: maxSend },
    { ...to, side: 'credit', amount: maxSend },
  ]
  const name = createHash('sha256').update(key).digest('hex')
  return { key: `ilp-payment:${name}:${step}`, entries, memo: `Interledger payment, ${step}` }
}

function refusalOf(refusal: PostRefusal): Refusal {
  if (refusal.code === 'SHORT_FUNDS') {
    const { account, missing } = refusal
    return { code: 'SHORT_FUNDS', text: `${account.path} lacks ${missing} ${account.asset}` }
  }
  if (refusal.code === 'INVALID') return refusal
  if (refusal.code === 'BUSY') return { code: 'BUSY', text: 'the ledger is behind; try again in a moment' }
  return KEY_REUSED
}

function ceilDiv(amount: bigint, by: bigint): bigint {
  return (amount + by - 1n) / by
}
