/**
 * Which notes are variants of each other: the same skeleton, skeletons that share most of their runs of characters, or spam
 * that leads to the same place. Spam is sent in hundreds of variants; a variant on the other side of a split would be
 * remembered, not recognised.
 */
import { createHash } from 'node:crypto'
import type { LabelledNote } from './labelled-notes.ts'

/** Runs of so many characters are compared. */
const SHINGLE_UNITS = 6
/** Shorter skeletons are only alike when they are the same. */
const SHORTEST_COMPARED = 24
/** Sixteen bands of two: skeletons that share half of their runs meet with 99 %, those that share a tenth with 15 %. */
const BANDS = 16
const ROWS = 2
/** What they must share, of all the runs that either has, when they have met. */
const ALIKE = 0.35

/** A name for each note, the same for those that are alike. */
export function clustersOf(notes: readonly LabelledNote[], skeletons: readonly string[]): readonly string[] {
  const distinct = [...new Set(skeletons)].toSorted()
  const number = new Map(distinct.map((skeleton, index) => [skeleton, index]))
  const union = new Union(distinct.length)
  joinAlike(distinct, union)
  joinCampaigns(
    notes,
    skeletons.map((skeleton) => number.get(skeleton)!),
    union,
  )
  return skeletons.map((skeleton) => distinct[union.find(number.get(skeleton)!)]!)
}

function joinAlike(distinct: readonly string[], union: Union): void {
  const shingles = distinct.map((skeleton) => shinglesOf(skeleton))
  const buckets = new Map<string, number>()
  for (const [index, runs] of shingles.entries()) {
    if (runs.size === 0) continue
    const signature = signatureOf(runs)
    for (let band = 0; band < BANDS; band++) {
      const key = `${band}:${signature.slice(band * ROWS, (band + 1) * ROWS).join()}`
      const other = buckets.get(key)
      if (other === undefined) buckets.set(key, index)
      else if (likeness(runs, shingles[other]!) >= ALIKE) union.join(index, other)
    }
  }
}

/** Spam by the places it leads to, as long as no honest note leads there too. */
function joinCampaigns(notes: readonly LabelledNote[], numbers: readonly number[], union: Union): void {
  const honest = new Set(notes.flatMap(({ text, isSpam }) => (isSpam ? [] : placesOf(text))))
  const first = new Map<string, number>()
  for (const [index, { text, isSpam }] of notes.entries()) {
    if (!isSpam) continue
    for (const place of placesOf(text)) {
      if (honest.has(place)) continue
      const other = first.get(place)
      if (other === undefined) first.set(place, numbers[index]!)
      else union.join(numbers[index]!, other)
    }
  }
}

/** Host and first part of the path of each link. */
function placesOf(text: string): readonly string[] {
  return [...text.matchAll(/https?:\/\/(?:www\.)?([^\s/?#]+\/?[^\s/?#]*)/giu)].map(([, place = '']) =>
    place.toLowerCase().replace(/\/$/, ''),
  )
}

function shinglesOf(skeleton: string): ReadonlySet<number> {
  const runs = new Set<number>()
  if (skeleton.length < SHORTEST_COMPARED) return runs
  for (let at = 0; at + SHINGLE_UNITS <= skeleton.length; at++) {
    const digest = createHash('md5')
      .update(skeleton.slice(at, at + SHINGLE_UNITS))
      .digest()
    runs.add(digest.readUInt32BE(0))
  }
  return runs
}

function signatureOf(runs: ReadonlySet<number>): readonly number[] {
  return Array.from({ length: BANDS * ROWS }, (_, index) => {
    const factor = Math.imul(index + 1, 0x9e3779b1) | 1
    let lowest = 0xffffffff
    for (const run of runs) {
      const mixed = Math.imul(run ^ (run >>> 16), factor)
      lowest = Math.min(lowest, (mixed ^ (mixed >>> 15)) >>> 0)
    }
    return lowest
  })
}

function likeness(one: ReadonlySet<number>, other: ReadonlySet<number>): number {
  let shared = 0
  for (const run of one) if (other.has(run)) shared++
  return shared / (one.size + other.size - shared)
}

class Union {
  readonly #parent: number[]

  constructor(size: number) {
    this.#parent = Array.from({ length: size }, (_, index) => index)
  }

  find(index: number): number {
    let root = index
    while (this.#parent[root] !== root) root = this.#parent[root]!
    this.#parent[index] = root
    return root
  }

  /** The lower number stays, so that the order of joining makes no difference. */
  join(one: number, other: number): void {
    const [low, high] = [this.find(one), this.find(other)].toSorted((a, b) => a - b)
    this.#parent[high!] = low!
  }
}
