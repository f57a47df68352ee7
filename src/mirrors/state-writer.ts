import { setTimeout as delay } from 'node:timers/promises'

/** Progress that nobody waits for is written so often at most. */
const QUIET_MS = 1_000

/** Writes a state that changes often, once at a time, and the latest one in the end. */
export class StateWriter {
  readonly #save: () => Promise<void>
  readonly #onFailed: (error: unknown) => void
  #writing: Promise<boolean> = Promise.resolve(true)
  #isDue = false
  #isStopped = false

  /** @param onFailed told of what `save` throws; it is tried again with the next change. */
  constructor(save: () => Promise<void>, onFailed: (error: unknown) => void) {
    this.#save = save
    this.#onFailed = onFailed
  }

  /** The state has changed; it is written soon. */
  changed(): void {
    if (this.#isDue || this.#isStopped) return
    this.#isDue = true
    void delay(QUIET_MS, undefined, { ref: false }).then(() => (this.#isDue ? this.saved() : true))
  }

  /** Writes the state as it is now; resolves when that is done, false when it has failed. */
  saved(): Promise<boolean> {
    this.#writing = this.#writing.then(async () => {
      this.#isDue = false
      try {
        await this.#save()
        return true
      } catch (error) {
        this.#onFailed(error)
        return false
      }
    })
    return this.#writing
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.saved()
    this.#isDue = false
  }
}
