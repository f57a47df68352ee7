import { accepted, type Outcome, refused } from '../kernel/index.ts'
import type { Filter, TagCondition } from './filter.ts'
import { isHex64 } from './hex.ts'
import { isJsonObject } from './json-object.ts'
import { MAX_KIND } from './kinds.ts'

/** Why a filter is not served; both are prefixes of NIP-01. */
export interface FilterRefusal {
  /** `unsupported`: it asks for something this relay does not know; `invalid`: it is malformed. */
  readonly prefix: 'invalid' | 'unsupported'
  /** Without the prefix. */
  readonly text: string
}

export interface FilterLimits {
  /** How many values one list may hold; no bound when absent. */
  readonly maxValues?: number
  /** Is `search` (NIP-50) offered? Refused as unsupported otherwise. */
  readonly allowsSearch?: boolean
  /** How long `search` may be, in UTF-16 code units; `DEFAULT_MAX_SEARCH_CHARACTERS` when absent. */
  readonly maxSearchCharacters?: number
}

/** Far more than anybody types, and more than the ten kilobytes that clients are known to try. */
export const DEFAULT_MAX_SEARCH_CHARACTERS = 16_384

/**
 * Reads a filter (NIP-01). Strict where a lenient reading would return what was not asked for: ids and keys
 * are whole and lowercase, and an attribute that is not understood refuses the filter instead of being
 * passed over. An empty list stays one (it matches nothing); repeated values are dropped.
 *
 * @param value what `JSON.parse` made.
 */
export function parseFilter(value: unknown, limits: FilterLimits = {}): Outcome<Filter, FilterRefusal> {
  if (!isJsonObject(value)) return invalid('a filter must be a JSON object')
  const filter: FilterDraft = {}
  const tags: TagCondition[] = []
  // Object.keys sees own members only: `__proto__` in the text is a name like any other, and refused.
  for (const name of Object.keys(value)) {
    const refusal = readAttribute(filter, tags, name, value[name], limits)
    if (refusal !== undefined) return refused(refusal)
  }
  if (tags.length > 0) filter.tags = tags
  return accepted(filter)
}

type FilterDraft = { -readonly [Member in keyof Filter]: Filter[Member] }

type ListOutcome<T> = Outcome<readonly T[], FilterRefusal>

/** Puts one attribute into the draft, or says why not. */
function readAttribute(
  filter: FilterDraft,
  tags: TagCondition[],
  name: string,
  value: unknown,
  limits: FilterLimits,
): FilterRefusal | undefined {
  const { maxValues = Infinity } = limits
  switch (name) {
    case 'ids':
    case 'authors': {
      const list = readList(name, value, maxValues, isHex64, HEX_VALUES)
      if (!list.ok) return list.refusal
      filter[name] = list.value
      return undefined
    }
    case 'kinds': {
      const list = readList(name, value, maxValues, isKind, `integers from 0 to ${MAX_KIND}`)
      if (!list.ok) return list.refusal
      filter.kinds = list.value
      return undefined
    }
    case 'since':
    case 'until':
    case 'limit': {
      if (!isCount(value)) return { prefix: 'invalid', text: `${name} must be ${COUNT_VALUES}` }
      filter[name] = value
      return undefined
    }
    case 'search':
      return readSearch(filter, value, limits)
    default: {
      const tagName = singleLetterTag(name)
      if (tagName === undefined) return unsupportedAttribute(name)
      const isHexTag = tagName === 'e' || tagName === 'p'
      const list = isHexTag
        ? readList(name, value, maxValues, isHex64, HEX_VALUES)
        : readList(name, value, maxValues, isWellFormedString, 'well-formed strings')
      if (!list.ok) return list.refusal
      tags.push({ name: tagName, values: list.value })
      return undefined
    }
  }
}

/** Text without a word in it asks for nothing, so it is as if it were not there. */
function readSearch(
  filter: FilterDraft,
  value: unknown,
  { allowsSearch = false, maxSearchCharacters = DEFAULT_MAX_SEARCH_CHARACTERS }: FilterLimits,
): FilterRefusal | undefined {
  if (!allowsSearch) return { prefix: 'unsupported', text: 'search (NIP-50) is not offered by this relay' }
  if (!isWellFormedString(value)) return { prefix: 'invalid', text: 'search must be a well-formed string' }
  if (value.length > maxSearchCharacters) {
    const text = `search has ${value.length} characters, at most ${maxSearchCharacters} are served`
    return { prefix: 'invalid', text }
  }
  if (value.trim() !== '') filter.search = value
  return undefined
}

const HEX_VALUES = 'whole values of 64 lowercase hex characters'
const COUNT_VALUES = `an integer from 0 to ${Number.MAX_SAFE_INTEGER}`

function readList<T>(
  name: string,
  value: unknown,
  maxValues: number,
  isMember: (member: unknown) => member is T,
  expected: string,
): ListOutcome<T> {
  if (!Array.isArray(value)) return invalid(`${name} must be a list`)
  if (value.length > maxValues) {
    return invalid(`${name} holds ${value.length} values, at most ${maxValues} are served`)
  }
  const members = new Set<T>()
  for (const member of value) {
    if (!isMember(member)) return invalid(`${name} must hold ${expected}`)
    members.add(member)
  }
  return accepted([...members])
}

/** The letter of `#x`; undefined for any other name. */
function singleLetterTag(name: string): string | undefined {
  return /^#[A-Za-z]$/.test(name) ? name.slice(1) : undefined
}

function unsupportedAttribute(name: string): FilterRefusal {
  return {
    prefix: 'unsupported',
    text: `filter attribute ${JSON.stringify(name.slice(0, 32))} is not understood`,
  }
}

function isKind(value: unknown): value is number {
  return isCount(value) && value <= MAX_KIND
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isWellFormedString(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed()
}

function invalid(text: string): { readonly ok: false; readonly refusal: FilterRefusal } {
  return refused({ prefix: 'invalid', text })
}
