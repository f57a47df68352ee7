/** Memory of an intake that has seen many events, in a process of its own, part by part; says it and ends. */

import { systemClock } from '../../src/kernel/index.ts'
import { computeEventId } from '../../src/nostr/index.ts'
import type { RelayFeed } from '../../src/observatory/index.ts'
import { createIntake } from '../../src/observatory/intake/index.ts'
import { createSignatureVerifier } from '../../src/platform/index.ts'

export interface MemoryTask {
  readonly events: number
  readonly users: number
}

export interface MemoryFigures {
  readonly events: number
  readonly users: number
  /** Node with everything that an intake imports, and the native verifier; nothing is made yet. */
  readonly beforeMiB: number
  /** While events come, with what the garbage collector leaves lying about. */
  readonly runningMiB: number
  /** After a collection, when the process was started so that it can be asked for one. */
  readonly restingMiB: number
  readonly heapMiB: number
  readonly arrayBuffersMiB: number
}

const { events, users }: MemoryTask = JSON.parse(process.argv[2] ?? '')
// Made up and believed, since signing a million takes long; the real verifier only takes its place.
await createSignatureVerifier('auto')
const verifier = { name: 'believes', isNative: false, verify: () => true }
const beforeMiB = megabytes(process.memoryUsage.rss())
const intake = createIntake({ verifier, clock: systemClock })
const feed: RelayFeed = { relay: 1, isAsked: () => true, offend: () => {} }
for (let number = 0; number < events; number++) {
  intake.take(feed, frameOf(number))
  if (intake.waitingRows >= 1_000) intake.takeBatch()
}
const runningMiB = megabytes(process.memoryUsage.rss())
globalThis.gc?.()
const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
const figures: MemoryFigures = {
  events: intake.stats().seenEvents,
  users,
  beforeMiB,
  runningMiB,
  restingMiB: megabytes(rss),
  heapMiB: megabytes(heapUsed),
  arrayBuffersMiB: megabytes(arrayBuffers),
}
process.send?.(figures, () => process.exit())

function frameOf(number: number): Buffer {
  const pubkey = (number % users).toString(16).padStart(8, '0').repeat(8)
  const event = { pubkey, created_at: systemClock.nowSeconds(), kind: 1, tags: [], content: `${number}` }
  const signed = { id: computeEventId(event), ...event, sig: '0'.repeat(128) }
  return Buffer.from(JSON.stringify(['EVENT', 's', signed]))
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 2 ** 20)
}
