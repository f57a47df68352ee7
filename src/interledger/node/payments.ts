/**
 * Payments that begin here. The money is first moved aside, in the transaction that writes the payment down; packets are
 * paid from there, and what is left goes back. A payment that a crash has cut short is not gone on with: it is
 * `interrupted`, its rest goes back, and whoever asked decides.
 */
import { createHash } from 'node:crypto'
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
}

const DEFAULT_SOURCE = 'expenses/payments'
/** Payments that run at the same time. */
const MAX_RUNNING = 100
const LOOK_AGAIN_MS = 5_000

export interface Payments extends PaymentsDesk {
  /** Deals with what an earlier run left. */
  start(): Promise<void>
  /** Ends what runs: no packet begins any more, and those under way are waited for. */
  stop(): Promise<void>
}

export function createPayments(deps: PaymentsDeps): Payments {
  return new PaymentOffice(deps)
}

class PaymentOffice implements Payments {
  readonly #deps: PaymentsDeps
  readonly #running = new Map<string, Promise<Outcome<PaymentFacts, Refusal>>>()
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined

  constructor(deps: PaymentsDeps) {
    this.#deps = deps
  }

  async start(): Promise<void> {
    await this.#endInterrupted()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    clearTimeout(this.#timer)
    await Promise.allSettled(this.#running.values())
  }

  quote: PaymentsDesk['quote'] = async ({ to, asset, send, deliver }) => {
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
    const known = await store.find(request.key)
    if (known !== undefined) {
      if (!known.contentHash.equals(wanted.value.contentHash)) return refused(KEY_REUSED)
      return this.#running.get(request.key) ?? accepted(known.facts)
    }
    const running = this.#running.get(request.key)
    if (running !== undefined) return running
    if (this.#running.size >= MAX_RUNNING || this.#stopping.signal.aborted) return refused(BUSY)
    const payment = this.#run(request, wanted.value, by).finally(() => this.#running.delete(request.key))
    this.#running.set(request.key, payment)
    return payment
  }

  show: PaymentsDesk['show'] = async (key) => {
    const known = await this.#deps.store.find(key)
    if (known === undefined) return refused({ code: 'NOT_FOUND', text: 'there is no payment with this key' })
    return accepted(known.facts)
  }

  async #run(
    { key, to, asset, send, deliver }: PaymentRequest,
    payment: NewPayment,
    by: IlpActor,
  ): Promise<Outcome<PaymentFacts, Refusal>> {
    const { store, clock, fetch, slippagePpm, ledger, record } = this.#deps
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
      await this.#end(payment, {
        state: this.#stopping.signal.aborted ? 'interrupted' : 'failed',
        delivered: soFar.delivered,
        reason: `${paid.refusal.code}: ${paid.refusal.text}`,
      })
    } else {
      const { delivered, destinationAsset = paid.value.details.asset } = paid.value
      await this.#end(payment, {
        state: 'done',
        delivered,
        reason: '',
        ...(destinationAsset !== undefined && { destination: destinationAsset }),
      })
    }
    return this.show(key)
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

  async #endInterrupted(): Promise<void> {
    const left = (await this.#deps.store.running()).filter(({ key }) => !this.#running.has(key))
    if (left.length === 0) return
    if (this.#deps.unresolved() > 0) {
      // A packet of it may still turn out to be fulfilled, and has to be paid from the purse then.
      this.#timer = setTimeout(() => {
        this.#endInterrupted().catch((err: unknown) =>
          this.#deps.logger.error({ err }, 'interledger.payments_not_ended'),
        )
      }, LOOK_AGAIN_MS)
      return
    }
    for (const payment of left)
      await this.#end(payment, {
        state: 'interrupted',
        delivered: 0n,
        reason: 'INTERRUPTED: the program ended on the way; what arrived of it the receiver knows',
      })
  }

  /** What the rates of this node give; the path may be worse by the slippage. */
  #rateTo(asset: Asset, { asset: destination }: SpspDetails): PathRate | undefined {
    const to = destination === undefined ? undefined : assetOf(destination)
    const delivered = to === undefined ? undefined : this.#deps.rates().convert(RATE_SAMPLE, asset, to)
    return delivered === undefined || delivered === 0n ? undefined : { source: RATE_SAMPLE, delivered }
  }
}

const RATE_SAMPLE = 10n ** 18n
const KEY_REUSED: Refusal = { code: 'CONFLICT', text: 'the key was used for another payment; take a new one' }
const BUSY: Refusal = { code: 'BUSY', text: `${MAX_RUNNING} payments are running; try again in a moment` }

function checkRequest(request: PaymentRequest): Outcome<NewPayment, Refusal> {
  const { key, to, from = DEFAULT_SOURCE, asset, send, deliver, maxSend } = request
  if ((send === undefined) === (deliver === undefined)) return invalid('name exactly one of send and deliver')
  if (deliver !== undefined && maxSend === undefined)
    return invalid('with deliver, maxSend says where to stop')
  const most = send ?? maxSend ?? 0n
  if (most <= 0n || (deliver !== undefined && deliver <= 0n)) return invalid('amounts are above zero')
  const content = [to, from, asset, String(send ?? ''), String(deliver ?? ''), String(maxSend ?? '')]
  const contentHash = createHash('sha256').update(JSON.stringify(content)).digest()
  return accepted({ key, destination: to, sourcePath: from, asset, maxSend: most, contentHash })
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
