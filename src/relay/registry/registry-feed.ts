import type { BusOutcome, BusRefusal } from '../../platform/bus/index.ts'
import { planRound } from './plan-round.ts'
import type { ConnectionRegistry, RegisteredConnection } from './registry.ts'

const INTERVAL_MS = 1_000

export interface RegistryFeedDeps {
  readonly registry: ConnectionRegistry
  /** The open connections of this process, as they are at the moment. */
  readonly snapshot: () => readonly RegisteredConnection[]
  /** Called when the registry cannot be written, once for each time that begins. */
  readonly onRefused?: (refusal: BusRefusal) => void
  readonly intervalMs?: number
}

/** Plain numbers since the start; `pending` is as of the last round. */
export interface RegistryFeedCounters {
  readonly rounds: number
  readonly put: number
  readonly touched: number
  readonly removed: number
  readonly refusedRounds: number
  /** Times that everything had to be written again. */
  readonly losses: number
  /** Connections of which the registry may show something else. */
  readonly pending: number
}

/**
 * Keeps the registry like the connections of this process: about once a second it writes what has changed. When the
 * registry is away it goes on trying, and writes everything once it is back.
 */
export class RegistryFeed {
  readonly #deps: RegistryFeedDeps
  /** What this process has written; undefined where a refusal left open what stands there. */
  readonly #written = new Map<string, RegisteredConnection | undefined>()
  readonly #counters = { rounds: 0, put: 0, touched: 0, removed: 0, refusedRounds: 0, losses: 0, pending: 0 }
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> | undefined
  #isRefused = false

  constructor(deps: RegistryFeedDeps) {
    this.#deps = deps
  }

  get counters(): RegistryFeedCounters {
    return { ...this.#counters }
  }

  start(): void {
    this.#timer = setInterval(() => void this.writeNow(), this.#deps.intervalMs ?? INTERVAL_MS)
    this.#timer.unref()
  }

  /** Stops, and takes this process's connections out of the registry as far as it can be reached. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#round
    await this.#deps.registry.leave()
    this.#written.clear()
  }

  /** One round; when one is under way already, that one. */
  writeNow(): Promise<void> {
    this.#round ??= this.#writeRound().finally(() => {
      this.#round = undefined
    })
    return this.#round
  }

  async #writeRound(): Promise<void> {
    const outcome = await this.#write()
    this.#counters.rounds++
    if (!outcome.ok) {
      this.#counters.refusedRounds++
      if (!this.#isRefused) this.#deps.onRefused?.(outcome.refusal)
    }
    this.#isRefused = !outcome.ok
  }

  async #write(): Promise<BusOutcome<unknown>> {
    const { registry, snapshot } = this.#deps
    const kept = await registry.keepUp()
    if (!kept.ok) return kept
    if (kept.value === 'lost') this.#doubtAll()
    const { put, touch, remove } = planRound(this.#written, snapshot())
    this.#counters.pending = put.length + touch.length + remove.length

    for (const { id } of put) this.#written.set(id, undefined)
    const putOutcome = await registry.put(put)
    if (!putOutcome.ok) return putOutcome
    for (const facts of put) this.#written.set(facts.id, facts)
    this.#counters.put += put.length

    const removed = await registry.remove(remove)
    if (!removed.ok) return removed
    for (const id of remove) this.#written.delete(id)
    this.#counters.removed += remove.length

    return this.#touch(touch)
  }

  async #touch(touched: readonly RegisteredConnection[]): Promise<BusOutcome<void>> {
    const outcome = await this.#deps.registry.touch(touched)
    if (!outcome.ok) return outcome
    for (const facts of touched) this.#written.set(facts.id, facts)
    this.#counters.touched += touched.length
    this.#counters.pending = 0
    return outcome
  }

  #doubtAll(): void {
    this.#counters.losses++
    for (const id of this.#written.keys()) this.#written.set(id, undefined)
  }
}
