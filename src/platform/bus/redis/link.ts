import { Redis } from 'ioredis'
import { OPERATION_TIMEOUT_MS } from '../bus.ts'
import { scripts } from './scripts.ts'

/** The longest wait between two tries to connect. */
export const MAX_RETRY_MS = 1_000
const FIRST_RETRY_MS = 25
/** How often a quiet connection is asked whether it still lives. */
const PING_EVERY_MS = 1_000

export interface LinkOptions {
  readonly url: string
  /** Shown in Redis's list of clients. */
  readonly name: string
  /** Called each time commands can be sent, the first time too. */
  readonly onReady: () => void
  readonly onLost: () => void
  readonly onError: (text: string) => void
}

/**
 * One connection to Redis that comes back by itself, for as long as it takes. Nothing waits for it: a command while it
 * is away fails at once, and those under way fail when it is lost. One that is open but silent is cut and made anew.
 */
export class RedisLink {
  readonly client: Redis
  readonly #options: LinkOptions
  readonly #watch: NodeJS.Timeout
  #isPinging = false
  #wasReady = false

  constructor(options: LinkOptions) {
    this.#options = options
    this.client = new Redis(options.url, {
      lazyConnect: true,
      connectionName: options.name,
      connectTimeout: OPERATION_TIMEOUT_MS,
      commandTimeout: OPERATION_TIMEOUT_MS,
      // What is not answered when the connection breaks is refused, not sent again: nobody knows whether it was done.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      maxRetriesPerRequest: 0,
      // Everybody comes back at a time of their own.
      retryStrategy: (attempt) =>
        Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempt, 10), MAX_RETRY_MS) * (0.75 + Math.random() / 4),
      scripts,
    })
    this.client.on('ready', () => {
      this.#wasReady = true
      options.onReady()
    })
    this.client.on('close', () => {
      if (this.#wasReady) options.onLost()
      this.#wasReady = false
    })
    this.client.on('error', (error: Error) => options.onError(describeError(error)))
    this.#watch = setInterval(() => void this.#ping(), PING_EVERY_MS)
    this.#watch.unref()
  }

  /** Begins to connect; tries for ever. */
  open(): void {
    // A failure is told by 'error', and tried again.
    this.client.connect().catch(() => {})
  }

  get isReady(): boolean {
    return this.client.status === 'ready'
  }

  async close(): Promise<void> {
    clearInterval(this.#watch)
    if (this.isReady) await this.client.quit().catch(() => {})
    this.client.disconnect()
  }

  /** A connection whose other end is gone without a word looks open until somebody asks. */
  async #ping(): Promise<void> {
    if (!this.isReady || this.#isPinging) return
    this.#isPinging = true
    try {
      await this.client.ping()
    } catch (error) {
      this.#options.onError(describeError(error))
      if (this.isReady) this.client.disconnect(true)
    } finally {
      this.#isPinging = false
    }
  }
}

/** What went wrong in words for the operator: never the command, whose arguments may be private, nor the URL. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return 'an unknown error'
  const code = (error as NodeJS.ErrnoException).code
  return code === undefined || error.message.includes(code) ? error.message : `${code}: ${error.message}`
}
