import type { EventPage } from '../events/index.ts'
import { noteDuration } from '../kernel/index.ts'
import { eoseMessage, reason } from '../nostr/index.ts'
import type { Counters } from './counters.ts'
import { encodePage } from './event-frames.ts'
import type { FanOut } from './fan-out.ts'
import type { Subscription } from './subscription.ts'
import type { Turns } from './turns/index.ts'
import { encodeTextFrame } from './websocket/index.ts'

/** Events of one slice of a query. */
const SLICE_EVENTS = 500

export interface QueryRunnerDeps {
  readonly fanOut: FanOut
  readonly counters: Counters
  readonly turns: Turns
  /** A client with more unsent bytes than this has to read before it gets the next page. */
  readonly pauseAboveBytes: number
  /** Memory for frames that are sent in this turn (`Flusher.reserve`). */
  readonly reserve: (bytes: number) => Buffer
}

/**
 * Sends what is stored to subscriptions, in slices: a small query is answered at once, a big one shares the
 * thread with all others by turns, and waits while its client does not read.
 */
export class QueryRunner {
  readonly #deps: QueryRunnerDeps
  #running = 0
  #due = 0

  constructor(deps: QueryRunnerDeps) {
    this.#deps = deps
  }

  /** Queries that are not finished. */
  get running(): number {
    return this.#running
  }

  /** Queries whose next slice is due. */
  get due(): number {
    return this.#due
  }

  start(subscription: Subscription): void {
    const { turns } = this.#deps
    const { source } = subscription.connection.session
    this.#running++
    if (this.#mustWait(subscription)) this.#wait(subscription)
    else if (turns.defers(source)) this.#enqueue(subscription)
    else turns.runNow(source, () => this.#slice(subscription))
  }

  /** The client has read: its queries go on. */
  resume(waiting: readonly Subscription[]): void {
    for (const subscription of waiting) this.#enqueue(subscription)
  }

  #slice(subscription: Subscription): void {
    const { cursor } = subscription
    if (cursor === undefined || subscription.state === 'closed') {
      this.#running--
      return
    }
    try {
      const page = cursor.next(SLICE_EVENTS)
      if (page instanceof Promise) void this.#sendWhenRead(subscription, page)
      else this.#send(subscription, page)
    } catch {
      this.#fail(subscription)
    }
  }

  async #sendWhenRead(subscription: Subscription, reading: Promise<EventPage>): Promise<void> {
    try {
      const page = await reading
      this.#deps.turns.run(subscription.connection.session.source, () => this.#sendOrFail(subscription, page))
    } catch {
      this.#fail(subscription)
    }
  }

  #sendOrFail(subscription: Subscription, page: EventPage): void {
    try {
      this.#send(subscription, page)
    } catch {
      this.#fail(subscription)
    }
  }

  /** The store is closing, its thread is gone or the disk does not answer; it has said why in the log. */
  #fail(subscription: Subscription): void {
    this.#running--
    if (subscription.state === 'closed') return
    this.#deps.fanOut.close(subscription, reason('error', 'the events could not be read, try again later'))
  }

  #send(subscription: Subscription, page: EventPage): void {
    const { fanOut, counters, reserve } = this.#deps
    const { connection, id, prefix } = subscription
    if (subscription.state === 'closed') {
      this.#running--
      return
    }
    subscription.snapshotSeq = page.snapshotSeq
    subscription.sent += page.count
    const trailer = page.done ? encodeTextFrame(eoseMessage(id, hintFor(subscription))) : undefined
    if (page.count > 0 || trailer !== undefined) {
      for (const piece of encodePage(prefix, page, trailer, reserve)) connection.sendFrames(piece)
    }
    counters.served += page.count
    if (!page.done) {
      this.#continue(subscription)
      return
    }
    this.#running--
    noteDuration(counters.querying, performance.now() - subscription.sinceMs)
    fanOut.goLive(subscription)
  }

  #continue(subscription: Subscription): void {
    if (this.#mustWait(subscription)) this.#wait(subscription)
    else this.#enqueue(subscription)
  }

  #mustWait({ connection }: Subscription): boolean {
    return connection.bufferedBytes > this.#deps.pauseAboveBytes
  }

  /** Until its connection has drained. */
  #wait(subscription: Subscription): void {
    const { session } = subscription.connection
    session.waiting ??= []
    session.waiting.push(subscription)
  }

  #enqueue(subscription: Subscription): void {
    this.#due++
    this.#deps.turns.enqueue(subscription.connection.session.source, () => {
      this.#due--
      this.#slice(subscription)
    })
  }
}

/**
 * Whether every match was sent (NIP-67). Fewer events than the smallest limit can have been held back by none of the
 * limits; otherwise it is not known, and not said.
 */
function hintFor({ sent, completeBelow }: Subscription): 'finish' | undefined {
  return sent < completeBelow ? 'finish' : undefined
}
