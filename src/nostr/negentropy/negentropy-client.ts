import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import { AnswerBuilder } from './answer-builder.ts'
import { ID_BYTES, INFINITE_BOUND } from './bound.ts'
import type { NegentropyItems } from './items.ts'
import { decodeRanges, PROTOCOL_VERSION } from './message.ts'
import { answerRanges, lastEnd, type NegentropyLimits } from './reconcile.ts'

export interface NegentropyClientLimits extends NegentropyLimits {
  /** How many differences are taken from a relay, which might invent ids without end; 1,000,000 when absent. */
  readonly maxDifferences?: number
}

/** What one answer of the relay has told. Each id comes once in the whole exchange. */
export interface NegentropyStep {
  /** Ids, hex, that we have and the relay lacks. */
  readonly have: readonly string[]
  /** Ids, hex, that the relay has and we lack. */
  readonly need: readonly string[]
  /** To be sent; undefined when everything is known. */
  readonly next: Uint8Array | undefined
}

/**
 * The client's side of NIP-77: `initiate`, send that, and hand each answer to `reconcile` until there is no `next`. How
 * many rounds a relay may take, is the caller's bound. After a refusal the exchange is over.
 */
export class NegentropyClient {
  readonly #items: NegentropyItems
  readonly #maxFrameBytes: number
  readonly #maxDifferences: number
  readonly #have = new Set<string>()
  readonly #need = new Set<string>()

  constructor(items: NegentropyItems, { maxFrameBytes, maxDifferences = 1_000_000 }: NegentropyClientLimits) {
    this.#items = items
    this.#maxFrameBytes = maxFrameBytes
    this.#maxDifferences = maxDifferences
  }

  /** The first message. */
  initiate(): Uint8Array {
    const message = new AnswerBuilder(this.#items, this.#maxFrameBytes)
    message.split(INFINITE_BOUND, this.#items.size)
    return message.finish(INFINITE_BOUND)
  }

  reconcile(message: Uint8Array): Outcome<NegentropyStep, string> {
    if (message[0] !== PROTOCOL_VERSION) return refused('the relay speaks another version of the protocol')
    const ranges = decodeRanges(message.subarray(1))
    if (!ranges.ok) return ranges
    const answer = new AnswerBuilder(this.#items, this.#maxFrameBytes)
    const have: string[] = []
    const need: string[] = []
    answerRanges(this.#items, ranges.value, answer, (ids, until, { end }) => {
      this.#compare(ids, until, answer.next, { have, need })
      answer.skip(end, until)
    })
    if (this.#have.size + this.#need.size > this.#maxDifferences) {
      return refused(`there are more than ${this.#maxDifferences} differences`)
    }
    const next = answer.finish(lastEnd(ranges.value))
    return accepted({ have, need, next: answer.isSilent ? undefined : next })
  }

  /** Our ids of a range and those of the relay, which are all that it has there. */
  #compare(ids: Uint8Array, until: number, start: number, found: { have: string[]; need: string[] }): void {
    const theirs = hexIds(ids)
    for (let index = start; index < until; index += 1) {
      const id = this.#items.idAt(index)
      if (!theirs.delete(id)) note(id, this.#have, found.have)
    }
    for (const id of theirs) note(id, this.#need, found.need)
  }
}

/** When an answer had no room for everything, a range may come by twice, and its differences with it. */
function note(id: string, known: Set<string>, found: string[]): void {
  if (known.has(id)) return
  known.add(id)
  found.push(id)
}

function hexIds(ids: Uint8Array): Set<string> {
  const hex = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength).toString('hex')
  const set = new Set<string>()
  for (let at = 0; at < hex.length; at += 2 * ID_BYTES) set.add(hex.slice(at, at + 2 * ID_BYTES))
  return set
}
