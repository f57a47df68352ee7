import type { Filter } from '../../nostr/index.ts'
import { type AccessPath, planAccess } from '../planner.ts'
import { hexArray, int4Array, uuidArray } from './binary-array.ts'
import { tagKey } from './event-keys.ts'
import { matchConditions, type Scope } from './match-conditions.ts'
import type { Statement } from './statement.ts'
import { STATE_COLUMNS } from './transaction.ts'

/** A filter with the way that was chosen to read it. */
export interface PlannedFilter {
  readonly filter: Filter
  readonly path: AccessPath
}

/** Where a page ended: everything up to here was handed out. */
export interface PageEnd {
  /** Seconds. */
  readonly createdAt: number
  /** 64 hex characters. */
  readonly id: string
}

export interface PageBounds {
  readonly maxEvents: number
  /** A page ends before the event that would make it longer than this, unless it is the first. */
  readonly maxBytes: number
  /** Events with a higher `seq` are not part of the answer. */
  readonly maxSeq: number | undefined
  readonly after: PageEnd | undefined
}

interface Part extends PlannedFilter {
  /** At most so many of its matches count. */
  readonly limit: number
}

/** What each row of the page's statement holds behind the state; from `parts` on null when the page is empty. */
export const PAGE_COLUMN = { found: 3, parts: 4, createdAt: 5, id: 6, raw: 7 } as const

/**
 * The next page of several filters: of each its newest matches behind `after`, up to its limit, united, newest first.
 * One statement, so that events and `last_seq` are of the same moment. `found` counts the matches looked at, one more
 * than the page may hold when there are more.
 */
export function pageStatement(parts: readonly Part[], scope: Scope, bounds: PageBounds): Statement {
  const { tables, parameters } = scope
  const wanted = bounds.maxEvents + 1
  const found = parts.map(
    (part, index) =>
      `(select ${index} as part, m.* from (${partQuery(part, scope, bounds, Math.min(part.limit, wanted))}) m)`,
  )
  // A question that nothing can answer still has a snapshot.
  if (found.length === 0)
    found.push(`(select 0 as part, seq, created_at, id from ${tables.event} where false)`)
  const maxBytes = parameters.add(bounds.maxBytes)
  const text = `
    with found as (${found.join(' union all ')}),
    page as (
      select seq, created_at, id, string_agg(distinct part::text, ',') as parts
      from found group by seq, created_at, id order by created_at desc, id limit ${wanted}
    ),
    sized as (
      select page.*, e.raw, row_number() over newest as place,
        sum(octet_length(e.raw)) over newest as bytes
      from page join ${tables.event} e using (seq)
      window newest as (order by page.created_at desc, page.id rows unbounded preceding)
    )
    select ${STATE_COLUMNS.map((column) => `s.${column}`).join()}, (select count(*) from page), sized.parts, sized.created_at, sized.id, sized.raw
    from ${tables.state} s
    left join sized on place <= ${bounds.maxEvents} and (bytes <= ${maxBytes}::bigint or place = 1)
    order by place`
  return { text, values: parameters.values }
}

/** `seq`, `created_at` and `id` of the newest matches of one filter. */
function partQuery({ filter, path }: Part, scope: Scope, bounds: PageBounds, limit: number): string {
  const { tables, parameters } = scope
  const newest = (table: string) => `order by ${table}created_at desc, ${table}id limit ${limit}`
  const matches = (rest: Filter, ...more: readonly string[]) => {
    const conditions = [...more, ...matchConditions(rest, scope), ...boundConditions(scope, bounds)]
    return `select e.seq, e.created_at, e.id from ${tables.event} e where ${conditions.join(' and ')} ${newest('e.')}`
  }
  // Each value of a list has a range of its own in the index, newest first, and is read no further than the limit.
  const eachOf = (lists: string, inner: string) =>
    `select m.* from ${lists} cross join lateral (${inner}) m ${newest('')}`
  const authorList = (authors: readonly string[]) =>
    `unnest(${parameters.add(hexArray(authors))}::bytea[]) as author (pubkey)`
  const kindList = (kinds: readonly number[]) =>
    `unnest(${parameters.add(int4Array(kinds))}::integer[]) as wanted (kind)`

  switch (path.by) {
    case 'ids':
    case 'time':
      return matches(filter)
    case 'author-kind': {
      const { authors: _, kinds: __, ...rest } = filter
      const lists = `${authorList(path.authors)} cross join ${kindList(path.kinds)}`
      return eachOf(lists, matches(rest, 'e.pubkey = author.pubkey', 'e.kind = wanted.kind'))
    }
    case 'author': {
      const { authors: _, ...rest } = filter
      return eachOf(authorList(path.authors), matches(rest, 'e.pubkey = author.pubkey'))
    }
    case 'kind': {
      const { kinds: _, ...rest } = filter
      return eachOf(kindList(path.kinds), matches(rest, 'e.kind = wanted.kind'))
    }
    case 'tag':
      return tagQuery(filter, path, scope, bounds, limit)
  }
}

