import { bytesEqual, type EventView, HEX_ID_LENGTH, pubkeyPosition } from './event-bytes.ts'
import { FAMILY, type Family, type KeyHasher } from './key-hash.ts'

const QUOTE = 0x22
const COLON = 0x3a
const COMMA = 0x2c

/**
 * A key of the index, hashed and ready to be looked up: an author, an author with a kind, a kind, or a
 * tag letter with a value. Its bytes are those of an event (when filing) or of a filter's value (when asking).
 */
export class IndexKey {
  family: Family = FAMILY.kind
  /** The kind, or the tag's letter. */
  extra = 0
  bytes: Buffer = EMPTY
  start = 0
  end = 0
  hi = 0
  lo = 0

  set(hasher: KeyHasher, family: Family, extra: number, bytes: Buffer, start: number, end: number): this {
    this.family = family
    this.extra = extra
    this.bytes = bytes
    this.start = start
    this.end = end
    hasher.hash(family, extra, bytes, start, end)
    this.hi = hasher.hi
    this.lo = hasher.lo
    return this
  }

  /**
   * Is the posting list that was filed from the bytes at `position` of a segment really this key's? Hashes
   * can collide; lists never mix, because every look-up ends here.
   *
   * @param kind the kind of the list's events, where the family has one.
   */
  isFiledAt(segment: Buffer, position: number, kind: number): boolean {
    const length = this.end - this.start
    switch (this.family) {
      case FAMILY.kind:
        return position === 0 && kind === this.extra
      case FAMILY.authorKind:
        if (kind !== this.extra) return false
        break
      case FAMILY.tag:
        // `["e","value"`: the letter stands four bytes before the value, a comma two.
        if (segment[position - 4] !== this.extra || segment[position - 2] !== COMMA) return false
        break
      case FAMILY.author:
        break
    }
    if (this.family !== FAMILY.tag && segment[position - 2] !== COLON) return false
    return (
      segment[position + length] === QUOTE && bytesEqual(segment, position, this.bytes, this.start, length)
    )
  }
}

const EMPTY = Buffer.alloc(0)

/** @param pubkeys holds the key's 64 hex characters at `at`. */
export function authorKey(hasher: KeyHasher, pubkeys: Buffer, at: number): IndexKey {
  return new IndexKey().set(hasher, FAMILY.author, 0, pubkeys, at, at + HEX_ID_LENGTH)
}

/** @param pubkeys holds the key's 64 hex characters at `at`. */
export function authorKindKey(hasher: KeyHasher, pubkeys: Buffer, at: number, kind: number): IndexKey {
  return new IndexKey().set(hasher, FAMILY.authorKind, kind, pubkeys, at, at + HEX_ID_LENGTH)
}

export function kindKey(hasher: KeyHasher, kind: number): IndexKey {
  return new IndexKey().set(hasher, FAMILY.kind, kind, EMPTY, 0, 0)
}

/** @param value the tag value as it stands in canonical JSON (`escapeTagValue`). */
export function tagKey(hasher: KeyHasher, letter: number, value: Buffer): IndexKey {
  return new IndexKey().set(hasher, FAMILY.tag, letter, value, 0, value.length)
}

/** A tag value as canonical JSON spells it, without the quotes. */
export function escapeTagValue(value: string): Buffer {
  return Buffer.from(JSON.stringify(value).slice(1, -1))
}

/**
 * Visits every key an event is filed under. One `key` object is reused for all.
 *
 * @param visit gets the key and the position of its bytes (0 for a kind, which has none).
 */
export function forEachKey(
  view: EventView,
  hasher: KeyHasher,
  key: IndexKey,
  visit: (key: IndexKey, position: number) => void,
): void {
  const { bytes, kind } = view
  const author = pubkeyPosition(view.start)
  visit(key.set(hasher, FAMILY.kind, kind, bytes, 0, 0), 0)
  visit(key.set(hasher, FAMILY.author, 0, bytes, author, author + HEX_ID_LENGTH), author)
  visit(key.set(hasher, FAMILY.authorKind, kind, bytes, author, author + HEX_ID_LENGTH), author)
  for (let index = 0; index < view.tagCount; index++) {
    const start = view.tagStarts[index]!
    visit(key.set(hasher, FAMILY.tag, view.tagLetters[index]!, bytes, start, view.tagEnds[index]!), start)
  }
}
