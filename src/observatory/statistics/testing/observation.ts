import type { Fingerprint, Observation } from '../../observation.ts'
import { ObservationBatch } from '../../observation-batch.ts'

/** Saturday, 21 November 2026, 16:40 UTC. */
export const NOW_SECONDS = Date.UTC(2026, 10, 21, 16, 40) / 1000

/** What matters of an observation; numbers stand for events and authors. */
export interface ObservationTraits extends Partial<Omit<Observation, 'event' | 'author'>> {
  readonly event?: number
  readonly author?: number
}

/** A note of author 1, event 1, which relay 1 showed a second after it was written, unless it is said otherwise. */
export function observation({ event = 1, author = 1, ...traits }: ObservationTraits = {}): Observation {
  const createdAt = traits.createdAt ?? NOW_SECONDS - 60
  return {
    relay: 1,
    kind: 1,
    createdAt,
    seenAt: createdAt + 1,
    client: undefined,
    zapMsat: 0n,
    isZapSignerChecked: false,
    language: 0,
    ...traits,
    event: fingerprintOf(event),
    author: fingerprintOf(author),
  }
}

export function batchOf(observations: readonly Observation[]): ObservationBatch {
  const batch = new ObservationBatch(Math.max(1, observations.length))
  for (const one of observations) batch.add(one)
  return batch
}

/** Different for different numbers; (0, 0) for 0, and equal in one of the words now and then, as real ones may be. */
export function fingerprintOf(number: number): Fingerprint {
  if (number === 0) return { high: 0, low: 0 }
  if (number % 7 === 0) return { high: 0, low: number }
  if (number % 11 === 0) return { high: number, low: 0 }
  return { high: Math.imul(number, 0x9e3779b1) >>> 0, low: Math.imul(number + 1, 0x85ebca6b) >>> 0 }
}
