/** Packets to send, and how they are offered: as many as go, or at a rate of their own. */
import { setTimeout as delay } from 'node:timers/promises'
import type { LinkAnswer } from '../../src/interledger/link.ts'
import type { IlpPrepare } from '../../src/interledger/packet/index.ts'

export type Send = (prepare: IlpPrepare) => Promise<LinkAnswer>
export type MakePacket = () => Omit<IlpPrepare, 'expiresAtMs'>

/** Expires so late that nothing does, even on a machine that others use. */
const LIFE_MS = 30_000

/** Packets that are made beforehand, so that making them does not count; when none is left, one is made. */
export class PacketStock {
  readonly #make: MakePacket
  readonly #packets: ReturnType<MakePacket>[] = []

  constructor(make: MakePacket) {
    this.#make = make
  }

  fill(packets: number): void {
    while (this.#packets.length < packets) this.#packets.push(this.#make())
  }

  take(): IlpPrepare {
    return { ...(this.#packets.pop() ?? this.#make()), expiresAtMs: Date.now() + LIFE_MS }
  }
}

export interface Offered {
  /** So many at a time, each followed by the next when it is answered … */
  readonly lanes?: number
  /** … or at this rate, whether or not the last ones were answered. */
  readonly perSecond?: number
}

/** What came of it, since `measure` was last called. */
export class Traffic {
  readonly #send: Send
  readonly #stock: PacketStock
  #latenciesMs: number[] = []
  #failed = 0
  #isOver = false
  #all: Promise<unknown> = Promise.resolve()

  constructor(send: Send, stock: PacketStock) {
    this.#send = send
    this.#stock = stock
  }

  start({ lanes, perSecond }: Offered): void {
    this.#all =
      perSecond === undefined
        ? Promise.all(Array.from({ length: lanes ?? 1 }, () => this.#lane()))
        : this.#atRate(perSecond)
  }

  /** Latencies in rising order, in milliseconds; of an open loop from the moment that the packet was due. */
  measure(): { readonly latenciesMs: readonly number[]; readonly failed: number } {
    const measured = { latenciesMs: this.#latenciesMs.toSorted((a, b) => a - b), failed: this.#failed }
    this.#latenciesMs = []
    this.#failed = 0
    return measured
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#all
  }

  async #lane(): Promise<void> {
    while (!this.#isOver) await this.#one(performance.now())
  }

  async #atRate(perSecond: number): Promise<void> {
    const underWay = new Set<Promise<void>>()
    const startedMs = performance.now()
    for (let made = 0; !this.#isOver; await delay(1)) {
      const nowMs = performance.now()
      for (let dueMs = startedMs; ; made++) {
        dueMs = startedMs + (made * 1_000) / perSecond
        if (dueMs > nowMs) break
        const one: Promise<void> = this.#one(dueMs).finally(() => underWay.delete(one))
        underWay.add(one)
      }
    }
    await Promise.all(underWay)
  }

  async #one(dueMs: number): Promise<void> {
    const answer = await this.#send(this.#stock.take())
    if (answer.type === 'fulfill') this.#latenciesMs.push(performance.now() - dueMs)
    else this.#failed++
  }
}
