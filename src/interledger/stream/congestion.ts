/**
 * How much a payer dares to have under way: a largest packet, which connectors tell, and an amount and a number in
 * flight, which grow slowly with each Fulfill and are halved when the path says that it was too much.
 */
import { MAX_AMOUNT, readOer } from '../packet/index.ts'
import type { PacketLimits } from './plan-packet.ts'

/** Packets in flight at most. */
const MAX_IN_FLIGHT = 20
const FIRST_IN_FLIGHT = 4
const FIRST_DELAY_MS = 25
const MAX_DELAY_MS = 1000
/** The amount in flight grows by this part of itself with each Fulfill. */
const GROWTH = 8n

export class Congestion {
  #maxPacket = MAX_AMOUNT
  #window = MAX_AMOUNT
  #slots = FIRST_IN_FLIGHT
  /** Failures in a row, those of packets that were under way together counted once. */
  #failures = 0
  /** Answers to packets up to this one tell nothing new about the limits of now. */
  #heardOf = 0n

  get maxPacket(): bigint {
    return this.#maxPacket
  }

  /** Failures since the last Fulfill; packets that were under way together count once. */
  get failures(): number {
    return this.#failures
  }

  limits(inFlight: number, amountInFlight: bigint): PacketLimits {
    const isFull = inFlight >= this.#slots || amountInFlight >= this.#window
    return { maxPacket: this.#maxPacket, room: isFull ? 0n : this.#window - amountInFlight }
  }

  onFulfil(): void {
    this.#failures = 0
    this.#slots = Math.min(this.#slots + 1, MAX_IN_FLIGHT)
    const grown = this.#window + this.#window / GROWTH + 1n
    this.#window = grown < MAX_AMOUNT ? grown : MAX_AMOUNT
  }

  /**
   * F08. Its data says what arrived at the connector that refused, and what it would have taken (RFC-0027, "F08"); where
   * it does not, half is tried.
   */
  onTooLarge(amount: bigint, data: Buffer): void {
    const told = maximumFrom(amount, data) ?? amount / 2n
    if (told < this.#maxPacket) this.#maxPacket = told
  }

  /** T04: so much in flight was too much. @param sequences of the packet, and of the last one that was sent. */
  onShortOfMoney(amountInFlight: bigint, sequences: Sequences): void {
    if (!this.#isNews(sequences)) return
    const least = amountInFlight < this.#window ? amountInFlight : this.#window
    this.#window = least > 1n ? least / 2n : 1n
  }

  /** Any other failure that may pass. */
  onBusy(sequences: Sequences): void {
    if (this.#isNews(sequences)) this.#slots = Math.max(1, this.#slots >> 1)
  }

  /** How long to wait before the next packet, after the failures so far; 0 after none. */
  get delayMs(): number {
    if (this.#failures === 0) return 0
    return Math.min(FIRST_DELAY_MS * 2 ** (this.#failures - 1), MAX_DELAY_MS)
  }

  #isNews({ failed, last }: Sequences): boolean {
    if (failed <= this.#heardOf) return false
    this.#heardOf = last
    this.#failures += 1
    return true
  }
}

interface Sequences {
  readonly failed: bigint
  readonly last: bigint
}

/** Undefined when the data does not say it, or says something that makes no sense. */
function maximumFrom(amount: bigint, data: Buffer): bigint | undefined {
  const told = readOer(data, (reader) => ({ received: reader.uint64(), maximum: reader.uint64() }))
  if (!told.ok || told.value.received <= told.value.maximum) return undefined
  return (amount * told.value.maximum) / told.value.received
}
