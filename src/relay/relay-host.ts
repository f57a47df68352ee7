import type { NostrEvent } from '../nostr/index.ts'

/** An answer to an EVENT that somebody other than the event store gives. `text` carries its prefix (NIP-01). */
export interface HostAnswer {
  readonly isAccepted: boolean
  readonly text: string
}

/**
 * What the relay asks of the rest of the program. None of it is on the path of an ordinary event; every answer may
 * have to come from a database or another process, so each is a promise.
 */
export interface RelayHost {
  /**
   * Marks an AUTH event as used for a connection (connect-time authentication, document 003).
   *
   * @param untilSeconds when the event can no longer be used anyway.
   * @returns false when it was used before, here or on another thread or process.
   */
  claimAuthEvent(id: string, untilSeconds: number): Promise<boolean>
  /** Keeps an event for a moderator. The answer is accepted only when it is kept durably. */
  hold(event: NostrEvent, why: string): Promise<HostAnswer>
  /** Answers a join or leave request (NIP-43, kinds 28934 and 28936) by the author of the event. */
  membership(event: NostrEvent): Promise<HostAnswer>
  /** A fresh invite (NIP-43, kind 28935) for somebody who proved one of these keys; undefined when none may have one. */
  invite(pubkeys: readonly string[]): Promise<NostrEvent | undefined>
}

/** The host of a relay that stands alone: AUTH events are remembered in this process, everything else is not offered. */
export function createLonelyHost(nowSeconds: () => number): RelayHost {
  const used = new UsedEvents(nowSeconds)
  const notOffered = async (): Promise<HostAnswer> => ({
    isAccepted: false,
    text: 'error: this relay does not offer that',
  })
  return {
    claimAuthEvent: async (id, untilSeconds) => used.claim(id, untilSeconds),
    hold: notOffered,
    membership: notOffered,
    invite: async () => undefined,
  }
}

/** Enough for 100 a second over the usual window; beyond it the oldest are still valid, so new ones are refused. */
const MAX_USED = 100_000

/** Ids of AUTH events that were used, until they are too old to be used again. */
export class UsedEvents {
  readonly #until = new Map<string, number>()
  readonly #nowSeconds: () => number

  constructor(nowSeconds: () => number) {
    this.#nowSeconds = nowSeconds
  }

  /** False when the event was used before, or when more are remembered than there may be. */
  claim(id: string, untilSeconds: number): boolean {
    if (this.#until.has(id)) return false
    if (this.#until.size >= MAX_USED) this.#forgetOld()
    if (this.#until.size >= MAX_USED) return false
    this.#until.set(id, untilSeconds)
    return true
  }

  #forgetOld(): void {
    const nowSeconds = this.#nowSeconds()
    for (const [id, untilSeconds] of this.#until) if (untilSeconds < nowSeconds) this.#until.delete(id)
  }
}
