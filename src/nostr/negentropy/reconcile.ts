import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import { AnswerBuilder } from './answer-builder.ts'
import { INFINITE_BOUND } from './bound.ts'
import type { NegentropyItems } from './items.ts'
import { decodeRanges, PROTOCOL_VERSION, type Range } from './message.ts'

export interface NegentropyLimits {
  /** Of a message that we write, in bytes (its hex is twice as long); counts as 4,096 when smaller. */
  readonly maxFrameBytes: number
}

/**
 * The relay's side of NIP-77: the answer to a client's message, from a snapshot of our set and nothing else. Of a range
 * whose fingerprint differs it tells more; to a list of ids it replies with its own. To a version that it does not know
 * it answers with its own one, a single byte.
 *
 * A refusal says what is wrong with the message, for the client, without a prefix.
 */
export function reconcile(
  items: NegentropyItems,
  message: Uint8Array,
  { maxFrameBytes }: NegentropyLimits,
): Outcome<Uint8Array, string> {
  const version = message[0]
  if (version === undefined) return refused('the message is empty')
  if (version < 0x60 || version > 0x6f) return refused('the message does not begin with a version')
  if (version !== PROTOCOL_VERSION) return accepted(Uint8Array.of(PROTOCOL_VERSION))
  const ranges = decodeRanges(message.subarray(1))
  if (!ranges.ok) return ranges
  const answer = new AnswerBuilder(items, maxFrameBytes)
  answerRanges(items, ranges.value, answer, (ids, until, range) => {
    // Whoever names exactly what we have needs no answer.
    if (items.idsBetween(answer.next, until).equals(ids)) answer.skip(range.end, until)
    else answer.listIds(range.end, until)
  })
  return accepted(answer.finish(lastEnd(ranges.value)))
}

/** What both sides do alike: pass over what agrees, and look closer at what does not, as far as there is room. */
export function answerRanges(
  items: NegentropyItems,
  ranges: readonly Range[],
  answer: AnswerBuilder,
  answerIds: (ids: Uint8Array, until: number, range: Range) => void,
): void {
  for (const range of ranges) {
    const until = items.indexOf(range.end, answer.next)
    if (range.mode === 'ids') answerIds(range.ids, until, range)
    else if (range.mode === 'skip' || isSame(items, range.fingerprint, answer.next, until)) {
      answer.skip(range.end, until)
    } else answer.split(range.end, until)
    if (answer.isFull) return
  }
}

/**
 * Where the last range ends that the peer wants to hear of. What lies behind was settled before, and must not be
 * opened again by an answer that had no room for everything.
 */
export function lastEnd(ranges: readonly Range[]): Range['end'] {
  return ranges.findLast(({ mode }) => mode !== 'skip')?.end ?? INFINITE_BOUND
}

function isSame(items: NegentropyItems, theirs: Uint8Array, start: number, until: number): boolean {
  return Buffer.compare(items.fingerprint(start, until), theirs) === 0
}
