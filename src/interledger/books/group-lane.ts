import { setTimeout as delay } from 'node:timers/promises'
import { Group } from './group.ts'

export interface GroupLaneDeps {
  readonly nextNumber: () => number
  /** Settles the group, and never rejects. */
  readonly commit: (group: Group) => Promise<void>
}

/** How long what can wait waits for company. */
const LAZY_MS = 100
/**
 * From the begin of a commit to that of the next one at least. A commit costs as much as ten packets: with this gap the
 * processor is free for others, and the slowest packets are faster than without (bench/interledger.ts).
 */
const LEAST_GAP_MS = 2

/** Commits one group after the other: while one is under way the next gathers. */
export class GroupLane {
  readonly #deps: GroupLaneDeps
  /** The last one gathers. */
  #groups: Group[] = []
  #underWay: Group | undefined
  #working: Promise<void> | undefined
  #lazyTimer: NodeJS.Timeout | undefined
  #begunMs = Number.NEGATIVE_INFINITY

  constructor(deps: GroupLaneDeps) {
    this.#deps = deps
  }

  /** Entries that are not committed. */
  get waiting(): number {
    return this.#groups.reduce((sum, { entries }) => sum + entries, this.#underWay?.entries ?? 0)
  }

  /** The group that what comes now goes into; to be followed by `wake` or `wakeLater`. */
  gather(): Group {
    const last = this.#groups.at(-1)
    if (last !== undefined && !last.isFull) return last
    const group = new Group(this.#deps.nextNumber())
    this.#groups.push(group)
    return group
  }

  wake(): void {
    this.#working ??= this.#work()
  }

  wakeLater(): void {
    this.#lazyTimer ??= setTimeout(() => {
      this.#lazyTimer = undefined
      this.wake()
    }, LAZY_MS)
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    clearTimeout(this.#lazyTimer)
    this.#lazyTimer = undefined
    this.wake()
    while (this.#working !== undefined) await this.#working
  }

  /** Everybody who waits is told this. A commit that is under way may still be done, or not. */
  abandon(error: unknown): void {
    clearTimeout(this.#lazyTimer)
    this.#underWay?.fail(error)
    for (const group of this.#groups.splice(0)) group.fail(error)
  }

  async #work(): Promise<void> {
    // What else comes in this turn of the event loop goes along.
    await Promise.resolve()
    while (this.waiting > 0) {
      await this.#gatherMore()
      const group = this.#take()
      if (group === undefined) break
      this.#begunMs = performance.now()
      await this.#deps.commit(group)
      this.#underWay = undefined
    }
    this.#working = undefined
  }

  /** Returns at once when there was no commit of late, or when no more goes into the group. */
  async #gatherMore(): Promise<void> {
    const leftMs = this.#begunMs + LEAST_GAP_MS - performance.now()
    if (leftMs > 0 && this.#groups[0]?.isFull !== true) await delay(leftMs)
  }

  #take(): Group | undefined {
    const group = this.#groups[0]
    if (group === undefined || group.entries === 0) return undefined
    this.#groups.shift()
    this.#underWay = group
    return group
  }
}
