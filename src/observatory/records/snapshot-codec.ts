/** Snapshots as texts: in the database, over Redis, between threads. Millisatoshi are texts, since JSON has no such integers. */
import type { Snapshot, TimelinePoint, ZapFigures } from '../snapshot.ts'
import { storableText } from './storable.ts'

const FORMAT = 1

type Texts<T> = { readonly [Key in keyof T]: T[Key] extends bigint ? string : T[Key] }

interface WrittenSnapshot extends Omit<Snapshot, 'zaps' | 'timeline'> {
  readonly format: typeof FORMAT
  readonly zaps: Texts<ZapFigures>
  readonly timeline: readonly Texts<TimelinePoint>[]
}

/** What is undefined is left out; what PostgreSQL would not take is left out of texts. */
export function encodeSnapshot(snapshot: Snapshot): string {
  return JSON.stringify({ format: FORMAT, ...snapshot }, (_key, part: unknown) => {
    if (typeof part === 'bigint') return part.toString()
    return typeof part === 'string' ? storableText(part) : part
  })
}

/** @throws RangeError for a text that `encodeSnapshot` of this version did not write. */
export function decodeSnapshot(text: string): Snapshot {
  const { format, ...written } = parsed(text)
  if (format !== FORMAT) throw new RangeError(`not a snapshot of format ${FORMAT}`)
  const { zaps, timeline } = written
  return {
    ...written,
    zaps: { ...zaps, msat: BigInt(zaps.msat), checkedMsat: BigInt(zaps.checkedMsat) },
    timeline: timeline.map((point) => ({ ...point, zapMsat: BigInt(point.zapMsat) })),
  }
}

function parsed(text: string): WrittenSnapshot {
  try {
    return JSON.parse(text) as WrittenSnapshot
  } catch (cause) {
    throw new RangeError('not a snapshot', { cause })
  }
}
