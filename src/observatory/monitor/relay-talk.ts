/** A short talk with a relay over one WebSocket: something is said, and the answer is timed. Nothing that comes is trusted. */
import { WebSocket } from 'ws'

/** What is needed of a socket of `ws`. */
export type WebSocketLike = Pick<WebSocket, 'readyState' | 'on' | 'send' | 'close' | 'terminate'>

/** A longer message ends the talk. */
export const MAX_TALK_MESSAGE_BYTES = 65_536
/** Who says more than that without answering never will. */
const MAX_TALK_MESSAGES = 100
/** A relay that does not answer our close must not keep the socket. */
const CLOSE_TIMEOUT_MS = 1_000

/** What a message means for the question that waits; undefined: it is about something else. */
export type Reading = 'answer' | 'refusal' | undefined
export type ReadMessage = (message: readonly unknown[]) => Reading

export class RelayTalk {
  readonly #socket: WebSocketLike
  #waiting: { readonly read: ReadMessage; readonly settle: (isAnswered: boolean) => void } | undefined
  #messages = 0
  #isOver = false

  /** @param signal ends the talk at once. */
  constructor(socket: WebSocketLike, signal: AbortSignal) {
    this.#socket = socket
    socket.on('message', (data: Buffer, isBinary) => this.#onMessage(data, isBinary))
    socket.on('close', () => this.#endAtOnce())
    socket.on('error', () => this.#endAtOnce())
    signal.addEventListener('abort', () => this.#endAtOnce(), { once: true })
    if (signal.aborted || socket.readyState !== WebSocket.OPEN) this.#endAtOnce()
  }

  say(message: readonly unknown[]): void {
    if (!this.#isOver) this.#socket.send(JSON.stringify(message))
  }

  /** Milliseconds until the answer; undefined for a refusal, or when the talk ends without one. One question at a time. */
  async ask(message: readonly unknown[], read: ReadMessage): Promise<number | undefined> {
    if (this.#isOver) return undefined
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#waiting = { read, settle: resolve }
    const askedMs = performance.now()
    this.say(message)
    const isAnswered = await promise
    return isAnswered ? performance.now() - askedMs : undefined
  }

  /** Ends it as RFC 6455 has it, and at the latest after a second. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#socket.close()
    setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS).unref()
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#isOver) return
    this.#messages++
    if (data.length > MAX_TALK_MESSAGE_BYTES || this.#messages > MAX_TALK_MESSAGES) {
      this.#endAtOnce()
      return
    }
    if (this.#waiting === undefined || isBinary) return
    const message = parseArray(data)
    const reading = message === undefined ? undefined : this.#waiting.read(message)
    if (reading !== undefined) this.#settle(reading === 'answer')
  }

  #settle(isAnswered: boolean): void {
    this.#waiting?.settle(isAnswered)
    this.#waiting = undefined
  }

  #endAtOnce(): void {
    this.#settle(false)
    if (this.#isOver) return
    this.#isOver = true
    this.#socket.terminate()
  }
}

function parseArray(data: Buffer): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(data.toString())
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}
