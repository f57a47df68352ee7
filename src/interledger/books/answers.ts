import { AppError } from '../../kernel/index.ts'
import type { PacketId, PacketIntent, PacketQuestion } from '../books.ts'
import { type CommitDeps, requireMayWrite } from './commit-group.ts'
import { Generations } from './generations.ts'
import { rowsWithAnswers } from './journal-table.ts'
import { incomingKey, type Party } from './parties.ts'

/** A fulfilled packet. */
export interface Answer {
  /** Each of its 32 bytes a character: a Buffer so small would keep the 8 KiB alive that Node cut it from, a hundred thousand times. */
  readonly fulfillment: string
  readonly incomingAmount: bigint
  readonly expiresAtMs: number
  isWrittenOff: boolean
  /** While it is being written off. */
  writingOff: Promise<void> | undefined
}

/** Answers in memory are at most twice as many; older ones are read from the journal. */
const ANSWERS_OF_GENERATION = 50_000
/** So long at least it is known that a peer was told `none`: no packet is under way for longer. */
const NONE_KEPT_MS = 600_000
/** The journal is read for packets that expire within so long of each other, whatever a peer asks at once. */
const LOOKED_UP_MS = 60_000
/**
 * Of one generation, of all peers and of one, so that one cannot use up the room of others. When it is full, what is asked
 * is `pending`.
 */
const MAX_NONES = 200_000
const MAX_NONES_OF_PEER = 20_000

/**
 * What was fulfilled, and what peers were told will not be. The last packets are in memory, others are looked up in the
 * journal.
 */
export class Answers {
  readonly #deps: Pick<CommitDeps, 'db' | 'clock' | 'term'>
  readonly #answers = new Generations<Answer>()
  /** Packets of which a peer was told that they will not be fulfilled, though they may still come. */
  readonly #nones = new Generations<true>()
  /** How many of the young generation are of whom. */
  readonly #nonesOf = new Map<string, number>()
  #nonesSinceMs: number

  constructor(deps: Pick<CommitDeps, 'db' | 'clock' | 'term'>) {
    this.#deps = deps
    this.#nonesSinceMs = deps.clock.nowMs()
  }

  has(key: string): boolean {
    return this.#answers.has(key)
  }

  /** Of those in memory. */
  get(key: string): Answer | undefined {
    return this.#answers.get(key)
  }

  remember(key: string, answer: Answer): void {
    if (this.#answers.youngSize >= ANSWERS_OF_GENERATION) this.#answers.turn()
    this.#answers.set(key, answer)
  }

  /** Until when packets expire that are looked up together with the earliest of these. */
  lookedUpUntilMs(questions: readonly PacketQuestion[]): number {
    let earliestMs = Number.POSITIVE_INFINITY
    for (const { expiresAtMs } of questions) earliestMs = Math.min(earliestMs, expiresAtMs)
    return earliestMs + LOOKED_UP_MS
  }

  /**
   * What the journal knows of packets that are in memory no more, or that an earlier run fulfilled.
   *
   * @throws AppError ILP_BOOKS_BUSY when they expire at times that are too far from each other.
   */
  async lookUp(from: Party, questions: readonly PacketQuestion[]): Promise<ReadonlyMap<PacketId, Answer>> {
    const asked = new Set(questions.map(({ id }) => id).filter((id) => !this.#answers.has(from.key + id)))
    if (asked.size === 0) return new Map()
    const unknown = questions.filter(({ id }) => asked.has(id))
    const expiries = unknown.map(({ expiresAtMs }) => expiresAtMs)
    const untilMs = this.lookedUpUntilMs(unknown)
    if (expiries.some((expiresAtMs) => expiresAtMs > untilMs))
      throw new AppError('ILP_BOOKS_BUSY', 'A peer asks about packets of too long a time at once.')
    const found = new Map<PacketId, Answer>()
    await this.#deps.db.transaction().execute(async (tx) => {
      // Whoever writes by now may know of packets that this process does not: then it says nothing.
      await requireMayWrite(this.#deps, tx)
      for await (const { entries } of rowsWithAnswers(tx, expiries))
        for (const entry of entries) {
          if (!('incomingId' in entry) || entry.from.key !== from.key || !asked.has(entry.incomingId))
            continue
          if (entry.kind === 'fulfilled') found.set(entry.incomingId, answerOf(entry))
          const answer = found.get(entry.incomingId)
          if (entry.kind === 'written-off' && answer !== undefined) answer.isWrittenOff = true
        }
    })
    for (const [id, answer] of found) {
      const known = this.#answers.get(from.key + id)
      // Somebody else has looked it up meanwhile: there is one of it, since it may be written off.
      if (known === undefined) this.remember(from.key + id, answer)
      else found.set(id, known)
    }
    return found
  }

  /** False when there is no room to keep the promise. */
  promiseNone(from: Party, id: PacketId): boolean {
    const nowMs = this.#deps.clock.nowMs()
    if (nowMs - this.#nonesSinceMs >= NONE_KEPT_MS) {
      this.#nones.turn()
      this.#nonesOf.clear()
      this.#nonesSinceMs = nowMs
    }
    const count = this.#nonesOf.get(from.key) ?? 0
    if (count >= MAX_NONES_OF_PEER || this.#nones.youngSize >= MAX_NONES) return false
    this.#nonesOf.set(from.key, count + 1)
    this.#nones.set(from.key + id, true)
    return true
  }

  isNone(from: Party, { incomingId }: PacketIntent): boolean {
    if (this.#nones.size === 0) return false
    const key = incomingKey(from, incomingId)
    return key !== undefined && this.#nones.has(key)
  }
}

function answerOf(entry: {
  readonly fulfillment: Buffer
  readonly incomingAmount: bigint
  readonly incomingExpiresAtMs: number
}): Answer {
  return {
    fulfillment: entry.fulfillment.toString('latin1'),
    incomingAmount: entry.incomingAmount,
    expiresAtMs: entry.incomingExpiresAtMs,
    isWrittenOff: false,
    writingOff: undefined,
  }
}

/** As the peer names it that it came from; one that began here is never asked for. */
export function answerKey(from: Party, incomingId: PacketId, packetKeyText: string): string {
  return incomingKey(from, incomingId) ?? `>${packetKeyText}`
}
