import type { EventStore, PutOutcome } from '../events/index.ts'
import { AppError, type Clock, type Outcome, refused } from '../kernel/index.ts'
import type { NostrEvent } from '../nostr/index.ts'
import type { BatchVerifier } from './composition.ts'
import { type ParsedLine, parseEventLine } from './parse-event-line.ts'
import { type Line, lineText } from './read-lines.ts'

/** Events that share one durable write: enough for the flush to cost little, few enough to lose little time. */
const BATCH_LINES = 1000

export interface ImportDeps {
  readonly store: EventStore
  readonly verifier: BatchVerifier
  readonly clock: Clock
  /** A rule of the operator's against an event, as a text with a prefix; absent: none. */
  readonly refuse?: (event: NostrEvent, nowSeconds: number) => string | undefined
  /** Told of each refused line, in order; duplicates are not refused. */
  readonly onRefused: (refusal: RefusedLine) => void | Promise<void>
  /** Told after each batch that is on disk. */
  readonly onStored: (position: ImportPosition) => void | Promise<void>
  readonly signal: AbortSignal
}

export interface RefusedLine {
  /** Counted from 1. */
  readonly line: number
  readonly reason: string
  /** What stood there; undefined when it was too long to keep or is no text. */
  readonly text: string | undefined
}

/** Everything before it is stored or refused for good. */
export interface ImportPosition {
  readonly lines: number
  /** Bytes of the decompressed input. */
  readonly offset: number
}

export interface ImportTotals {
  /** Lines read in this run, without empty ones. */
  lines: number
  accepted: number
  duplicate: number
  refused: number
  /** How often each reason was given. */
  readonly reasons: Map<string, number>
}

interface BatchLine {
  readonly line: number
  readonly text: string | undefined
  readonly parsed: Outcome<ParsedLine, string>
}

interface Batch {
  readonly lines: readonly BatchLine[]
  readonly end: ImportPosition
}

/**
 * Reads lines into the store. Each line is accepted, a duplicate, or refused for a stated reason; the totals count all
 * three. When the signal aborts, the batch in hand is finished and the totals so far returned.
 *
 * @param start what an earlier run has dealt with; `lines` begins after it.
 * @throws AppError IMPORT_FAILED when the store cannot write.
 */
export async function importEvents(
  lines: AsyncIterable<readonly Line[]>,
  start: ImportPosition,
  deps: ImportDeps,
  totals: ImportTotals,
): Promise<void> {
  // While one batch is on its way to disk, the next one is read, parsed and verified.
  let writing = Promise.resolve()
  try {
    for await (const batch of inBatches(lines, start)) {
      const checked = await checkSignatures(judged(batch, deps), deps.verifier)
      await writing
      if (deps.signal.aborted) return
      writing = storeBatch(checked, deps, totals)
      // It is awaited on the next turn; until then a failure must not count as unhandled.
      writing.catch(() => undefined)
    }
  } finally {
    await writing
  }
}

export function newTotals(): ImportTotals {
  return { lines: 0, accepted: 0, duplicate: 0, refused: 0, reasons: new Map() }
}

async function* inBatches(
  lines: AsyncIterable<readonly Line[]>,
  start: ImportPosition,
): AsyncGenerator<Batch> {
  let batch: BatchLine[] = []
  let end = start
  for await (const group of lines) {
    for (const { bytes, endOffset } of group) {
      end = { lines: end.lines + 1, offset: endOffset }
      if (bytes?.length === 0) continue
      batch.push(parseLine(bytes, end.lines))
      if (batch.length < BATCH_LINES) continue
      yield { lines: batch, end }
      batch = []
    }
  }
  yield { lines: batch, end }
}

function parseLine(bytes: Buffer | undefined, line: number): BatchLine {
  if (bytes === undefined) return { line, text: undefined, parsed: refused('invalid: the line is too long') }
  const text = lineText(bytes)
  if (text === undefined) return { line, text, parsed: refused('invalid: not UTF-8') }
  return { line, text, parsed: parseEventLine(text) }
}

/** What is not wanted anyway costs no signature check. */
function judged(batch: Batch, { refuse, clock }: ImportDeps): Batch {
  if (refuse === undefined) return batch
  const nowSeconds = clock.nowSeconds()
  const lines = batch.lines.map((line) => {
    const text = line.parsed.ok ? refuse(line.parsed.value.event, nowSeconds) : undefined
    return text === undefined ? line : { ...line, parsed: refused(text) }
  })
  return { ...batch, lines }
}

async function checkSignatures(batch: Batch, verifier: BatchVerifier): Promise<Batch> {
  const events = batch.lines.flatMap(({ parsed }) => (parsed.ok ? [parsed.value.event] : []))
  const answers = await verifier.verifyBatch(events)
  let next = 0
  const lines = batch.lines.map((line) => {
    if (!line.parsed.ok) return line
    const isSigned = answers[next++] === true
    return isSigned ? line : { ...line, parsed: refused('invalid: the signature is wrong') }
  })
  return { ...batch, lines }
}

async function storeBatch({ lines, end }: Batch, deps: ImportDeps, totals: ImportTotals): Promise<void> {
  const valid = lines.flatMap(({ parsed }) => (parsed.ok ? [parsed.value.bytes] : []))
  const outcomes = await deps.store.put(valid, deps.clock.nowSeconds())
  let next = 0
  for (const { line, text, parsed } of lines) {
    totals.lines += 1
    const verdict = parsed.ok ? verdictOf(outcomes[next++], line) : parsed.refusal
    if (verdict === 'accepted' || verdict === 'duplicate') {
      totals[verdict] += 1
      continue
    }
    totals.refused += 1
    totals.reasons.set(verdict, (totals.reasons.get(verdict) ?? 0) + 1)
    await deps.onRefused({ line, reason: verdict, text })
  }
  await deps.onStored(end)
}

/** `accepted`, `duplicate`, or the reason why not. */
function verdictOf(outcome: PutOutcome | undefined, line: number): string {
  switch (outcome?.status) {
    case 'stored':
      return 'accepted'
    case 'duplicate':
      return 'duplicate'
    case 'superseded':
      return 'superseded: a newer version is stored (NIP-01)'
    case 'deleted':
      return 'deleted: its author has deleted it (NIP-09)'
    case 'vanished':
      return 'vanished: its author, or who it was sent to, has asked to vanish (NIP-62)'
    case 'expired':
      return 'expired: its expiration has passed (NIP-40)'
    case 'ephemeral':
      return 'ephemeral: events of its kind are not stored (NIP-01)'
    default: {
      const reason = outcome?.message ?? 'it gave no answer'
      throw new AppError('IMPORT_FAILED', `Stopped at line ${line}, the store could not write: ${reason}`, {
        facts: { line },
      })
    }
  }
}
