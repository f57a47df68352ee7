import { KINDS, type NostrEvent } from '../../nostr/index.ts'
import type { StoredTarget, StoredVersion, StoredView } from '../rules.ts'
import { addressKey, tagKey } from './event-keys.ts'
import type { EventRow } from './event-row.ts'

/** What is known of a stored event while a group is decided. */
export interface KnownEvent {
  readonly id: string
  readonly pubkey: string
  readonly kind: number
  /** Seconds. */
  readonly created_at: number
  /** Hash of its address; undefined for a regular event. */
  readonly addressKey: string | undefined
  /** Of gift wraps; empty for others, whose tags no rule asks for. */
  readonly tags: NostrEvent['tags']
  /** Where it is in the database; undefined when it is new in this group. */
  readonly storedSeq: number | undefined
}

/**
 * The part of the store that a group of events can touch, in memory: what was looked up in the database, and the
 * changes that the group makes. The rules see it as if it were the whole store.
 */
export class KnownEvents implements StoredView {
  readonly #byId = new Map<string, KnownEvent>()
  readonly #byAddress = new Map<string, Map<string, KnownEvent>>()
  /** Deletions (kind 5) by the key of a tag with which they name something. */
  readonly #deletions = new Map<string, Map<string, KnownEvent>>()
  readonly #byAuthor = new Map<string, Map<string, KnownEvent>>()
  /** By author. */
  readonly #vanishRequests = new Map<string, Map<string, KnownEvent>>()
  readonly #wraps = new Map<string, KnownEvent>()

  /** An event found in the database. */
  addStored(event: KnownEvent): void {
    if (this.#byId.has(event.id)) return
    this.#byId.set(event.id, event)
    if (event.addressKey !== undefined) fileUnder(this.#byAddress, event.addressKey, event)
    fileUnder(this.#byAuthor, event.pubkey, event)
    if (event.kind === KINDS.VANISH) fileUnder(this.#vanishRequests, event.pubkey, event)
    if (event.kind === KINDS.GIFT_WRAP) this.#wraps.set(event.id, event)
  }

  /** A deletion found in the database by the key of one of its tags. */
  addDeletion(key: string, deletion: KnownEvent): void {
    this.addStored(deletion)
    fileUnder(this.#deletions, key, deletion)
  }

  /** An event that the group stores. */
  addNew({ event, addressKey }: EventRow): void {
    const { id, pubkey, kind, created_at } = event
    const tags = kind === KINDS.GIFT_WRAP ? event.tags : []
    const known: KnownEvent = { id, pubkey, kind, created_at, addressKey, tags, storedSeq: undefined }
    this.addStored(known)
    if (kind !== KINDS.DELETION) return
    for (const [name, value] of event.tags) {
      if ((name === 'e' || name === 'a') && value !== undefined)
        fileUnder(this.#deletions, tagKey(name, value), known)
    }
  }

  /** Takes an event out; what was known of it, undefined when it was not there. */
  remove(id: string): KnownEvent | undefined {
    const known = this.#byId.get(id)
    if (known === undefined) return undefined
    this.#byId.delete(id)
    this.#wraps.delete(id)
    this.#byAuthor.get(known.pubkey)?.delete(id)
    this.#vanishRequests.get(known.pubkey)?.delete(id)
    if (known.addressKey !== undefined) this.#byAddress.get(known.addressKey)?.delete(id)
    return known
  }

  has(id: string): boolean {
    return this.#byId.has(id)
  }

  find(id: string): StoredTarget | undefined {
    return this.#byId.get(id)
  }

  versionsAt(address: string): readonly StoredVersion[] {
    return listOf(this.#byAddress.get(addressKey(address)))
  }

  deletionsNaming(id: string): readonly string[] {
    return this.#deletionsWith(tagKey('e', id)).map(({ pubkey }) => pubkey)
  }

  newestAddressDeletion(address: string, pubkey: string): number | undefined {
    const own = this.#deletionsWith(tagKey('a', address)).filter((deletion) => deletion.pubkey === pubkey)
    return newestOf(own)
  }

  vanishedUntil(pubkey: string): number | undefined {
    return newestOf(listOf(this.#vanishRequests.get(pubkey)))
  }

  eventsUpTo(pubkey: string, created_at: number): readonly string[] {
    return idsUpTo(listOf(this.#byAuthor.get(pubkey)), created_at)
  }

  giftWrapsFor(pubkey: string, created_at: number): readonly string[] {
    const names = ([name, value]: readonly string[]) => name === 'p' && value === pubkey
    const theirs = [...this.#wraps.values()].filter(({ tags }) => tags.some(names))
    return idsUpTo(theirs, created_at)
  }

  /** Those that are still stored: a deletion goes when its author vanishes. */
  #deletionsWith(key: string): readonly KnownEvent[] {
    return listOf(this.#deletions.get(key)).filter(({ id }) => this.#byId.has(id))
  }
}

function fileUnder(index: Map<string, Map<string, KnownEvent>>, key: string, event: KnownEvent): void {
  const filed = index.get(key)
  if (filed === undefined) index.set(key, new Map([[event.id, event]]))
  else filed.set(event.id, event)
}

function listOf(filed: ReadonlyMap<string, KnownEvent> | undefined): readonly KnownEvent[] {
  return filed === undefined ? NONE : [...filed.values()]
}

const NONE: readonly KnownEvent[] = []

function newestOf(events: readonly KnownEvent[]): number | undefined {
  return events.reduce<number | undefined>(
    (newest, { created_at }) => Math.max(newest ?? 0, created_at),
    undefined,
  )
}

function idsUpTo(events: readonly KnownEvent[], created_at: number): readonly string[] {
  return events.filter((event) => event.created_at <= created_at).map(({ id }) => id)
}
