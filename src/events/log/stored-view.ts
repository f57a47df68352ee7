import { KINDS, type NostrEvent, parseAddress } from '../../nostr/index.ts'
import type { StoredTarget, StoredVersion, StoredView } from '../rules.ts'
import { bytesEqual, EventView, HEX_ID_LENGTH, pubkeyPosition } from './event-bytes.ts'
import { authorKindKey, escapeTagValue, type IndexKey, tagKey } from './index-key.ts'
import { type JsonRange, locate, type Postings, type Segment } from './segment.ts'
import type { SegmentSet } from './segment-set.ts'

const LETTER = { a: 0x61, d: 0x64, e: 0x65 } as const

/** Answers the look-ups of `rules.ts` from the index. */
export function createStoredView(set: SegmentSet): StoredView {
  const view = new EventView()
  const range: JsonRange = { start: 0, end: 0 }

  const read = (segment: Segment, ordinal: number): EventView => {
    locate(segment, ordinal, range)
    view.read(segment.bytes.buffer, range.start, range.end)
    return view
  }

  /** Visits the stored events under `key`, newest first in each segment, until `visit` returns false. */
  const walk = (key: IndexKey, visit: (segment: Segment, ordinal: number) => boolean): void => {
    for (let index = set.segments.length - 1; index >= 0; index--) {
      const segment = set.segments[index]!
      const postings = segment.find(key)
      if (postings !== undefined && !walkPostings(segment, postings, visit)) return
    }
  }

  const versionsAt = (address: string): readonly StoredVersion[] => {
    const parsed = parseAddress(address)
    if (parsed === undefined) return NO_VERSIONS
    const author = Buffer.from(parsed.pubkey, 'latin1')
    const isAddressable = parsed.kind >= 30_000 && parsed.kind < 40_000
    const identifier = isAddressable ? escapeTagValue(parsed.identifier) : undefined
    const keys = [authorKindKey(set.hasher, author, 0, parsed.kind)]
    // An event without a `d` tag has the empty identifier, so only other identifiers are sure to be in the index.
    if (identifier !== undefined && identifier.length > 0) keys.push(tagKey(set.hasher, LETTER.d, identifier))
    const found: StoredVersion[] = []
    walk(shortest(set, keys), (segment, ordinal) => {
      if (segment.kindOf(ordinal) !== parsed.kind) return true
      const event = read(segment, ordinal)
      if (!bytesEqual(event.bytes, pubkeyPosition(event.start), author, 0, HEX_ID_LENGTH)) return true
      if (identifier !== undefined && !hasIdentifier(event, identifier)) return true
      found.push({ id: event.id, created_at: event.createdAt })
      // This store never keeps two versions: each new one removes the old in its own record.
      return false
    })
    return found
  }

  return {
    has: (id) => set.findStored(Buffer.from(id, 'latin1')) !== undefined,
    versionsAt,
    find: (id) => {
      const place = set.findStored(Buffer.from(id, 'latin1'))
      return place && targetOf(read(place.segment, place.ordinal))
    },
    deletionsNaming: (id) => {
      const authors: string[] = []
      walk(tagKey(set.hasher, LETTER.e, Buffer.from(id, 'latin1')), (segment, ordinal) => {
        if (segment.kindOf(ordinal) === KINDS.DELETION) authors.push(read(segment, ordinal).pubkey)
        return true
      })
      return authors
    },
    newestAddressDeletion: (address, pubkey) => {
      let newest: number | undefined
      walk(tagKey(set.hasher, LETTER.a, escapeTagValue(address)), (segment, ordinal) => {
        if (segment.kindOf(ordinal) !== KINDS.DELETION) return true
        const deletion = read(segment, ordinal)
        if (deletion.pubkey === pubkey) newest = Math.max(newest ?? 0, deletion.createdAt)
        return true
      })
      return newest
    },
  }
}

/** An event that reads its members from the bytes when asked, since most decisions ask for few of them. */
export class LazyEvent implements NostrEvent {
  readonly #view: EventView
  #tags: string[][] | undefined
  #id: string | undefined

  constructor(view: EventView) {
    this.#view = view
  }

  get id(): string {
    this.#id ??= this.#view.id
    return this.#id
  }

  get pubkey(): string {
    return this.#view.pubkey
  }

  get created_at(): number {
    return this.#view.createdAt
  }

  get kind(): number {
    return this.#view.kind
  }

  get tags(): readonly (readonly string[])[] {
    this.#tags ??= this.#view.tags()
    return this.#tags
  }

  get content(): string {
    const { bytes, contentStart, contentEnd } = this.#view
    return JSON.parse(`"${bytes.toString('utf8', contentStart, contentEnd)}"`) as string
  }

  get sig(): string {
    const { bytes, end } = this.#view
    return bytes.toString('latin1', end - 130, end - 2)
  }
}

function walkPostings(
  segment: Segment,
  postings: Postings,
  visit: (segment: Segment, ordinal: number) => boolean,
): boolean {
  for (let index = 0; index < postings.count; index++) {
    const ordinal = postings.at(index)
    if (!segment.isRemoved(ordinal) && !visit(segment, ordinal)) return false
  }
  return true
}

/** The key with the fewest events under it. */
function shortest(set: SegmentSet, keys: readonly IndexKey[]): IndexKey {
  let best = keys[0]!
  if (keys.length === 1) return best
  let fewest = Number.POSITIVE_INFINITY
  for (const key of keys) {
    const count = set.segments.reduce((sum, segment) => sum + (segment.find(key)?.count ?? 0), 0)
    if (count < fewest) {
      fewest = count
      best = key
    }
  }
  return best
}

/** The first `d` tag decides (NIP-01). */
function hasIdentifier({ bytes, identifierStart, identifierEnd }: EventView, identifier: Buffer): boolean {
  const length = identifierEnd - identifierStart
  return length === identifier.length && bytesEqual(bytes, identifierStart, identifier, 0, length)
}

function targetOf(event: EventView): StoredTarget {
  const { pubkey, kind } = event
  const tags = kind === KINDS.GIFT_WRAP ? event.tags() : []
  return { pubkey, kind, tags }
}

const NO_VERSIONS: readonly StoredVersion[] = []
