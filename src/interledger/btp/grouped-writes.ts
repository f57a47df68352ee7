import type { Duplex } from 'node:stream'

/**
 * Lets what is written to a socket in one round of the event loop leave with one system call. Packets come and are
 * answered in bunches (a group commit ends for many at once), and a call for each would cost more than all the rest.
 */
export class GroupedWrites {
  readonly #socket: Duplex
  #isHolding = false

  constructor(socket: Duplex) {
    this.#socket = socket
  }

  /** To be called before each write. */
  hold(): void {
    if (this.#isHolding) return
    this.#isHolding = true
    this.#socket.cork()
    setImmediate(() => {
      this.#isHolding = false
      this.#socket.uncork()
    })
  }
}
