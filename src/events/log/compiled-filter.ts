import type { Filter, TagCondition } from '../../nostr/index.ts'
import type { Audience } from '../audience.ts'
import { type AccessPath, MAX_AUTHOR_KIND_PAIRS } from '../planner.ts'
import { type EventView, HEX_ID_LENGTH } from './event-bytes.ts'
import { HexSet } from './hex-set.ts'
import { authorKey, authorKindKey, escapeTagValue, type IndexKey, kindKey, tagKey } from './index-key.ts'
import type { KeyHasher } from './key-hash.ts'
import { narrowToAudience, type Restriction } from './restriction.ts'

/** A filter with its values as the bytes that they are in stored events, made for one reader. */
export class CompiledFilter {
  /** Without the kinds that its reader cannot see anyway. */
  readonly filter: Filter
  /** What is to be checked of some kinds for the reader's sake; undefined when this filter meets no such kind. */
  readonly restriction: Restriction | undefined
  readonly since: number
  readonly until: number
  readonly limit: number
  readonly tags: readonly CompiledTag[]
  readonly #hasher: KeyHasher
  /** The keys of each path, since estimating and walking ask for the same ones. */
  readonly #keys = new Map<AccessPath, readonly IndexKey[]>()

  #readerKeys: readonly IndexKey[] | undefined

  constructor(filter: Filter, hasher: KeyHasher, audience?: Audience) {
    const narrowed = narrowToAudience(filter, audience)
    this.filter = narrowed.filter
    this.restriction = narrowed.restriction
    this.#hasher = hasher
    this.since = filter.since ?? Number.NEGATIVE_INFINITY
    this.until = filter.until ?? Number.POSITIVE_INFINITY
    this.limit = filter.limit ?? Number.POSITIVE_INFINITY
    this.tags = (filter.tags ?? NO_CONDITIONS).map(({ name, values }) => ({
      name,
      letter: name.charCodeAt(0),
      values: values.map(escapeTagValue),
    }))
  }

  /** The index keys that an access path walks; undefined for the paths that walk none (`ids`, `time`). */
  keysOf(path: AccessPath): readonly IndexKey[] | undefined {
    if (path.by === 'ids' || path.by === 'time') return undefined
    let keys = this.#keys.get(path)
    if (keys === undefined) {
      keys = this.#makeKeys(path)
      this.#keys.set(path, keys)
    }
    return keys
  }

  /**
   * Keys whose lists hold every match that the reader may see, when the filter asks only for kinds that have a circle
   * of readers: what the reader wrote of them, and what names the reader. Nothing of the filter itself is checked by
   * walking them. Undefined when there are no such keys, or too many.
   */
  readerKeys(): readonly IndexKey[] | undefined {
    const { kinds } = this.filter
    const { restriction } = this
    if (restriction === undefined || kinds === undefined || !restriction.coversAll(kinds)) return undefined
    if (restriction.pubkeys.length * kinds.length > MAX_AUTHOR_KIND_PAIRS) return undefined
    this.#readerKeys ??= [
      ...this.#makeKeys({ by: 'author-kind', authors: restriction.pubkeys, kinds }),
      ...restriction.readers.map((reader) => tagKey(this.#hasher, LETTER_P, reader)),
    ]
    return this.#readerKeys
  }

  /** What is left to check of an event that was met along `path`. */
  residual(path: AccessPath): Residual {
    const { ids, authors, kinds } = this.filter
    const isByAuthor = path.by === 'author' || path.by === 'author-kind'
    const isByKind = path.by === 'kind' || path.by === 'author-kind'
    return {
      ids: ids === undefined || path.by === 'ids' ? undefined : new HexSet(ids),
      authors: authors === undefined || isByAuthor ? undefined : new HexSet(authors),
      kinds: kinds === undefined || isByKind ? undefined : new Set(kinds),
      tags: path.by === 'tag' ? this.tags.filter(({ name }) => name !== path.name) : this.tags,
    }
  }

  #makeKeys(path: Exclude<AccessPath, { by: 'ids' | 'time' }>): readonly IndexKey[] {
    const hasher = this.#hasher
    switch (path.by) {
      case 'author-kind': {
        const authors = hexBytes(path.authors)
        return path.kinds.flatMap((kind) =>
          path.authors.map((_, index) => authorKindKey(hasher, authors, index * HEX_ID_LENGTH, kind)),
        )
      }
      case 'author': {
        const authors = hexBytes(path.authors)
        return path.authors.map((_, index) => authorKey(hasher, authors, index * HEX_ID_LENGTH))
      }
      case 'kind':
        return path.kinds.map((kind) => kindKey(hasher, kind))
      case 'tag': {
        const tag = this.tags.find(({ name }) => name === path.name)
        return tag?.values.map((value) => tagKey(hasher, tag.letter, value)) ?? []
      }
    }
  }
}

/** Many 64-character strings as bytes, one behind the other: one conversion instead of one for each. */
export function hexBytes(values: readonly string[]): Buffer {
  return Buffer.from(values.join(''), 'latin1')
}

const LETTER_P = 0x70
const NO_CONDITIONS: readonly TagCondition[] = []

export interface CompiledTag {
  readonly name: string
  readonly letter: number
  /** JSON-escaped. */
  readonly values: readonly Buffer[]
}

export interface Residual {
  readonly ids: HexSet | undefined
  readonly authors: HexSet | undefined
  readonly kinds: ReadonlySet<number> | undefined
  readonly tags: readonly CompiledTag[]
}

/** Does the event hold, for each condition, one of its values? */
export function holdsTags(event: EventView, tags: readonly CompiledTag[]): boolean {
  return tags.every(({ letter, values }) => values.some((value) => event.hasTag(letter, value)))
}
