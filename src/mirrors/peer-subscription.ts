import { createSignal, type Signal } from './signal.ts'

/** What has come since the last time, in order. */
export interface PeerNews {
  /** Not looked at: whatever the relay has sent. */
  readonly events: readonly unknown[]
  /** With these events everything that was stored has come; told once, and what follows is new (NIP-01, EOSE). */
  readonly isStoredSent: boolean
  /** With `isStoredSent`: the relay says that this was all that matches (NIP-67). */
  readonly isAll: boolean
  /** The relay has ended the subscription with this text; nothing more will come. */
  readonly closedText: string | undefined
}

export interface PeerSubscriptionHooks {
  /** Bytes were taken out of the inbox. */
  readonly onTaken: (bytes: number) => void
  readonly onClose: () => void
  /** How long the relay may say nothing while it owes stored events; rejects when it has been silent for so long. */
  readonly untilSilent: (waiting: Promise<void>) => Promise<void>
}

interface Item {
  /** Undefined is the mark of EOSE. */
  readonly event: { readonly value: unknown } | undefined
  readonly bytes: number
}

/**
 * One REQ on another relay, read at the reader's pace: what is not taken waits here, and when too much waits on a
 * connection, the connection is not read.
 */
export class PeerSubscription {
  readonly #hooks: PeerSubscriptionHooks
  readonly #news: Signal = createSignal()
  #items: Item[] = []
  #isStoredSent = false
  #isAll = false
  #closedText: string | undefined
  #failure: Error | undefined
  #isOver = false

  constructor(hooks: PeerSubscriptionHooks) {
    this.#hooks = hooks
  }

  /**
   * At most so many events; waits until there is something to tell.
   *
   * @throws AppError PEER_FAILED when the connection is gone, or silent before EOSE.
   */
  async next(maxEvents: number): Promise<PeerNews> {
    while (this.#items.length === 0 && this.#closedText === undefined) {
      if (this.#failure !== undefined) throw this.#failure
      const waiting = this.#news.wait()
      await (this.#isStoredSent ? waiting : this.#hooks.untilSilent(waiting))
    }
    return this.#take(maxEvents)
  }

  /** Nothing more is wanted. */
  close(): void {
    const wasOver = this.#isOver
    this.#end()
    for (const { bytes } of this.#items) this.#hooks.onTaken(bytes)
    this.#items = []
    if (!wasOver) this.#hooks.onClose()
  }

  /** For the client: returns whether the bytes count as waiting. */
  pushEvent(value: unknown, bytes: number): boolean {
    if (this.#isOver) return false
    this.#items.push({ event: { value }, bytes })
    this.#news.raise()
    return true
  }

  /** For the client: EOSE has come. */
  pushStoredSent(isAll: boolean): void {
    if (this.#isOver || this.#isStoredSent) return
    this.#isAll = isAll
    this.#items.push({ event: undefined, bytes: 0 })
    this.#news.raise()
  }

  /** For the client: CLOSED has come. */
  pushClosed(text: string): void {
    this.#closedText ??= text
    this.#end()
  }

  /** For the client: the connection is gone. What came before it can still be taken. */
  fail(error: Error): void {
    this.#failure ??= error
    this.#end()
  }

  #end(): void {
    this.#isOver = true
    this.#news.raise()
  }

  #take(maxEvents: number): PeerNews {
    const events: unknown[] = []
    let taken = 0
    let isStoredSent = false
    for (const { event, bytes } of this.#items) {
      if (events.length === maxEvents || isStoredSent) break
      taken += 1
      this.#hooks.onTaken(bytes)
      if (event === undefined) isStoredSent = true
      else events.push(event.value)
    }
    this.#items.splice(0, taken)
    if (isStoredSent) this.#isStoredSent = true
    const isLast = this.#items.length === 0
    return { events, isStoredSent, isAll: this.#isAll, closedText: isLast ? this.#closedText : undefined }
  }
}
