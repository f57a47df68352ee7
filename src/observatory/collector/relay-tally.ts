/** What one relay's next report adds up: watched time and latencies. */

/** Measurements of one report; further ones are dropped. */
const MAX_SAMPLES = 64

export type Latency = 'openMs' | 'readMs' | 'pingMs'

type Samples = Readonly<Record<Latency, number[]>>

const NO_SAMPLES: Readonly<Record<Latency, readonly number[]>> = { openMs: [], readMs: [], pingMs: [] }
/** What a relay reports that was neither watched nor measured. */
export const NOTHING_TALLIED = { watchedSeconds: 0, connectedSeconds: 0, ...NO_SAMPLES } as const

export class RelayTally {
  #watchedMs = 0
  #connectedMs = 0
  /** Most relays are not connected to, and most that are were measured in an earlier report. */
  #samples: Samples | undefined

  watched(ms: number, isConnected: boolean): void {
    this.#watchedMs += ms
    if (isConnected) this.#connectedMs += ms
  }

  measured(what: Latency, ms: number): void {
    this.#samples ??= { openMs: [], readMs: [], pingMs: [] }
    const samples = this.#samples[what]
    if (samples.length < MAX_SAMPLES) samples.push(Math.round(ms * 10) / 10)
  }

  /** Everything since the last call; parts of seconds stay for the next one. */
  take() {
    const watchedSeconds = Math.floor(this.#watchedMs / 1_000)
    const connectedSeconds = Math.min(watchedSeconds, Math.floor(this.#connectedMs / 1_000))
    this.#watchedMs -= watchedSeconds * 1_000
    this.#connectedMs -= connectedSeconds * 1_000
    const samples = this.#samples ?? NO_SAMPLES
    this.#samples = undefined
    return { watchedSeconds, connectedSeconds, ...samples }
  }
}
