import { type Filter, HYPERLOGLOG_REGISTERS } from '../../nostr/index.ts'
import type { Audience } from '../audience.ts'
import { hasSearchText } from '../search/index.ts'
import type { CountSketch, IdSet } from '../store.ts'
import { int8Array } from './binary-array.ts'
import { matchConditions } from './match-conditions.ts'
import { canMatch } from './postgres-cursor.ts'
import { searchOne } from './ranked-search.ts'
import type { Reader } from './reader.ts'
import { bytesIn, numberIn, Parameters, type Row, type Statement, textIn } from './statement.ts'
import type { Tables } from './tables.ts'

/** What is asked about all matches at once. */
export interface MatchQuestion {
  readonly tables: Tables
  readonly nowSeconds: number
  readonly audience: Audience | undefined
}

const KEY_BYTES = 32
const BYTE_BITS = 8

/** How many different visible events match any of the filters. */
export async function countMatches(
  reader: Reader,
  filters: readonly Filter[],
  question: MatchQuestion,
): Promise<number> {
  const possible = unlimited(filters).filter(canMatch)
  if (possible.length === 0) return 0
  const resolved = await Promise.all(possible.map((filter) => resolveSearch(reader, filter, question)))
  return numberIn(await reader.row(countStatement(resolved, question)), 0)
}

/** A filter, or what its search has found. */
type Resolved = Filter | { readonly seqs: readonly number[] }

/** A search is done first: what it finds, only the words in the events can tell. */
async function resolveSearch(reader: Reader, filter: Filter, question: MatchQuestion): Promise<Resolved> {
  if (!hasSearchText(filter)) return filter
  const { found } = await searchOne(reader, filter, question)
  return { seqs: found.map(({ seq }) => seq) }
}

function countStatement(filters: readonly Resolved[], question: MatchQuestion): Statement {
  const parameters = new Parameters()
  const matches = filters.map((filter) => matchesOf(filter, question, parameters, 'e.seq'))
  const [first = ''] = matches
  // A union drops the repeats, which a single filter has not got.
  const counted = matches.length === 1 ? first : matches.join(' union ')
  return { text: `select count(*) from (${counted}) matches`, values: parameters.values }
}

/** The count of one filter with its HyperLogLog registers (NIP-45). */
export async function sketchMatches(
  reader: Reader,
  filter: Filter,
  offset: number,
  question: MatchQuestion,
): Promise<CountSketch> {
  const registers = new Uint8Array(HYPERLOGLOG_REGISTERS)
  const [possible] = unlimited([filter])
  if (possible === undefined || !canMatch(possible)) return { count: 0, registers }
  let count = 0
  const resolved = await resolveSearch(reader, possible, question)
  for (const row of await reader.rows(sketchStatement(resolved, offset, question))) {
    registers[numberIn(row, 0)] = leadingZeroBits(textIn(row, 1)) + 1
    count += numberIn(row, 2)
  }
  return { count, registers }
}

/**
 * For each register the lowest of what stands behind it in the keys: the lowest has the most leading zeros, so a
 * register's maximum needs no look at the others.
 */
function sketchStatement(filter: Resolved, offset: number, question: MatchQuestion): Statement {
  const parameters = new Parameters()
  const at = parameters.add(offset)
  const behind = parameters.add(offset + 2)
  const matches = matchesOf(filter, question, parameters, 'e.pubkey')
  const text = `
    select get_byte(pubkey, ${at}::integer), min(encode(substring(pubkey from ${behind}::integer), 'hex') collate "C"),
      count(*)
    from (${matches}) matches group by 1`
  return { text, values: parameters.values }
}

function leadingZeroBits(hex: string): number {
  const bytes = Buffer.from(hex, 'hex')
  const index = bytes.findIndex((byte) => byte !== 0)
  // `clz32` counts over 32 bits, of which a byte fills the last eight.
  return index < 0 ? bytes.length * BYTE_BITS : index * BYTE_BITS + Math.clz32(bytes[index]!) - 24
}

/** Ids and times of the newest `limit` matches of one filter, oldest first; undefined when there are more than `maxIds`. */
export async function idSetOf(
  reader: Reader,
  filter: Filter,
  maxIds: number,
  question: MatchQuestion,
): Promise<IdSet | undefined> {
  if (!canMatch(filter)) return { createdAt: new Float64Array(0), ids: new Uint8Array(0) }
  const resolved = await resolveSearch(reader, filter, question)
  const row = await reader.row(idSetStatement(resolved, maxIds, question))
  return numberIn(row, 0) > maxIds ? undefined : readIdSet(row)
}

const TIME_BYTES = 8
const RECORD_BYTES = TIME_BYTES + KEY_BYTES

/** One string of bytes instead of a row for each event. */
function idSetStatement(filter: Resolved, maxIds: number, question: MatchQuestion): Statement {
  const parameters = new Parameters()
  const matches = matchesOf(filter, question, parameters, 'e.created_at, e.id')
  const wanted = 'seqs' in filter ? filter.seqs.length : (filter.limit ?? Number.POSITIVE_INFINITY)
  const limit = parameters.add(Math.min(wanted, maxIds + 1))
  const text = `
    select count(*), string_agg(int8send(created_at) || id, ''::bytea order by created_at, id)
    from (${matches} order by e.created_at desc, e.id limit ${limit}::bigint) newest`
  return { text, values: parameters.values }
}

function readIdSet(row: Row): IdSet {
  const records = bytesIn(row, 1)
  const count = records.length / RECORD_BYTES
  const createdAt = new Float64Array(count)
  const ids = new Uint8Array(count * KEY_BYTES)
  for (let index = 0; index < count; index++) {
    const at = index * RECORD_BYTES
    createdAt[index] = Number(records.readBigInt64BE(at))
    ids.set(records.subarray(at + TIME_BYTES, at + RECORD_BYTES), index * KEY_BYTES)
  }
  return { createdAt, ids }
}

function matchesOf(
  filter: Resolved,
  question: MatchQuestion,
  parameters: Parameters,
  columns: string,
): string {
  const { tables } = question
  const conditions =
    'seqs' in filter
      ? [`e.seq = any(${parameters.add(int8Array(filter.seqs))}::bigint[])`]
      : matchConditions(filter, { ...question, parameters })
  return `select ${columns} from ${tables.event} e where ${conditions.join(' and ')}`
}

function unlimited(filters: readonly Filter[]): readonly Filter[] {
  return filters.map(({ limit: _, ...filter }) => filter)
}
