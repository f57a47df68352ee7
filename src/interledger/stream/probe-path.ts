/** Finds out what a path does to an amount, with packets that nobody can fulfil. */
import { setTimeout as sleep } from 'node:timers/promises'
import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import type { IlpAsset } from '../ilp-asset.ts'
import { ILP_ERRORS, type IlpReject, MAX_AMOUNT } from '../packet/index.ts'
import type { Congestion } from './congestion.ts'
import type { PathRate } from './path-rate.ts'
import type { PathAnswer, PayerConnection } from './payer-connection.ts'
import { describeReject, NOTHING_PAID, type PaymentRefusal } from './payment-refusal.ts'
import type { StreamPacket } from './stream-packet.ts'

export interface PathFacts {
  readonly rate: PathRate
  /** Undefined when the receiver does not tell. */
  readonly destinationAsset: IlpAsset | undefined
}

/** Tried at once: the largest that comes through gives the rate with the most digits. */
const FIRST_AMOUNTS = [1n, 10n ** 3n, 10n ** 6n, 10n ** 9n, 10n ** 12n]
const MAX_ROUNDS = 12
const FIRST_DELAY_MS = 50
const MAX_DELAY_MS = 2000
/** With so much arriving the rate is known to a thousandth. */
const ENOUGH_DELIVERED = 1000n
/** A packet that is larger by less than this part of the last one teaches nothing. */
const WORTH_A_PROBE = 4n

interface Findings {
  rate: PathRate | undefined
  destinationAsset: IlpAsset | undefined
  /** The least amount that somebody had not the money for. */
  tooMuch: bigint
  /** Amounts of the last round that may come through another time. */
  again: bigint[]
  hasAnswered: boolean
  lastReject: IlpReject | undefined
}

/** What `Congestion` learns of the largest packet stays there. */
export async function probePath(
  connection: PayerConnection,
  congestion: Congestion,
  signal: AbortSignal,
): Promise<Outcome<PathFacts, PaymentRefusal>> {
  const found: Findings = {
    rate: undefined,
    destinationAsset: undefined,
    tooMuch: MAX_AMOUNT,
    again: [],
    hasAnswered: false,
    lastReject: undefined,
  }
  let amounts = FIRST_AMOUNTS
  let delayMs = FIRST_DELAY_MS
  for (let round = 0; round < MAX_ROUNDS && amounts.length > 0 && !signal.aborted; round++) {
    if (found.again.length > 0) await pause(delayMs, signal)
    delayMs = found.again.length > 0 ? Math.min(delayMs * 2, MAX_DELAY_MS) : FIRST_DELAY_MS
    found.again = []
    const answers = await Promise.all(amounts.map((amount) => probe(connection, amount)))
    for (const [index, answer] of answers.entries()) note(found, congestion, amounts[index]!, answer)
    amounts = nextAmounts(found, congestion.maxPacket)
  }
  const { rate, destinationAsset } = found
  if (signal.aborted)
    return refused(refusal('ABORTED', 'the payment was called off before anything was sent'))
  return rate === undefined ? refused(whyNoRate(found)) : accepted({ rate, destinationAsset })
}

/** Ends early when the signal says so. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined)
}

function probe(connection: PayerConnection, amount: bigint): Promise<PathAnswer> {
  return connection.exchange({ amount, minimum: 0n, frames: [], isFulfillable: false })
}

function note(found: Findings, congestion: Congestion, amount: bigint, answer: PathAnswer): void {
  if (answer.kind === 'refused') noteRate(found, amount, answer.packet)
  if (answer.kind !== 'rejected') return
  const { reject } = answer
  found.lastReject = reject
  if (reject.code === ILP_ERRORS.AMOUNT_TOO_LARGE) congestion.onTooLarge(amount, reject.data)
  else if (reject.code === ILP_ERRORS.INSUFFICIENT_LIQUIDITY && amount > 1n)
    found.tooMuch = amount < found.tooMuch ? amount : found.tooMuch
  else if (isPassing(reject)) found.again.push(amount)
}

function noteRate(found: Findings, source: bigint, { amount: delivered, frames }: StreamPacket): void {
  found.hasAnswered = true
  for (const frame of frames) {
    if (frame.type === 'connectionAssetDetails')
      found.destinationAsset = { code: frame.assetCode, scale: frame.assetScale }
  }
  if (delivered > (found.rate?.delivered ?? 0n)) found.rate = { source, delivered }
}

/** May another try end otherwise? */
export function isPassing({ code }: IlpReject): boolean {
  return code.startsWith('T') || code.startsWith('R')
}

/** Empty when the rate is known well enough, or there is nothing that could make it known better. */
function nextAmounts({ rate, tooMuch, again }: Findings, maxPacket: bigint): bigint[] {
  const source = rate?.source ?? 0n
  // The largest packet has the rate with the most digits, and is the one that will be sent most.
  if (maxPacket < MAX_AMOUNT && maxPacket > source && maxPacket < tooMuch) return [maxPacket]
  if (rate !== undefined && rate.delivered >= ENOUGH_DELIVERED) return []
  const isOpen = (amount: bigint) => amount > source && amount < tooMuch && amount <= maxPacket
  // Half way between what came through and what did not, as long as that makes it much better.
  const between = tooMuch < MAX_AMOUNT ? (source + tooMuch) / 2n : 0n
  const isBetter = rate === undefined || between > source + source / WORTH_A_PROBE
  return [...again.filter(isOpen), ...(isOpen(between) && isBetter ? [between] : [])]
}

function whyNoRate({ hasAnswered, lastReject }: Findings): PaymentRefusal {
  if (hasAnswered) return refusal('RATE_TOO_LOW', 'of no packet that the path carries anything arrives')
  const why = lastReject === undefined ? '' : `: ${describeReject(lastReject)}`
  return lastReject !== undefined && isPassing(lastReject)
    ? refusal('STALLED', `no packet came through${why}`)
    : refusal('UNREACHABLE', `the receiver cannot be reached${why}`)
}

function refusal(code: PaymentRefusal['code'], text: string): PaymentRefusal {
  return { code, text, paid: NOTHING_PAID }
}
