/**
 * What could not be opened is tried again until it can be, with growing pauses: what a moment's fault has kept from
 * opening is not missing until a restart. What fails for good is told in the log when it is new, and then once an hour.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Clock, systemClock } from './kernel/index.ts'
import type { Logger } from './platform/index.ts'

export interface OpeningPart {
  /** As it is called in the log and in `/health`. */
  readonly name: string
  /**
   * Opens it; called again until it has not failed, and not after that. What it had begun when it failed, it takes back.
   */
  readonly open: () => unknown
}

export interface OpeningPorts {
  readonly logger: Pick<Logger, 'error' | 'info'>
  /** Ends it: no part is opened after that. A part that waits for something watches it too. */
  readonly signal: AbortSignal
  readonly clock?: Clock
  /** Resolves after so long, or when the signal aborts. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>
}

export interface Opening {
  /** What is in the way, in words; undefined while nothing is. */
  failure(): string | undefined
  /** Resolves when all is open, or when it was ended; never rejects. */
  readonly settled: Promise<void>
}

/** Between two tries, doubled up to the second. */
const FIRST_PAUSE_MS = 1_000
const MAX_PAUSE_MS = 60_000
/** How often a failure that stays is told again. */
const REMIND_MS = 3_600_000
/** Of somebody else's error message, in `/health`. */
const MAX_REASON_CHARACTERS = 300

/** Opens one part after the other, each when those before it are open. Begins, and returns at once. */
export function openPatiently(parts: readonly OpeningPart[], ports: OpeningPorts): Opening {
  const opening = new PatientOpening(parts, ports)
  return { failure: () => opening.failure, settled: opening.run() }
}

class PatientOpening {
  readonly #parts: readonly OpeningPart[]
  readonly #ports: Required<OpeningPorts>
  /** So many of them are open: the first ones. */
  #opened = 0
  #tries = 0
  #toldAtMs = 0
  failure: string | undefined

  constructor(parts: readonly OpeningPart[], ports: OpeningPorts) {
    this.#parts = parts
    this.#ports = { clock: systemClock, pause: pauseUnlessAborted, ...ports }
  }

  async run(): Promise<void> {
    const { signal, pause, logger } = this.#ports
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      if (await this.#openAll(pauseMs)) break
      await pause(pauseMs, signal)
    }
    if (this.#tries > 0 && !signal.aborted) logger.info({ tries: this.#tries + 1 }, 'observatory.opened_late')
  }

  /** True when nothing is left to be opened. */
  async #openAll(nextTryMs: number): Promise<boolean> {
    const { signal } = this.#ports
    for (const part of this.#parts.slice(this.#opened)) {
      if (signal.aborted) return false
      try {
        await part.open()
        this.#opened++
        // The next one may be waited for long, and nothing is in its way.
        this.failure = undefined
      } catch (err) {
        // What fails while it is ended fails because of that.
        if (!signal.aborted) this.#note(part, err, nextTryMs)
        return false
      }
    }
    return true
  }

  #note({ name }: OpeningPart, err: unknown, nextTryMs: number): void {
    const { clock, logger } = this.#ports
    const failure = `${name} cannot be opened: ${reasonOf(err)}`
    const isNew = failure !== this.failure
    this.failure = failure
    this.#tries++
    if (!isNew && clock.nowMs() - this.#toldAtMs < REMIND_MS) return
    this.#toldAtMs = clock.nowMs()
    logger.error({ err, part: name, tries: this.#tries, nextTryMs }, 'observatory.open_failed')
  }
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, MAX_REASON_CHARACTERS)
}

/** Resolves after so long, or when the signal aborts. It keeps no process alive. */
export async function pauseUnlessAborted(ms: number, signal: AbortSignal): Promise<void> {
  // Aborting is one of the two ways in which it ends.
  await delay(ms, undefined, { signal, ref: false }).catch(() => {})
}
