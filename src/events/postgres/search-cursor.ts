import type { Filter } from '../../nostr/index.ts'
import type { EventCursor } from '../store.ts'
import { int8Array } from './binary-array.ts'
import { type CursorDeps, canMatch, PostgresCursor, type Question } from './postgres-cursor.ts'
import { PostgresPage } from './postgres-page.ts'
import { type Found, type SearchAnswer, searchOne, uniteFound } from './ranked-search.ts'
import { bytesIn, numberIn } from './statement.ts'

/** Found events are of any size, and of these few are wanted. */
const MAX_PAGE_EVENTS = 100

/**
 * A query with searches in it: first all searches are done, since any event may be the most relevant; then what they
 * found is handed out; then what the other filters find. What was found is kept as numbers; the events are read page
 * by page, and what has gone meanwhile is left out.
 */
export class SearchCursor implements EventCursor {
  readonly #deps: CursorDeps
  readonly #question: Question
  readonly #searches: readonly Filter[]
  readonly #plain: readonly Filter[]
  #found: readonly Found[] | undefined
  #sent = 0
  #snapshotSeq = 0
  #rest: PostgresCursor | undefined

  /** @param filters.searches those with text to search for. @param filters.plain all others. */
  constructor(
    deps: CursorDeps,
    question: Question,
    filters: { readonly searches: readonly Filter[]; readonly plain: readonly Filter[] },
  ) {
    this.#deps = deps
    this.#question = question
    this.#searches = filters.searches.filter(canMatch)
    this.#plain = filters.plain
  }

  async next(maxEvents: number): Promise<PostgresPage> {
    this.#found ??= await this.#search()
    if (this.#sent < this.#found.length) return this.#handOut(this.#found, maxEvents)
    this.#rest ??= this.#openRest(this.#found)
    return this.#rest.next(maxEvents)
  }

  async #search(): Promise<readonly Found[]> {
    const { moment, nowSeconds, audience } = this.#question
    const scope = { tables: this.#deps.tables, nowSeconds, audience }
    const answers: SearchAnswer[] = []
    let maxSeq = moment.maxSeq()
    for (const filter of this.#searches) {
      const answer = await searchOne(this.#deps.reader, filter, scope, maxSeq)
      this.#deps.observe(answer.state)
      // The first one takes the snapshot for all.
      maxSeq = Math.min(answer.state.lastSeq, maxSeq ?? answer.state.lastSeq)
      answers.push(answer)
    }
    this.#snapshotSeq = maxSeq ?? 0
    return uniteFound(answers)
  }

  async #handOut(found: readonly Found[], maxEvents: number): Promise<PostgresPage> {
    const page = found.slice(this.#sent, this.#sent + Math.min(maxEvents, MAX_PAGE_EVENTS))
    const rows = await this.#deps.reader.rows({
      text: `select seq, raw from ${this.#deps.tables.event} where seq = any($1::bigint[])`,
      values: [int8Array(page.map(({ seq }) => seq))],
    })
    this.#sent += page.length
    const rawBySeq = new Map(rows.map((row) => [numberIn(row, 0), bytesIn(row, 1)]))
    return new PostgresPage(
      page.flatMap(({ seq }) => rawBySeq.get(seq) ?? []),
      {
        done: this.#sent === found.length && this.#plain.length === 0,
        snapshotSeq: this.#snapshotSeq,
      },
    )
  }

  #openRest(found: readonly Found[]): PostgresCursor {
    const { moment } = this.#question
    const maxSeq = this.#searches.length === 0 ? moment.maxSeq : () => this.#snapshotSeq
    const question = { ...this.#question, filters: this.#plain, moment: { maxSeq } }
    return new PostgresCursor(this.#deps, question, new Set(found.map(({ id }) => id)))
  }
}
