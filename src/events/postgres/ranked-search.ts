import type { Filter, NostrEvent } from '../../nostr/index.ts'
import {
  indexHashesOf,
  isLeftOutAsSpam,
  MAX_SEARCH_RESULTS,
  type Ranked,
  relevanceOf,
  type SearchQuery,
  type SearchQuestion,
  searchOf,
  TopRanked,
} from '../search/index.ts'
import { int4Array, int8Array } from './binary-array.ts'
import { matchConditions, type Scope } from './match-conditions.ts'
import type { Reader } from './reader.ts'
import { bytesIn, hexIn, numberIn, Parameters, type Row, type Statement } from './statement.ts'
import { STATE_COLUMNS, type StoreState, stateIn } from './transaction.ts'

/** An event that a search found. */
export interface Found extends Ranked {
  readonly seq: number
}

/** What the searches of a question found, most relevant first, each event once, and the state they found it in. */
export interface SearchAnswer {
  readonly found: readonly Found[]
  readonly state: StoreState
}

/** Of the events that hold all words, so many are ranked: the newest. */
const MAX_CANDIDATES = 100_000
/** Events that are read at once to be ranked. */
const CHUNK_EVENTS = 500

/**
 * Finds the most relevant matches of one filter with text to search for (NIP-50): the index of the words proposes,
 * `relevanceOf` decides and ranks.
 *
 * @param maxSeq events with a higher `seq` are not looked at.
 */
export async function searchOne(
  reader: Reader,
  filter: Filter,
  scope: Omit<Scope, 'parameters'>,
  maxSeq?: number,
): Promise<SearchAnswer> {
  const question = searchOf(filter)
  const rows = await reader.rows(
    candidateStatement(filter, question.query, { ...scope, parameters: new Parameters() }, maxSeq),
  )
  const state = stateIn(rows[0] ?? [])
  const candidates = rows.flatMap((row) =>
    row[CANDIDATE_SEQ] === null ? [] : [numberIn(row, CANDIDATE_SEQ)],
  )
  const top = new TopRanked<Found>(Math.min(filter.limit ?? MAX_SEARCH_RESULTS, MAX_SEARCH_RESULTS))
  for (let from = 0; from < candidates.length; from += CHUNK_EVENTS) {
    const chunk = candidates.slice(from, from + CHUNK_EVENTS)
    for (const row of await reader.rows(eventsStatement(scope, chunk))) rank(row, question, top)
  }
  return { found: top.sorted(), state }
}

/** What any of several searches found, each event once, with its best score. */
export function uniteFound(answers: readonly SearchAnswer[]): readonly Found[] {
  const best = new TopRanked<Found>(Number.POSITIVE_INFINITY)
  const bySeq = new Map<number, Found>()
  for (const found of answers.flatMap((answer) => answer.found)) {
    const known = bySeq.get(found.seq)
    if (known === undefined || known.score < found.score) bySeq.set(found.seq, found)
  }
  for (const found of bySeq.values()) best.offer(found)
  return best.sorted()
}

const CANDIDATE_SEQ = STATE_COLUMNS.length

/** Always one row or more: the state, and a candidate beside it. */
function candidateStatement(
  filter: Filter,
  { terms }: SearchQuery,
  scope: Scope,
  maxSeq: number | undefined,
): Statement {
  const { tables, parameters } = scope
  const hashes = [...new Set(terms.flatMap(indexHashesOf))].map((hash) => hash | 0)
  const conditions = [
    // Text that holds no word finds nothing.
    ...(hashes.length === 0 ? ['false'] : []),
    `e.words @> ${parameters.add(int4Array(hashes))}::integer[]`,
    ...matchConditions(filter, scope),
    ...(maxSeq === undefined ? [] : [`e.seq <= ${parameters.add(maxSeq)}::bigint`]),
  ]
  const text = `
    select ${STATE_COLUMNS.map((column) => `s.${column}`).join()}, candidate.seq from ${tables.state} s left join (
      select e.seq from ${tables.event} e where ${conditions.join(' and ')}
      order by e.created_at desc, e.id limit ${MAX_CANDIDATES}
    ) candidate on true`
  return { text, values: parameters.values }
}

function eventsStatement({ tables }: Pick<Scope, 'tables'>, seqs: readonly number[]): Statement {
  const text = `select seq, id, created_at, raw from ${tables.event} where seq = any($1::bigint[])`
  return { text, values: [int8Array(seqs)] }
}

function rank(row: Row, question: SearchQuestion, top: TopRanked<Found>): void {
  // Stored by this engine, from bytes that were checked before.
  const event = JSON.parse(bytesIn(row, 3).toString()) as NostrEvent
  const score = relevanceOf(question.query, event)
  const createdAt = numberIn(row, 2)
  if (score === undefined || !top.mayTake(score, createdAt) || isLeftOutAsSpam(question, event)) return
  top.offer({ score, seq: numberIn(row, 0), id: hexIn(row, 1), createdAt })
}
