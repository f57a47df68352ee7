import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { encodeEvent, type NostrEvent } from '../../nostr/index.ts'
import type { EventStore, PutOutcome } from '../store.ts'
import { arbitraryScenario } from './arbitrary-operations.ts'
import { drain, idIn, pairsIn } from './read-store.ts'
import { type StoreOperation, shortened } from './store-operation.ts'
import type { MakeStore, StoreUnderTest } from './store-under-test.ts'
import { bytesOf, NOW_SECONDS } from './test-event.ts'

export interface AgreementParameters {
  /** How many random streams are tried. */
  readonly runs: number
  /** Repeats the run that failed; printed by the failure, with `path`. */
  readonly seed?: number
  readonly path?: string
}

/**
 * Drives both engines with random streams of operations. When they disagree the failure names the seed and
 * path, the step, both answers and the shrunk stream.
 */
export async function assertEnginesAgreeOnRandomStreams(
  makeExpected: MakeStore,
  makeActual: MakeStore,
  { runs, ...repeat }: AgreementParameters,
): Promise<void> {
  const agreement = fc.asyncProperty(arbitraryScenario(), ({ pool, operations }) =>
    assertEnginesAgree(makeExpected, makeActual, operations, pool),
  )
  await fc.assert(agreement, { numRuns: runs, includeErrorInReport: true, ...repeat })
}

/**
 * Drives two fresh engines with the same operations and compares what can be seen: outcomes, ids in order,
 * bytes, counts. After the last step the whole content is compared as well.
 *
 * @param pool names events in the failure; only there.
 * @throws Error at the first step where they differ, or where an engine breaks a law of its own: a `seq` that does not
 *   rise, bytes that were altered, an overfull page.
 */
export async function assertEnginesAgree(
  makeExpected: MakeStore,
  makeActual: MakeStore,
  operations: readonly StoreOperation[],
  pool: readonly NostrEvent[] = [],
): Promise<void> {
  await withEngine(makeExpected, (expected) =>
    withEngine(makeActual, async (actual) => {
      for (const [step, operation] of [...operations, ...epilogue].entries()) {
        await assertSameAnswer(expected, actual, operation).catch((cause: unknown) => {
          const reason = cause instanceof Error ? cause.message : String(cause)
          const where = step < operations.length ? `step ${step}` : 'after the last step'
          throw new Error(shortened(`${where} (${operation.do}): ${reason}`, pool), { cause })
        })
      }
    }),
  )
}

async function withEngine(make: MakeStore, drive: (engine: DrivenEngine) => Promise<void>): Promise<void> {
  const subject = await make()
  try {
    await drive(new DrivenEngine(subject))
  } finally {
    await subject.dispose()
  }
}

async function assertSameAnswer(
  expected: DrivenEngine,
  actual: DrivenEngine,
  operation: StoreOperation,
): Promise<void> {
  const wanted = await expected.perform(operation)
  const got = await actual.perform(operation)
  if (isDeepStrictEqual(wanted, got)) return
  throw new Error(
    `the engines differ\n  expected ${JSON.stringify(wanted)}\n       got ${JSON.stringify(got)}`,
  )
}

/** What is looked at when a stream has ended, before and after the store was opened anew. */
const everything: StoreOperation = { do: 'query', filters: [{}], pageSizes: [3, 1, 100] }
const epilogue: readonly StoreOperation[] = [
  everything,
  { do: 'reopen' },
  everything,
  { do: 'sweep' },
  everything,
]

/** An engine, the time it is told, and the laws it must keep without another engine to compare with. */
class DrivenEngine {
  readonly #subject: StoreUnderTest
  readonly #textById = new Map<string, string>()
  #store: EventStore
  #nowSeconds = NOW_SECONDS
  #lastSeq = -1

  constructor(subject: StoreUnderTest) {
    this.#subject = subject
    this.#store = subject.store
  }

  /** Does one step; what was seen, as plain data. */
  async perform(operation: StoreOperation): Promise<unknown> {
    switch (operation.do) {
      case 'put':
        return this.#put(operation.events)
      case 'remove':
        return { removed: await this.#store.remove(operation.ids), events: this.#store.stats().events }
      case 'sweep':
        return { swept: await this.#store.sweepExpired(this.#nowSeconds), events: this.#store.stats().events }
      case 'advance':
        this.#nowSeconds += operation.seconds
        return
      case 'query':
      case 'query-during-put':
        return this.#query(operation)
      case 'count':
        return this.#store.count(operation.filters, this.#nowSeconds, operation.audience)
      case 'sketch':
        return this.#sketch(operation)
      case 'id-set':
        return this.#idSet(operation)
      case 'has':
        return this.#store.has(operation.id)
      case 'reopen':
        if (this.#subject.reopen !== undefined) this.#store = await this.#subject.reopen()
        return
    }
  }

  async #put(events: readonly NostrEvent[]): Promise<unknown> {
    for (const event of events) this.#textById.set(event.id, encodeEvent(event))
    const outcomes = await this.#store.put(events.map(bytesOf), this.#nowSeconds)
    this.#checkSeqs(outcomes)
    const { events: stored } = this.#store.stats()
    return { outcomes: outcomes.map(({ status }) => status), events: stored }
  }

  #checkSeqs(outcomes: readonly PutOutcome[]): void {
    for (const outcome of outcomes) {
      if (outcome.status !== 'stored') continue
      if (outcome.seq <= this.#lastSeq)
        throw new Error(`seq ${outcome.seq} given out after seq ${this.#lastSeq}`)
      this.#lastSeq = outcome.seq
    }
    const { lastSeq } = this.#store.stats()
    if (this.#lastSeq >= 0 && lastSeq !== this.#lastSeq) {
      throw new Error(`stats().lastSeq is ${lastSeq} where the newest event has seq ${this.#lastSeq}`)
    }
  }

  async #query(operation: Extract<StoreOperation, { do: 'query' | 'query-during-put' }>): Promise<unknown> {
    const cursor = this.#store.query(operation.filters, this.#nowSeconds, operation.audience)
    const meanwhile = operation.do === 'query-during-put' ? await this.#put(operation.events) : undefined
    const texts = await drain(cursor, operation.pageSizes)
    for (const text of texts) this.#checkUnaltered(text)
    return { meanwhile, ids: texts.map(idIn) }
  }

  async #sketch({ filter, offset, audience }: Extract<StoreOperation, { do: 'sketch' }>): Promise<unknown> {
    const { count, registers } = await this.#store.sketch(filter, offset, this.#nowSeconds, audience)
    return { count, registers: Buffer.from(registers).toString('hex') }
  }

  async #idSet({ filter, maxIds, audience }: Extract<StoreOperation, { do: 'id-set' }>): Promise<unknown> {
    return pairsIn(await this.#store.idSet(filter, maxIds, this.#nowSeconds, audience))
  }

  #checkUnaltered(text: string): void {
    const put = this.#textById.get(idIn(text))
    if (text !== put) throw new Error(`event came back altered:\n  put ${put}\n  got ${text}`)
  }
}
