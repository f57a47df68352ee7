/** Whether the database and Redis answer, asked once for all who want to know within a second. */
import type { Clock } from '../../kernel/index.ts'
import type { ServiceState } from './bodies.ts'
import type { ObservatoryApiDeps } from './deps.ts'

const HOLD_MS = 1_000
const TIMEOUT_MS = 2_000

export type Services = Readonly<Record<'database' | 'redis', ServiceState>>

export interface Health {
  readonly services: Services
  /** When it was asked. */
  readonly atSeconds: number
}

const FAILED: Services = { database: 'failed', redis: 'failed' }

export class HealthDesk {
  readonly #ask: () => Promise<Services>
  readonly #clock: Clock
  #held: { readonly health: Promise<Health>; untilMs: number } | undefined

  constructor({ health, clock }: Pick<ObservatoryApiDeps, 'health' | 'clock'>) {
    this.#ask = health
    this.#clock = clock
  }

  /** At most a second old. Never rejects. */
  current(): Promise<Health> {
    const held = this.#held
    if (held !== undefined && held.untilMs > this.#clock.nowMs()) return held.health
    // Until it is answered, which may take longer than an answer is good, all wait for the one.
    const asked = { health: this.#look(), untilMs: Number.POSITIVE_INFINITY }
    this.#held = asked
    return asked.health.then((health) => {
      asked.untilMs = this.#clock.nowMs() + HOLD_MS
      return health
    })
  }

  /** What does not answer in time has failed. */
  async #look(): Promise<Health> {
    const atSeconds = this.#clock.nowSeconds()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<Services>((resolve) => {
      timer = setTimeout(() => resolve(FAILED), TIMEOUT_MS)
    })
    try {
      return { services: await Promise.race([this.#ask(), late]), atSeconds }
    } catch {
      return { services: FAILED, atSeconds }
    } finally {
      clearTimeout(timer)
    }
  }
}
