import type { MessagePort } from 'node:worker_threads'

/**
 * Sends messages to another thread together: one hand-over costs as much as dozens of messages in it. What is
 * pushed in one turn of the event loop leaves at its end.
 */
export class Outbox<T> {
  readonly #port: MessagePort
  #messages: T[] = []
  #transfer: ArrayBuffer[] = []

  constructor(port: MessagePort) {
    this.#port = port
  }

  /** @param transfer memory that the message hands over instead of copying it. */
  push(message: T, transfer?: readonly ArrayBuffer[]): void {
    if (this.#messages.length === 0) setImmediate(() => this.flush())
    this.#messages.push(message)
    if (transfer !== undefined) this.#transfer.push(...transfer)
  }

  flush(): void {
    if (this.#messages.length === 0) return
    const messages = this.#messages
    const transfer = this.#transfer
    this.#messages = []
    this.#transfer = []
    this.#port.postMessage(messages, transfer)
  }
}
