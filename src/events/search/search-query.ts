import { MAX_WORD_UNITS, readableText, WordReader } from './words.ts'

/** A search string, read. */
export interface SearchQuery {
  /** Different words, all of which must be there; at most `MAX_SEARCH_WORDS`. */
  readonly terms: readonly SearchTerm[]
  /** The words in the order typed, as places in `terms`. */
  readonly sequence: readonly number[]
  /** `key:value` pairs (NIP-50). All but `include:spam` are ignored, as the NIP asks of what is not supported. */
  readonly extensions: readonly SearchExtension[]
  /** `include:spam` was typed: nothing is left out for being spam. */
  readonly includesSpam: boolean
  /**
   * Was anything typed besides extensions? Without text the search is no condition at all; with text that holds no
   * word (`???`), it finds nothing.
   */
  readonly hasText: boolean
}

export interface SearchTerm {
  /** Folded. */
  readonly text: string
  /** Looked for anywhere within a run of a script without spaces; else it has to be a whole word. */
  readonly isUnspaced: boolean
}

export interface SearchExtension {
  readonly key: string
  readonly value: string
}

/** Words behind these are not looked at. Phrases are matched by the bits of one number, so at most 32. */
export const MAX_SEARCH_WORDS = 32
const MAX_EXTENSIONS = 32
/** Nobody types more; the rest of the string is not looked at (UTF-16 units). */
const MAX_QUERY_UNITS = 4_096

/**
 * Reads what somebody typed into a search field (NIP-50). Never fails: quotes, operators and whatever else is not a
 * word only separates words. A pair like `language:en` is an extension; in quotes, or as a link, it is text.
 */
export function parseSearch(search: string): SearchQuery {
  const extensions: SearchExtension[] = []
  const text: string[] = []
  for (const part of search.slice(0, MAX_QUERY_UNITS).split(/\s+/u)) {
    const extension = readExtension(part)
    if (extension === undefined) text.push(part)
    else if (extensions.length < MAX_EXTENSIONS) extensions.push(extension)
  }
  const typed = text.join(' ').trim()
  const includesSpam = extensions.some(
    ({ key, value }) => key === 'include' && value.toLowerCase() === 'spam',
  )
  return { ...readTerms(typed), extensions, includesSpam, hasText: typed !== '' }
}

function readExtension(part: string): SearchExtension | undefined {
  const match = EXTENSION.exec(part)
  if (match === null) return undefined
  const [, key = '', value = ''] = match
  return { key: key.toLowerCase(), value }
}

/** A link is no extension, and neither is a reference like `nostr:npub1…`. */
const EXTENSION = /^(?!nostr:n)([a-z][a-z0-9_-]{0,31}):(?!\/\/)(.+)$/iu

function readTerms(typed: string): Pick<SearchQuery, 'terms' | 'sequence'> {
  const reader = new WordReader()
  reader.open(readableText(typed))
  const terms: SearchTerm[] = []
  const sequence: number[] = []
  while (sequence.length < MAX_SEARCH_WORDS && reader.next()) {
    const text = cut(reader.text.slice(reader.start, reader.end))
    const known = terms.findIndex((term) => term.text === text)
    if (known < 0) terms.push({ text, isUnspaced: reader.isUnspaced })
    sequence.push(known < 0 ? terms.length - 1 : known)
  }
  return { terms, sequence }
}

/** A run of a script without spaces comes whole, however long. */
function cut(text: string): string {
  if (text.length <= MAX_WORD_UNITS) return text
  const first = text.slice(0, MAX_WORD_UNITS)
  // Not between the two halves of a character: that would be no character at all.
  return first.isWellFormed() ? first : first.slice(0, -1)
}

/** Is there text to search for in a filter's `search`? A filter without is like any other. */
export function hasSearchText({ search }: { readonly search?: string }): boolean {
  return search !== undefined && parseSearch(search).hasText
}
