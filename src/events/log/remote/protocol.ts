import type { Filter } from '../../../nostr/index.ts'
import type { Audience } from '../../audience.ts'
import type { CountSketch, IdSet, PutOutcome, StoreStats } from '../../store.ts'
import type { SharingMessage } from '../log-store.ts'

/**
 * What an I/O thread asks the store thread. `id` names the answer. A `query` has none of its own: it is opened as of
 * now, and each `next` of the same id brings a page.
 */
export type StoreRequest =
  | { readonly ask: 'put'; readonly id: number; readonly batch: PackedEvents; readonly nowSeconds: number }
  | { readonly ask: 'has'; readonly id: number; readonly event: string }
  | {
      readonly ask: 'query'
      readonly id: number
      readonly filters: readonly Filter[]
      readonly nowSeconds: number
      readonly audience: Audience | undefined
    }
  | { readonly ask: 'next'; readonly id: number; readonly maxEvents: number }
  /** The query is not wanted any more. */
  | { readonly ask: 'drop'; readonly id: number }
  | {
      readonly ask: 'count'
      readonly id: number
      readonly filters: readonly Filter[]
      readonly nowSeconds: number
      readonly audience: Audience | undefined
    }
  | {
      readonly ask: 'sketch'
      readonly id: number
      readonly filter: Filter
      readonly offset: number
      readonly nowSeconds: number
      readonly audience: Audience | undefined
    }
  | {
      readonly ask: 'id-set'
      readonly id: number
      readonly filter: Filter
      readonly maxIds: number
      readonly nowSeconds: number
      readonly audience: Audience | undefined
    }
  | { readonly ask: 'remove'; readonly id: number; readonly events: readonly string[] }
  | { readonly ask: 'sweep'; readonly id: number; readonly nowSeconds: number }
  | { readonly ask: 'close'; readonly id: number }

export type StoreReply =
  | { readonly reply: 'outcomes'; readonly id: number; readonly outcomes: readonly PutOutcome[] }
  | { readonly reply: 'page'; readonly id: number; readonly page: PagePlaces }
  /** Answer to `has`, `count`, `remove`, `sweep` and `close`. */
  | { readonly reply: 'value'; readonly id: number; readonly value: number }
  | { readonly reply: 'sketch'; readonly id: number; readonly sketch: CountSketch }
  /** Its memory is handed over, not copied. */
  | { readonly reply: 'id-set'; readonly id: number; readonly idSet: IdSet | undefined }
  | { readonly reply: 'failed'; readonly id: number; readonly message: string }
  | { readonly reply: 'sharing'; readonly message: SharingMessage }
  | { readonly reply: 'stats'; readonly stats: StoreStats }

/** A page as places in shared memory: triples of segment id, start and length. */
export interface PagePlaces {
  readonly places: Uint32Array
  readonly done: boolean
  readonly snapshotSeq: number
}

/** Events in one piece of memory, so that one transfer carries them all. */
export interface PackedEvents {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Length of each event in bytes. */
  readonly lengths: Uint32Array<ArrayBuffer>
}

export function packEvents(batch: readonly Uint8Array[]): PackedEvents {
  const lengths = Uint32Array.from(batch, ({ length }) => length)
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
  let at = 0
  for (const event of batch) {
    bytes.set(event, at)
    at += event.length
  }
  return { bytes, lengths }
}

export function unpackEvents({ bytes, lengths }: PackedEvents): Uint8Array[] {
  let at = 0
  return Array.from(lengths, (length) => {
    at += length
    return bytes.subarray(at - length, at)
  })
}
