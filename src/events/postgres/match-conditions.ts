import type { Filter, TagCondition } from '../../nostr/index.ts'
import type { Audience } from '../audience.ts'
import { hexArray, int4Array, uuidArray } from './binary-array.ts'
import { tagKey } from './event-keys.ts'
import type { Parameters } from './statement.ts'
import type { Tables } from './tables.ts'

/** What a question is about besides its filters. */
export interface Scope {
  readonly tables: Tables
  readonly parameters: Parameters
  readonly nowSeconds: number
  readonly audience: Audience | undefined
}

/** That the event `e` fulfils the filter and is visible to who asks, as conditions for `where`. Without `limit`. */
export function matchConditions(filter: Filter, scope: Scope): readonly string[] {
  return [...filterConditions(filter, scope), ...visibilityConditions(scope)]
}

function filterConditions(
  { ids, authors, kinds, since, until, tags = [] }: Filter,
  scope: Scope,
): readonly string[] {
  const { parameters } = scope
  const conditions: string[] = []
  if (ids !== undefined) conditions.push(`e.id = any(${parameters.add(hexArray(ids))}::bytea[])`)
  if (authors !== undefined) conditions.push(`e.pubkey = any(${parameters.add(hexArray(authors))}::bytea[])`)
  if (kinds !== undefined) conditions.push(`e.kind = any(${parameters.add(int4Array(kinds))}::integer[])`)
  if (since !== undefined) conditions.push(`e.created_at >= ${parameters.add(since)}::bigint`)
  if (until !== undefined) conditions.push(`e.created_at <= ${parameters.add(until)}::bigint`)
  for (const tag of tags) conditions.push(hasTag(tag, scope))
  return conditions
}

/** Looked up in the index of the tag's values at the very place of the event. */
function hasTag({ name, values }: TagCondition, { tables, parameters }: Scope): string {
  const keys = uuidArray(values.map((value) => tagKey(name, value)))
  return `exists (select from ${tables.tag} t
    where t.key = any(${parameters.add(keys)}::uuid[]) and t.created_at = e.created_at and t.seq = e.seq)`
}

function visibilityConditions(scope: Scope): readonly string[] {
  const { parameters, nowSeconds, audience } = scope
  const isCurrent = `(e.expires_at is null or e.expires_at > ${parameters.add(nowSeconds)}::bigint)`
  return audience === undefined ? [isCurrent] : [isCurrent, ...audienceConditions(audience, scope)]
}

/** The same as `mayRead`. */
function audienceConditions(
  { pubkeys, privateKinds, authorOnlyKinds, hiddenKinds }: Audience,
  scope: Scope,
): readonly string[] {
  const { parameters } = scope
  const conditions: string[] = []
  const kinds = (list: readonly number[]) => `${parameters.add(int4Array(list))}::integer[]`
  if (hiddenKinds.length > 0) conditions.push(`e.kind <> all(${kinds(hiddenKinds)})`)
  const special = [...privateKinds, ...authorOnlyKinds]
  if (special.length === 0) return conditions
  const readers = [`e.kind <> all(${kinds(special)})`]
  if (pubkeys.length > 0) {
    const shared = privateKinds.filter((kind) => !authorOnlyKinds.includes(kind))
    readers.push(
      `e.pubkey = any(${parameters.add(hexArray(pubkeys))}::bytea[])`,
      `(e.kind = any(${kinds(shared)}) and ${hasTag({ name: 'p', values: pubkeys }, scope)})`,
    )
  }
  return [...conditions, `(${readers.join(' or ')})`]
}
