import { KINDS, type NostrEvent, parseAddress } from '../../nostr/index.ts'
import type { StoredTarget, StoredVersion, StoredView } from '../rules.ts'
import { bytesEqual, EventView, HEX_ID_LENGTH, pubkeyPosition } from './event-bytes.ts'
import { authorKey, authorKindKey, escapeTagValue, type IndexKey, tagKey } from './index-key.ts'
import { idOf, type JsonRange, locate, type Segment } from './segment.ts'
import type { Place, SegmentSet } from './segment-set.ts'
import type { VanishedKeys } from './vanished-keys.ts'

const LETTER = { a: 0x61, d: 0x64, e: 0x65, p: 0x70 } as const

export interface LogStoredView extends StoredView {
  /**
   * Where the events are that the last request to vanish reaches, by id: there may be very many, and whoever removes
   * them need not look for each in every segment. To be cleared when they are removed.
   */
  readonly reached: Map<string, Place>
}

/** Answers the look-ups of `rules.ts` from the index. */
export function createStoredView(set: SegmentSet, vanished: VanishedKeys): LogStoredView {
  const view = new EventView()
  const range: JsonRange = { start: 0, end: 0 }
  const reached = new Map<string, Place>()

  const read = (segment: Segment, ordinal: number): EventView => {
    locate(segment, ordinal, range)
    view.read(segment.bytes.buffer, range.start, range.end)
    return view
  }

  /** The ids of the stored events under `key` that were made at or before `untilSeconds`. */
  const idsUpTo = (key: IndexKey, untilSeconds: number, kind?: number): readonly string[] => {
    const ids: string[] = []
    set.walk(key, (segment, ordinal) => {
      const isOfKind = kind === undefined || segment.kindOf(ordinal) === kind
      if (!isOfKind || segment.createdAtOf(ordinal) > untilSeconds) return true
      const id = idOf(segment, ordinal)
      ids.push(id)
      reached.set(id, { segment, ordinal })
      return true
    })
    return ids
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
    set.walk(shortest(set, keys), (segment, ordinal) => {
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

  /** An id as bytes, until the next is asked for: these two look-ups are made for every event that comes in. */
  const idBytes = Buffer.alloc(HEX_ID_LENGTH)
  const bytesOf = (id: string): Buffer => {
    // What is no id must not be taken for the end of the last one.
    if (id.length !== HEX_ID_LENGTH) return Buffer.from(id, 'latin1')
    idBytes.write(id, 'latin1')
    return idBytes
  }

  return {
    reached,
    has: (id) => set.findStored(bytesOf(id)) !== undefined,
    versionsAt,
    find: (id) => {
      const place = set.findStored(Buffer.from(id, 'latin1'))
      return place && targetOf(read(place.segment, place.ordinal))
    },
    deletionsNaming: (id) => {
      const authors: string[] = []
      set.walk(tagKey(set.hasher, LETTER.e, bytesOf(id)), (segment, ordinal) => {
        if (segment.kindOf(ordinal) === KINDS.DELETION) authors.push(read(segment, ordinal).pubkey)
        return true
      })
      return authors
    },
    newestAddressDeletion: (address, pubkey) => {
      let newest: number | undefined
      set.walk(tagKey(set.hasher, LETTER.a, escapeTagValue(address)), (segment, ordinal) => {
        if (segment.kindOf(ordinal) !== KINDS.DELETION) return true
        const deletion = read(segment, ordinal)
        if (deletion.pubkey === pubkey) newest = Math.max(newest ?? 0, deletion.createdAt)
        return true
      })
      return newest
    },
    vanishedUntil: (pubkey) => vanished.until(pubkey),
    eventsUpTo: (pubkey, created_at) => {
      reached.clear()
      return idsUpTo(authorKey(set.hasher, Buffer.from(pubkey, 'latin1'), 0), created_at)
    },
    giftWrapsFor: (pubkey, created_at) =>
      idsUpTo(tagKey(set.hasher, LETTER.p, Buffer.from(pubkey, 'latin1')), created_at, KINDS.GIFT_WRAP),
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
