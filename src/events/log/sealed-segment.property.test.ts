import { rmSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { compareNewestFirst, type NostrEvent } from '../../nostr/index.ts'
import { arbitraryPool } from '../testing/index.ts'
import { authorKey, authorKindKey, escapeTagValue, kindKey, tagKey } from './index-key.ts'
import { createHashSeed, KeyHasher } from './key-hash.ts'
import { writeIndexOf } from './maintenance-tasks.ts'
import { segmentPath } from './manifest.ts'
import { PageCache } from './paged-column.ts'
import { coolDown, loadSealed } from './sealed-loader.ts'
import { lowerBound } from './sealed-segment.ts'
import { idOf, MemoryColumn, type Postings, type Segment } from './segment.ts'
import { segmentBytesOf, segmentOf, temporaryFolder } from './testing.ts'

const hasher = new KeyHasher(createHashSeed())
const watch = {
  onLoaded: () => {},
  onDamaged: () => {
    throw new Error('nothing was damaged')
  },
}

let folder: string
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => rmSync(folder, { recursive: true }))

/** The same events in the four shapes that an index has. */
function inEveryShape(events: readonly NostrEvent[]): Readonly<Record<string, Segment>> {
  const records = events.map((event) => ({ event }))
  const file = segmentBytesOf(1, records)
  const scanned = segmentOf(records, hasher)
  writeFileSync(segmentPath(folder, 1), file)
  writeIndexOf(folder, scanned, file.length)
  const load = (temperature: 'hot' | 'cold') =>
    loadSealed({ folder, id: 1, temperature, cache: new PageCache(0), watch }).segment
  const cooled = load('hot')
  coolDown(cooled, folder, new PageCache(0))
  return { active: scanned.segment, hot: load('hot'), cold: load('cold'), cooled }
}

describe('an index answers the same while it is written, sealed in memory, and read from disk by page', () => {
  test('about everything that can be asked', () => {
    fc.assert(
      fc.property(arbitraryPool(), (pool) => {
        const events = [...new Map(pool.map((event) => [event.id, event])).values()]
        for (const [shape, segment] of Object.entries(inEveryShape(events))) {
          expect(idsOf(segment, segment.all()), shape).toEqual(sortedIds(events, () => true))
          for (const event of events) expectFiled(segment, event, events, shape)
          expect(segment.ordinalsOf(Buffer.from('f'.repeat(64)), 0)).toEqual([])
          expect(segment.find(kindKey(hasher, 4_242))).toBeUndefined()
          expect([segment.oldest, segment.newest]).toEqual([
            Math.min(...events.map(({ created_at }) => created_at)),
            Math.max(...events.map(({ created_at }) => created_at)),
          ])
          if ('close' in segment && typeof segment.close === 'function') segment.close()
        }
      }),
      { numRuns: 60 },
    )
  })
})

function expectFiled(
  segment: Segment,
  event: NostrEvent,
  events: readonly NostrEvent[],
  shape: string,
): void {
  const [ordinal, ...others] = segment.ordinalsOf(Buffer.from(event.id), 0)
  expect(others).toEqual([])
  expect(idOf(segment, ordinal!), shape).toBe(event.id)
  expect(segment.createdAtOf(ordinal!)).toBe(event.created_at)
  expect(segment.kindOf(ordinal!)).toBe(event.kind)
  expect(segment.seqOf(ordinal!)).toBe(events.indexOf(event) + 1)
  // As a filter's value, which lies elsewhere than an event's.
  const pubkey = Buffer.concat([Buffer.alloc(3), Buffer.from(event.pubkey)])
  const { kind } = event
  const isBySame = (other: NostrEvent) => other.pubkey === event.pubkey
  expect(idsOf(segment, segment.find(authorKey(hasher, pubkey, 3)))).toEqual(sortedIds(events, isBySame))
  expect(idsOf(segment, segment.find(kindKey(hasher, kind)))).toEqual(
    sortedIds(events, (other) => other.kind === kind),
  )
  expect(idsOf(segment, segment.find(authorKindKey(hasher, pubkey, 3, kind)))).toEqual(
    sortedIds(events, (other) => isBySame(other) && other.kind === kind),
  )
  for (const [name, value] of event.tags) {
    if (name!.length !== 1 || value === undefined) continue
    const found = segment.find(tagKey(hasher, name!.charCodeAt(0), escapeTagValue(value)))
    const holds = ({ tags }: NostrEvent) => tags.some((tag) => tag[0] === name && tag[1] === value)
    expect(idsOf(segment, found), shape).toEqual(sortedIds(events, holds))
  }
}

function idsOf(segment: Segment, postings: Postings | undefined): string[] {
  return Array.from({ length: postings?.count ?? 0 }, (_, index) => idOf(segment, postings!.at(index)))
}

function sortedIds(events: readonly NostrEvent[], isWanted: (event: NostrEvent) => boolean): string[] {
  return events
    .filter(isWanted)
    .toSorted(compareNewestFirst)
    .map(({ id }) => id)
}

test('the first place that is not below a value is found in any sorted column, evenly spread or not', () => {
  const u32 = fc.nat({ max: 0xffff_ffff })
  const column = fc.oneof(
    fc.array(u32, { maxLength: 300, size: 'max' }),
    fc.array(fc.nat({ max: 3 }), { maxLength: 300, size: 'max' }),
    fc.array(fc.constantFrom(0, 0xffff_ffff, 0x8000_0000), { maxLength: 300, size: 'max' }),
  )
  fc.assert(
    fc.property(column, u32, (unsorted, value) => {
      const sorted = Uint32Array.from(unsorted).sort()
      for (const wanted of [value, 0, 0xffff_ffff, ...sorted.slice(0, 3)]) {
        const first = sorted.findIndex((each) => each >= wanted)
        expect(lowerBound(new MemoryColumn(sorted), wanted)).toBe(first === -1 ? sorted.length : first)
      }
    }),
    { numRuns: 2_000 },
  )
})
