/**
 * Follows an account of the ledger for one subscriber: first how it stands, or what has happened behind the transfer that
 * the subscriber knows of, then each change. Every event has the number of its transfer, by which tRPC goes on after a
 * broken connection.
 */
import { type TrackedEnvelope, tracked } from '@trpc/server'
import type { AccountChange, AccountId } from '../../ledger/index.ts'
import type { BooksDesk } from '../node/index.ts'
import { RefusedCall } from './refused-call.ts'

/** Changes that wait for one subscriber; then it is told that it is too slow. */
const MAX_WAITING = 10_000
/** Of what was missed, the newest; each says the whole balance. */
const MAX_MISSED = 1_000

export interface FollowRequest {
  readonly ledger: BooksDesk
  readonly account: AccountId
  /** The last transfer that is known; undefined: none. */
  readonly after: bigint | undefined
  readonly signal: AbortSignal | undefined
  readonly onEnd: () => void
}

/** Follows from this moment on, whether or not it is read. Ends by `signal`, or with the loop that reads it. */
export async function followAccount(
  request: FollowRequest,
): Promise<AsyncIterable<TrackedEnvelope<AccountChange>>> {
  const follower = new Follower(request)
  try {
    // What fails here is a fault of this call. Later, tRPC would try a fault again at once, and without end.
    return follower.changes(await follower.begin())
  } catch (error) {
    follower.end()
    throw error
  }
}

class Follower {
  readonly #request: FollowRequest
  #waiting: AccountChange[] = []
  #last = -1n
  #isEnded = false
  #isOverrun = false
  #stop: (() => void) | undefined
  #wake: (() => void) | undefined
  readonly #onAbort = (): void => this.end()

  constructor(request: FollowRequest) {
    this.#request = request
  }

  async begin(): Promise<readonly AccountChange[]> {
    const { ledger, account, after, signal } = this.#request
    signal?.addEventListener('abort', this.#onAbort)
    if (signal?.aborted === true) this.end()
    else this.#stop = ledger.subscribeToAccount(account, (change) => this.#hear(change))
    const newest = await this.#behind(undefined)
    const last = newest.at(-1)?.transferId ?? 0n
    // A number that is not there yet is of books that were restored since.
    if (after === undefined || after > last) return newest
    this.#last = after
    return after === last ? [] : this.#behind(after)
  }

  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#request.signal?.removeEventListener('abort', this.#onAbort)
    this.#stop?.()
    this.#wake?.()
    this.#request.onEnd()
  }

  async *changes(first: readonly AccountChange[]): AsyncGenerator<TrackedEnvelope<AccountChange>> {
    try {
      yield* this.#unheard(first)
      let isWhole = false
      while (await this.#hasNews()) {
        const heard = this.#waiting
        this.#waiting = []
        // The ledger may have begun to listen later than we have read: once, what lies between is read.
        yield* this.#unheard(isWhole ? heard : [...(await this.#between()), ...heard])
        isWhole = true
      }
    } finally {
      this.end()
    }
  }

  #hear(change: AccountChange): void {
    if (this.#waiting.length >= MAX_WAITING) this.#isOverrun = true
    else this.#waiting.push(change)
    this.#wake?.()
  }

  /** False when it is over. */
  async #hasNews(): Promise<boolean> {
    if (this.#waiting.length === 0 && !this.#isEnded) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
    if (this.#isOverrun) {
      const text = `more than ${MAX_WAITING} changes wait to be read; subscribe again`
      throw new RefusedCall({ code: 'TOO_SLOW', text })
    }
    return !this.#isEnded
  }

  *#unheard(changes: Iterable<AccountChange>): Generator<TrackedEnvelope<AccountChange>> {
    for (const change of changes) {
      if (change.transferId <= this.#last) continue
      this.#last = change.transferId
      yield tracked(change.transferId.toString(), change)
    }
  }

  async #between(): Promise<readonly AccountChange[]> {
    try {
      return await this.#behind(this.#last)
    } catch (cause) {
      throw new RefusedCall(
        { code: 'INTERRUPTED', text: 'the ledger could not be read; subscribe again' },
        cause,
      )
    }
  }

  /** The changes behind a transfer, oldest first; without one, how the account stands: at its newest transfer. */
  async #behind(after: bigint | undefined): Promise<readonly AccountChange[]> {
    const { ledger, account } = this.#request
    const [{ lines }, now] = await Promise.all([
      ledger.getTransfers(account, { limit: after === undefined ? 1 : MAX_MISSED }),
      ledger.getBalance(account),
    ])
    if (lines.length === 0) return after === undefined ? [{ ...now, transferId: 0n }] : []
    const changes = new Map<bigint, AccountChange>()
    for (const { transferId, balance } of lines) {
      if (after !== undefined && transferId <= after) break
      // Of several lines of one transfer the newest, which comes first, has the balance behind it.
      if (!changes.has(transferId))
        changes.set(transferId, { ...account, balance, held: now.held, transferId })
    }
    return [...changes.values()].reverse()
  }
}
