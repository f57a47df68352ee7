import type { Clock } from '../../kernel/index.ts'
import type { ConnectorNotice } from './ports.ts'

/** The same thing is told once in so long, however many packets it happens to. */
const QUIET_MS = 1_000

/** Keeps a flood of packets from being a flood of log lines: what was not told is counted in the next notice. */
export class Notices {
  readonly #notify: (notice: ConnectorNotice) => void
  readonly #clock: Clock
  readonly #told = new Map<string, { atMs: number; untold: number }>()

  constructor(notify: (notice: ConnectorNotice) => void, clock: Clock) {
    this.#notify = notify
    this.#clock = clock
  }

  tell(notice: ConnectorNotice): void {
    const nowMs = this.#clock.nowMs()
    const last = this.#told.get(notice.event)
    if (last !== undefined && nowMs - last.atMs < QUIET_MS) {
      last.untold++
      return
    }
    const untold = last?.untold ?? 0
    this.#told.set(notice.event, { atMs: nowMs, untold: 0 })
    this.#notify(untold === 0 ? notice : { ...notice, facts: { ...notice.facts, untold } })
  }
}
