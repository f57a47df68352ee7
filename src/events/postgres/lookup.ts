import { deletionTargets, isHex64, KINDS, type NostrEvent } from '../../nostr/index.ts'
import { keysThatMayVanish } from '../rules.ts'
import { hexArray, int8Array, uuidArray } from './binary-array.ts'
import { addressKey, tagKey } from './event-keys.ts'
import type { EventRow } from './event-row.ts'
import { type KnownEvent, KnownEvents } from './known-events.ts'
import { hexIn, numberIn, type Row, type Statement, statementName, uuidIn } from './statement.ts'
import type { Tables } from './tables.ts'

/** Everything that the rules may ask about these events, in one statement. Its rows are for `readLookup`. */
export function lookupFor(tables: Tables, rows: readonly EventRow[]): Statement {
  const wanted = new Wanted()
  for (const row of rows) wanted.add(row)
  const text = lookupText(tables)
  return { text, values: wanted.values(), name: statementName(text) }
}

export function readLookup(rows: readonly Row[]): KnownEvents {
  const known = new KnownEvents()
  for (const row of rows) {
    const event = knownIn(row)
    const deletionKey = uuidIn(row, COLUMN.deletionKey)
    if (deletionKey === undefined) known.addStored(event)
    else known.addDeletion(deletionKey, event)
  }
  return known
}

const COLUMN = {
  seq: 0,
  id: 1,
  pubkey: 2,
  kind: 3,
  createdAt: 4,
  address: 5,
  raw: 6,
  deletionKey: 7,
} as const

function knownIn(row: Row): KnownEvent {
  const isGiftWrap = row[COLUMN.raw] !== null
  return {
    storedSeq: numberIn(row, COLUMN.seq),
    id: hexIn(row, COLUMN.id),
    pubkey: hexIn(row, COLUMN.pubkey),
    kind: numberIn(row, COLUMN.kind),
    created_at: numberIn(row, COLUMN.createdAt),
    addressKey: uuidIn(row, COLUMN.address),
    tags: isGiftWrap ? tagsIn(hexIn(row, COLUMN.raw)) : [],
  }
}

function tagsIn(rawHex: string): NostrEvent['tags'] {
  // Stored by this engine, from bytes that were checked before.
  const { tags } = JSON.parse(Buffer.from(rawHex, 'hex').toString()) as NostrEvent
  return tags
}

/** What a group of events makes the rules ask for. */
class Wanted {
  readonly #ids = new Set<string>()
  readonly #addresses = new Set<string>()
  /** Of deletions that would name one of the events. */
  readonly #deletionKeys = new Set<string>()
  /** Whose requests to vanish would keep one of the events away. */
  readonly #mayHaveVanished = new Set<string>()
  /** By author who wants to vanish, until when, in seconds. */
  readonly #vanishing = new Map<string, number>()

  add({ event, address, addressKey }: EventRow): void {
    this.#ids.add(event.id)
    for (const pubkey of keysThatMayVanish(event)) if (isHex64(pubkey)) this.#mayHaveVanished.add(pubkey)
    this.#deletionKeys.add(tagKey('e', event.id))
    if (addressKey !== undefined) this.#addresses.add(addressKey)
    if (address !== undefined) this.#deletionKeys.add(tagKey('a', address))
    if (event.kind === KINDS.DELETION) this.#addTargets(event)
    if (event.kind === KINDS.VANISH) {
      this.#vanishing.set(event.pubkey, Math.max(event.created_at, this.#vanishing.get(event.pubkey) ?? 0))
    }
  }

  values(): Statement['values'] {
    const vanishing = [...this.#vanishing.keys()]
    return [
      hexArray([...this.#ids]),
      uuidArray([...this.#addresses]),
      uuidArray([...this.#deletionKeys]),
      hexArray([...this.#mayHaveVanished]),
      hexArray(vanishing),
      int8Array([...this.#vanishing.values()]),
      uuidArray(vanishing.map((pubkey) => tagKey('p', pubkey))),
    ]
  }

  #addTargets(deletion: NostrEvent): void {
    const { ids, addresses } = deletionTargets(deletion)
    for (const id of ids) this.#ids.add(id)
    for (const address of addresses) this.#addresses.add(addressKey(address))
  }
}

/** The tags of gift wraps decide who may delete them; nobody asks for those of others. */
function lookupText({ event, tag }: Tables): string {
  const columns = `e.seq, e.id, e.pubkey, e.kind, e.created_at, e.address,
    case when e.kind = ${KINDS.GIFT_WRAP} then e.raw end as raw`
  return `
    select ${columns}, null::uuid as deletion_key from ${event} e where e.id = any($1::bytea[])
    union all
    select ${columns}, null from ${event} e where e.address = any($2::uuid[])
    union all
    select ${columns}, t.key from ${tag} t join ${event} e on e.seq = t.seq
      where t.key = any($3::uuid[]) and t.kind = ${KINDS.DELETION}
    union all
    select ${columns}, null from ${event} e where e.pubkey = any($4::bytea[]) and e.kind = ${KINDS.VANISH}
    union all
    select ${columns}, null from unnest($5::bytea[], $6::bigint[]) as vanishing (pubkey, until)
      join ${event} e on e.pubkey = vanishing.pubkey and e.created_at <= vanishing.until
    union all
    select ${columns}, null from unnest($7::uuid[], $6::bigint[]) as vanishing (key, until)
      join ${tag} t on t.key = vanishing.key and t.kind = ${KINDS.GIFT_WRAP} and t.created_at <= vanishing.until
      join ${event} e on e.seq = t.seq`
}
