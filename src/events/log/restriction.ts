import type { Filter } from '../../nostr/index.ts'
import type { Audience } from '../audience.ts'
import { type EventView, pubkeyPosition } from './event-bytes.ts'
import { HexSet } from './hex-set.ts'

/** Who of this audience may read events of a kind; kinds that everybody may read have none. */
export type Circle =
  | 'nobody'
  /** Their author. */
  | 'author'
  /** Their author, and whoever they name in a `p` tag. */
  | 'named'

/**
 * What `mayRead` means for one filter and one audience, asked about events as they are stored. The kind alone says
 * whether there is anything to ask, so that events of other kinds cost one look into a small table.
 */
export class Restriction {
  readonly pubkeys: readonly string[]
  /** The same as bytes. */
  readonly readers: readonly Buffer[]
  readonly #readerSet: HexSet
  readonly #circles: ReadonlyMap<number, Circle>

  constructor(pubkeys: readonly string[], circles: ReadonlyMap<number, Circle>) {
    this.pubkeys = pubkeys
    this.readers = pubkeys.map((pubkey) => Buffer.from(pubkey, 'latin1'))
    this.#readerSet = new HexSet(pubkeys)
    this.#circles = circles
  }

  circleOf(kind: number): Circle | undefined {
    return this.#circles.get(kind)
  }

  /** Have all of these kinds a circle? */
  coversAll(kinds: readonly number[]): boolean {
    return kinds.every((kind) => this.#circles.has(kind))
  }

  /** Is one of the readers in the circle of this event? */
  lets(circle: Circle, event: EventView): boolean {
    if (circle === 'nobody') return false
    if (this.#readerSet.has(event.bytes, pubkeyPosition(event.start))) return true
    return circle === 'named' && this.readers.some((reader) => event.hasTag(LETTER_P, reader))
  }
}

const LETTER_P = 0x70

/** A filter for one reader: what is left of it, and what is to be checked beside it. */
export interface NarrowedFilter {
  readonly filter: Filter
  readonly restriction: Restriction | undefined
}

/**
 * Takes the kinds out of a filter that its reader cannot see anyway; a filter of harmless kinds comes back as it is.
 */
export function narrowToAudience(filter: Filter, audience: Audience | undefined): NarrowedFilter {
  if (audience === undefined || !isTouched(filter, audience)) return { filter, restriction: undefined }
  const circles = circlesOf(audience)
  const restriction = new Restriction(audience.pubkeys, circles)
  if (filter.kinds === undefined) return { filter, restriction }
  const kinds = filter.kinds.filter((kind) => circles.get(kind) !== 'nobody')
  const isHarmless = !kinds.some((kind) => circles.has(kind))
  return { filter: { ...filter, kinds }, restriction: isHarmless ? undefined : restriction }
}

function isTouched({ kinds }: Filter, { privateKinds, authorOnlyKinds, hiddenKinds }: Audience): boolean {
  return [privateKinds, authorOnlyKinds, hiddenKinds].some((special) =>
    kinds === undefined ? special.length > 0 : kinds.some((kind) => special.includes(kind)),
  )
}

/**
 * In the order of `mayRead`: what is hidden is hidden from its author too, and the author alone comes before those named.
 */
function circlesOf({ pubkeys, privateKinds, authorOnlyKinds, hiddenKinds }: Audience): Map<number, Circle> {
  const isAnonymous = pubkeys.length === 0
  const circles = new Map<number, Circle>()
  for (const kind of privateKinds) circles.set(kind, isAnonymous ? 'nobody' : 'named')
  for (const kind of authorOnlyKinds) circles.set(kind, isAnonymous ? 'nobody' : 'author')
  for (const kind of hiddenKinds) circles.set(kind, 'nobody')
  return circles
}