function tagQuery(
  filter: Filter,
  { name, values }: Extract<AccessPath, { by: 'tag' }>,
  scope: Scope,
  bounds: PageBounds,
  limit: number,
): string {
  const { tables, parameters } = scope
  const { kinds, since, until, tags = [], ...rest } = filter
  const others = { ...rest, tags: tags.filter((tag) => tag.name !== name) }
  const keys = parameters.add(uuidArray(values.map((value) => tagKey(name, value))))
  // What the index of the tags knows is asked there; the event itself is read only for the rest.
  const conditions = ['t.key = wanted.key']
  if (kinds !== undefined) conditions.push(`t.kind = any(${parameters.add(int4Array(kinds))}::integer[])`)
  if (since !== undefined) conditions.push(`t.created_at >= ${parameters.add(since)}::bigint`)
  if (until !== undefined) conditions.push(`t.created_at <= ${parameters.add(until)}::bigint`)
  if (bounds.after !== undefined)
    conditions.push(`t.created_at <= ${parameters.add(bounds.after.createdAt)}::bigint`)
  conditions.push(...matchConditions(others, scope), ...boundConditions(scope, bounds))
  return `select distinct m.* from unnest(${keys}::uuid[]) as wanted (key) cross join lateral (
      select t.seq, t.created_at, e.id from ${tables.tag} t join ${tables.event} e on e.seq = t.seq
      where ${conditions.join(' and ')} order by t.created_at desc, e.id limit ${limit}
    ) m order by created_at desc, id limit ${limit}`
}

function boundConditions({ parameters }: Scope, { maxSeq, after }: PageBounds): readonly string[] {
  const conditions: string[] = []
  if (maxSeq !== undefined) conditions.push(`e.seq <= ${parameters.add(maxSeq)}::bigint`)
  if (after !== undefined) {
    const createdAt = parameters.add(after.createdAt)
    const id = parameters.add(Buffer.from(after.id, 'hex'))
    conditions.push(
      `e.created_at <= ${createdAt}::bigint`,
      `(e.created_at < ${createdAt}::bigint or e.id > ${id}::bytea)`,
    )
  }
  return conditions
}

/** A path is not counted further than this: behind it they are all long. */
const MAX_ESTIMATE = 1_000

/** The ways to read a filter that have to be compared; none when the first that `planAccess` names will do. */
export function pathsToCompare(filter: Filter): readonly AccessPath[] {
  const asked: AccessPath[] = []
  planAccess(filter, (path) => {
    asked.push(path)
    return 0
  })
  // The index of the tags holds the kind as well, so that of the kinds has nothing over it.
  const isTagWithKinds = asked.length === 2 && asked[0]?.by === 'tag' && asked[1]?.by === 'kind'
  return isTagWithKinds ? [] : asked
}

/** How many index entries there are on each path within the filter's time, up to `MAX_ESTIMATE`: one row of counts. */
export function estimateStatement(
  paths: readonly { readonly filter: Filter; readonly path: AccessPath }[],
  { tables, parameters }: Pick<Scope, 'tables' | 'parameters'>,
): Statement {
  const counts = paths.map(({ filter: { since, until }, path }) => {
    const [table, conditions] = pathConditions(path, { tables, parameters })
    const times = [
      ...(since === undefined ? [] : [`created_at >= ${parameters.add(since)}::bigint`]),
      ...(until === undefined ? [] : [`created_at <= ${parameters.add(until)}::bigint`]),
    ]
    const where = [...conditions, ...times].join(' and ') || 'true'
    return `(select count(*) from (select from ${table} where ${where} limit ${MAX_ESTIMATE}) entries)`
  })
  return { text: `select ${counts.join(', ')}`, values: parameters.values }
}

function pathConditions(
  path: AccessPath,
  { tables, parameters }: Pick<Scope, 'tables' | 'parameters'>,
): readonly [table: string, conditions: readonly string[]] {
  const authors = (keys: readonly string[]) => `pubkey = any(${parameters.add(hexArray(keys))}::bytea[])`
  const kinds = (numbers: readonly number[]) => `kind = any(${parameters.add(int4Array(numbers))}::integer[])`
  switch (path.by) {
    case 'ids':
      return [tables.event, [`id = any(${parameters.add(hexArray(path.ids))}::bytea[])`]]
    case 'tag': {
      const keys = uuidArray(path.values.map((value) => tagKey(path.name, value)))
      return [tables.tag, [`key = any(${parameters.add(keys)}::uuid[])`]]
    }
    case 'author-kind':
      return [tables.event, [authors(path.authors), kinds(path.kinds)]]
    case 'author':
      return [tables.event, [authors(path.authors)]]
    case 'kind':
      return [tables.event, [kinds(path.kinds)]]
    case 'time':
      return [tables.event, []]
  }
}
