/**
 * Calls from outside that move money. The caller chooses a key: whoever repeats a call, because its connection broke before
 * the answer, hears what the first one led to, and nothing moves twice. The answer is kept as long as what it speaks of.
 */
import type { Kysely } from 'kysely'
import { accepted, type Clock, type Outcome, refused } from '../kernel/index.ts'
import type { Tables } from '../platform/database/index.ts'
import { written } from './order-json.ts'
import { digestOf } from './requests.ts'
import type { Tx } from './tables.ts'

interface Call<T extends object> {
  /** What is called: keys of different ones do not meet. */
  readonly scope: string
  /** Of the caller's choice, 1 to 200 characters. */
  readonly key: string
  /** What it is called with: under the same key it must be the same. */
  readonly content: readonly (string | number | bigint | undefined)[]
  readonly readAnswer: (json: unknown) => T
}

interface KeyReused {
  readonly code: 'KEY_REUSED'
  readonly text: string
}

/** To be called in the transaction that writes down what the call does. */
export type KeepAnswer<T> = (tx: Tx, answer: T) => Promise<void>

export class Calls {
  readonly #db: Kysely<Tables>
  readonly #clock: Clock

  constructor({ db, clock }: { readonly db: Kysely<Tables>; readonly clock: Clock }) {
    this.#db = db
    this.#clock = clock
  }

  /** Does it, unless it was done before. What was refused has left nothing behind, and can be tried again by its key. */
  async once<T extends object, R>(
    call: Call<T>,
    act: (keep: KeepAnswer<T>) => Promise<Outcome<T, R>>,
  ): Promise<Outcome<T, R | KeyReused>> {
    const before = await this.#find(call)
    if (before !== undefined) return before
    try {
      const outcome = await act((tx, answer) => this.#keep(tx, call, answer))
      // What stood in the way of this one may have been its twin.
      return outcome.ok ? outcome : ((await this.#find(call)) ?? outcome)
    } catch (error) {
      if (error instanceof KeyTaken) return (await this.#find(call)) ?? reused(call.key)
      throw error
    }
  }

  async #find<T extends object>(call: Call<T>): Promise<Outcome<T, KeyReused> | undefined> {
    const row = await this.#db
      .selectFrom('settlement_requests')
      .select(['content', 'answer'])
      .where('scope', '=', call.scope)
      .where('key', '=', call.key)
      .executeTakeFirst()
    if (row === undefined) return undefined
    if (row.answer === null || !row.content.equals(contentOf(call))) return reused(call.key)
    return accepted(call.readAnswer(JSON.parse(row.answer)))
  }

  /** Waits for a twin that is under way; when that is done, this one is rolled back. */
  async #keep<T extends object>(tx: Tx, call: Call<T>, answer: T): Promise<void> {
    const { scope, key } = call
    const inserted = await tx
      .insertInto('settlement_requests')
      .values({
        scope,
        key,
        content: contentOf(call),
        last_ms: BigInt(this.#clock.nowMs()),
        answer: written(answer),
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning('key')
      .execute()
    if (inserted.length === 0) throw new KeyTaken()
  }
}

/** Rolls back a call whose twin was quicker. */
class KeyTaken extends Error {}

function contentOf({ content }: Pick<Call<object>, 'content'>): Buffer {
  return digestOf(Buffer.from(JSON.stringify(content.map((part) => part?.toString() ?? null))))
}

function reused(key: string) {
  return refused<KeyReused>({
    code: 'KEY_REUSED',
    text: `the key ${key} was used before, for something else; take a new key`,
  })
}
