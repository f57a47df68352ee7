import type { Clock } from '../../kernel/index.ts'
import { difficulty, meetsDifficulty, type NostrEvent } from '../../nostr/index.ts'
import { asksForStanding } from './kind-set.ts'
import { definePolicy, type EarlyPolicy, type Verdict, type WriteContext } from './policy.ts'
import { refuse } from './verdicts.ts'

/** Seconds that the rate of events is an average of. */
const WINDOW_SECONDS = 10
/** What twice the rate adds to the difficulty. */
const BITS_PER_DOUBLING = 2

/** Proof of work (NIP-13): a fixed minimum, and more while events come faster than the operator likes. */
export const work = definePolicy({
  name: 'work',
  pick: ({ limits, policies }) => {
    const { minPowDifficulty: minimum, powRequiresCommitment: requireCommitment } = limits
    const { startDifficulty, maxDifficulty, aboveEventsPerSecond } = policies.work
    if (minimum === 0 && maxDifficulty === 0) return undefined
    return { minimum, requireCommitment, startDifficulty, maxDifficulty, aboveEventsPerSecond }
  },
  create: (settings, { clock }) => new WorkPolicy(settings, clock),
})

interface WorkSettings {
  readonly minimum: number
  readonly requireCommitment: boolean
  readonly startDifficulty: number
  readonly maxDifficulty: number
  readonly aboveEventsPerSecond: number
}

class WorkPolicy implements EarlyPolicy {
  readonly name = 'work'
  readonly stage = 'before-signature'
  readonly #settings: WorkSettings
  readonly #clock: Clock
  readonly #rate = new EventRate()
  #difficulty: number

  constructor(settings: WorkSettings, clock: Clock) {
    this.#settings = settings
    this.#clock = clock
    this.#difficulty = settings.minimum
  }

  /** What the next event will be asked for: it falls while none come, too. */
  minPowDifficulty(): number {
    const nowSeconds = this.#clock.nowSeconds()
    const isLater = nowSeconds > this.#rate.second
    if (isLater && this.#settings.maxDifficulty > 0) this.#adapt(this.#rate.goTo(nowSeconds))
    return this.#difficulty
  }

  judge(event: NostrEvent, { origin, level, nowSeconds }: WriteContext): Verdict {
    if (origin !== 'client' || asksForStanding(event.kind)) return undefined
    const { minimum, requireCommitment, maxDifficulty } = this.#settings
    if (maxDifficulty > 0) {
      this.#adapt(this.#rate.goTo(nowSeconds))
      this.#rate.count()
    }
    // Members pay in other ways; only what is always asked for is asked of them.
    const bits = level >= 2 ? minimum : this.#difficulty
    if (meetsDifficulty(event, bits, { requireCommitment })) return undefined
    const done = difficulty(event.id)
    if (done < bits) return refuse('pow', `difficulty ${done} is less than ${bits}`)
    return refuse('pow', `the nonce tag must commit to a difficulty of at least ${bits}`)
  }

  /** Up at once, down by one bit a second, so that who works on an event now is not asked for more too often. */
  #adapt(passedSeconds: number): void {
    // Within a second the average stays as it is.
    if (passedSeconds === 0) return
    const wanted = wantedDifficulty(this.#rate.perSecond, this.#settings)
    this.#difficulty = Math.max(
      wanted,
      Math.min(this.#difficulty - passedSeconds, this.#settings.maxDifficulty),
      this.#settings.minimum,
    )
  }
}

/** The difficulty for so many events a second. */
export function wantedDifficulty(
  perSecond: number,
  settings: Omit<WorkSettings, 'requireCommitment'>,
): number {
  const { minimum, startDifficulty, maxDifficulty, aboveEventsPerSecond } = settings
  if (perSecond <= aboveEventsPerSecond) return minimum
  const doublings = Math.floor(Math.log2(perSecond / aboveEventsPerSecond))
  const bits = Math.min(Math.max(startDifficulty, minimum) + doublings * BITS_PER_DOUBLING, maxDifficulty)
  return Math.max(bits, minimum)
}

/** Events a second, over the last whole seconds. */
class EventRate {
  readonly #slots = new Uint32Array(WINDOW_SECONDS)
  #second = 0

  /** Unix time of the second that is being counted. */
  get second(): number {
    return this.#second
  }

  /**
   * Goes to a second. Returns how many have passed since the last call; then there is a new average. A clock that was set back
   * begins anew, as if a second had passed.
   */
  goTo(nowSeconds: number): number {
    const passed = nowSeconds - this.#second
    if (passed !== 0) this.#turn(passed, nowSeconds)
    return passed < 0 ? 1 : passed
  }

  /** Counts one event of this second. */
  count(): void {
    this.#slots[this.#second % WINDOW_SECONDS]!++
  }

  get perSecond(): number {
    let events = 0
    for (const slot of this.#slots) events += slot
    return events / WINDOW_SECONDS
  }

  #turn(passed: number, nowSeconds: number): void {
    if (passed < 0 || passed >= WINDOW_SECONDS) this.#slots.fill(0)
    else for (let back = 0; back < passed; back++) this.#slots[(nowSeconds - back) % WINDOW_SECONDS] = 0
    this.#second = nowSeconds
  }
}
