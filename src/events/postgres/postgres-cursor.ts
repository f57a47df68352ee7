import type { Filter } from '../../nostr/index.ts'
import type { Audience } from '../audience.ts'
import { type AccessPath, planAccess } from '../planner.ts'
import type { EventCursor } from '../store.ts'
import {
  estimateStatement,
  PAGE_COLUMN,
  type PageEnd,
  type PlannedFilter,
  pageStatement,
  pathsToCompare,
} from './page-query.ts'
import { PostgresPage } from './postgres-page.ts'
import type { Reader } from './reader.ts'
import type { Moment } from './snapshot.ts'
import { bytesIn, hexIn, numberIn, Parameters, type Row, type Statement, textIn } from './statement.ts'
import type { Tables } from './tables.ts'
import { type StoreState, stateIn } from './transaction.ts'

/** Events of one page, whatever is asked for. */
const MAX_PAGE_EVENTS = 500
/** A page ends before the event that would make it longer than this. */
const MAX_PAGE_BYTES = 512 * 1024
/** With more ranges to read from than this, a page is kept short: each range is read up to the length of the page. */
const MANY_RANGES = 200
const MANY_RANGES_PAGE_EVENTS = 100

/** What a cursor needs of its store. */
export interface CursorDeps {
  readonly reader: Reader
  readonly tables: Tables
  readonly observe: (state: StoreState) => void
}

/** What is asked. */
export interface Question {
  readonly filters: readonly Filter[]
  readonly nowSeconds: number
  readonly audience: Audience | undefined
  readonly moment: Moment
}

interface OpenPart extends PlannedFilter {
  remaining: number
}

/**
 * A query in pages. Each page is one statement that goes on behind the last event of the page before, so between
 * pages there is nothing open in the database.
 */
export class PostgresCursor implements EventCursor {
  readonly #deps: CursorDeps
  readonly #question: Question
  readonly #handedOut: ReadonlySet<string>
  #parts: OpenPart[] | undefined
  #snapshotSeq: number | undefined
  #after: PageEnd | undefined

  /** @param handedOut ids that were handed out before: they count for a limit and are not shown again. */
  constructor(deps: CursorDeps, question: Question, handedOut: ReadonlySet<string> = new Set()) {
    this.#deps = deps
    this.#question = question
    this.#handedOut = handedOut
  }

  async next(maxEvents: number): Promise<PostgresPage> {
    this.#parts ??= await this.#plan()
    const maxSeq = this.#snapshotSeq ?? this.#question.moment.maxSeq()
    const rows = await this.#deps.reader.rows(this.#pageStatement(this.#parts, maxEvents, maxSeq))
    this.#snapshotSeq ??= this.#snapshotOf(rows[0] ?? [], maxSeq)
    return this.#read(this.#parts, rows, this.#snapshotSeq)
  }

  async #plan(): Promise<OpenPart[]> {
    const filters = this.#question.filters.filter(canMatch)
    const paths = await this.#choosePaths(filters)
    return filters.map((filter, index) => ({
      filter,
      path: paths[index] ?? { by: 'time' },
      remaining: filter.limit ?? Number.POSITIVE_INFINITY,
    }))
  }

  async #choosePaths(filters: readonly Filter[]): Promise<readonly AccessPath[]> {
    const compared = filters.flatMap((filter) => pathsToCompare(filter).map((path) => ({ filter, path })))
    if (compared.length === 0) return filters.map((filter) => planAccess(filter, () => 0))
    const { tables, reader } = this.#deps
    const counts = await reader.row(estimateStatement(compared, { tables, parameters: new Parameters() }))
    let next = 0
    return filters.map((filter) => {
      const isCompared = pathsToCompare(filter).length > 0
      // Asked for in the same order as above.
      return planAccess(filter, () => (isCompared ? numberIn(counts, next++) : 0))
    })
  }

  #pageStatement(parts: readonly OpenPart[], maxEvents: number, maxSeq: number | undefined): Statement {
    const { tables } = this.#deps
    const { nowSeconds, audience } = this.#question
    const scope = { tables, parameters: new Parameters(), nowSeconds, audience }
    const limited = parts.map((part) => ({ ...part, limit: part.remaining }))
    return pageStatement(limited, scope, {
      maxEvents: Math.min(maxEvents, pageEventsFor(parts)),
      maxBytes: MAX_PAGE_BYTES,
      maxSeq,
      after: this.#after,
    })
  }

  #read(parts: readonly OpenPart[], rows: readonly Row[], snapshotSeq: number): PostgresPage {
    const found = rows.filter((row) => row[PAGE_COLUMN.id] !== null)
    const last = found.at(-1)
    if (last !== undefined) this.#after = endAt(last)
    for (const row of found) {
      for (const index of textIn(row, PAGE_COLUMN.parts).split(',')) parts[Number(index)]!.remaining--
    }
    const done = numberIn(rows[0] ?? [], PAGE_COLUMN.found) === found.length
    this.#parts = done ? [] : parts.filter(({ remaining }) => remaining > 0)
    return new PostgresPage(
      found
        .filter((row) => !this.#handedOut.has(hexIn(row, PAGE_COLUMN.id)))
        .map((row) => bytesIn(row, PAGE_COLUMN.raw)),
      { done, snapshotSeq },
    )
  }

  #snapshotOf(row: Row, maxSeq: number | undefined): number {
    const state = stateIn(row)
    this.#deps.observe(state)
    return Math.min(state.lastSeq, maxSeq ?? state.lastSeq)
  }
}

/** An empty list matches nothing (NIP-01), and neither does a limit of none. */
export function canMatch({ ids, authors, kinds, tags = [], limit }: Filter): boolean {
  const lists = [ids, authors, kinds, ...tags.map(({ values }) => values)]
  return limit !== 0 && lists.every((list) => list === undefined || list.length > 0)
}

function pageEventsFor(parts: readonly PlannedFilter[]): number {
  const ranges = parts.reduce((sum, { path }) => sum + rangesOn(path), 0)
  return ranges > MANY_RANGES ? MANY_RANGES_PAGE_EVENTS : MAX_PAGE_EVENTS
}

function rangesOn(path: AccessPath): number {
  switch (path.by) {
    case 'tag':
      return path.values.length
    case 'author-kind':
      return path.authors.length * path.kinds.length
    case 'author':
      return path.authors.length
    case 'kind':
      return path.kinds.length
    case 'ids':
    case 'time':
      return 1
  }
}

function endAt(row: Row): PageEnd {
  return { createdAt: numberIn(row, PAGE_COLUMN.createdAt), id: hexIn(row, PAGE_COLUMN.id) }
}
