/**
 * Reading backwards in time what a relay has, page by page, when nobody knows how much it sends at once. The next page
 * begins with the very second in which the last one ended, because that may have been cut; only when a page does not
 * get beyond that second, it is asked for alone, and left behind.
 */

/** What to ask for next. Seconds since 1970, both ends included. */
export interface Page {
  readonly since: number
  readonly until: number
  readonly limit: number
}

/** Asked for at a time. Relays may send fewer; what they send decides how it goes on. */
export const PAGE_EVENTS = 500
/** Asked for when a page does not reach over a single second. */
export const SECOND_EVENTS = 5_000

export class PageWalk {
  readonly #since: number
  #until: number
  #isSecond = false
  #isDone = false
  #isStuck = false
  #uncertainSeconds = 0
  #count = 0
  #unusable = 0
  #oldest = Number.POSITIVE_INFINITY

  /** From `until` back to `since`, in seconds, both included. */
  constructor(span: { readonly since: number; readonly until: number }) {
    this.#since = span.since
    this.#until = span.until
    this.#isDone = span.since > span.until
  }

  /** Undefined when there is nothing more to ask. */
  get next(): Page | undefined {
    if (this.#isDone || this.#isStuck) return undefined
    if (this.#isSecond) return { since: this.#until, until: this.#until, limit: SECOND_EVENTS }
    return { since: this.#since, until: this.#until, limit: PAGE_EVENTS }
  }

  /** Everything from this second on was read, as far as the relay shows it. */
  get reached(): number {
    return this.#isDone ? this.#since : this.#until + 1
  }

  /** Everything was read. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** What the relay sends cannot be used to go on: nothing in its page was what was asked for. */
  get isStuck(): boolean {
    return this.#isStuck
  }

  /** Seconds of which the relay may have more than it sends at once. */
  get uncertainSeconds(): number {
    return this.#uncertainSeconds
  }

  /** An event of the page came; -1 for one that cannot be used. */
  saw(createdAt: number): void {
    const since = this.#isSecond ? this.#until : this.#since
    if (createdAt < since || createdAt > this.#until) {
      this.#unusable += 1
      return
    }
    this.#count += 1
    if (createdAt < this.#oldest) this.#oldest = createdAt
  }

  /**
   * The page came to its end (EOSE).
   *
   * @param isOpenEnded it was asked for without `until`, so that events dated ahead may have filled it.
   */
  finish(isOpenEnded = false): void {
    const [count, oldest, unusable] = [this.#count, this.#oldest, this.#unusable]
    this.restart()
    if (this.#isSecond) this.#leaveSecond(count)
    else if (count > 0) this.#goOn(oldest)
    // An empty page is the end, a page of nothing but rubbish is not: it would hide what was not sent.
    else if (unusable > 0) this.#isStuck = !isOpenEnded
    else this.#isDone = true
  }

  /** The page will not come to its end: what is before it stays unread for now. */
  abandon(): void {
    this.#isStuck = true
  }

  /** Forgets what came of a page that did not come to its end. */
  restart(): void {
    this.#count = 0
    this.#unusable = 0
    this.#oldest = Number.POSITIVE_INFINITY
  }

  #goOn(oldest: number): void {
    if (oldest === this.#until) this.#isSecond = true
    else this.#until = oldest
  }

  #leaveSecond(count: number): void {
    if (isSuspicious(count)) this.#uncertainSeconds += 1
    this.#isSecond = false
    this.#until -= 1
    if (this.#until < this.#since) this.#isDone = true
  }
}

/** Caps are round numbers, and not small; a second with just so many events is rare, and then only suspected. */
function isSuspicious(count: number): boolean {
  return count >= 50 && count % 50 === 0
}
