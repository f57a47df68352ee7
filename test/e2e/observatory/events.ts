/** Events for the relays of a test: real ones where they lie beside the repository, and fresh ones, signed as they are needed. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createSigner } from '../../../bench/dataset/signer.ts'
import { syntheticEvents } from '../../../bench/dataset/synthetic.ts'
import { findRealEvents } from '../../../bench/dataset.ts'
import type { NostrEvent } from '../../../src/nostr/index.ts'
import { authorNamed, eventBy } from '../authors.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const NOSTR_BEGINS_SECONDS = Date.UTC(2020, 10, 7) / 1_000
const SYNTHETIC_COUNT = 5_000
const AUTHORS = 50
const FRESH_KINDS = [1, 1, 1, 7, 1, 30023]

/** Some thousand events of years, or synthetic ones of a month. */
export function storedEvents(): readonly NostrEvent[] {
  const path = findRealEvents(ROOT)
  if (path !== undefined) {
    const lines = readFileSync(path, 'utf8').trim().split('\n')
    // Each was checked when the file was made (PROVENANCE.md).
    const events = lines.map((line) => JSON.parse(line) as NostrEvent)
    // Some are fixtures of other programs, dated 1970: whoever shows those is accused of it, as it should be.
    return events.filter(({ created_at }) => created_at >= NOSTR_BEGINS_SECONDS)
  }
  console.warn('No real events beside the repository (../shared/data): synthetic ones stand in for them.')
  const endsAtSeconds = Math.floor(Date.now() / 1000) - 60
  const options = { seed: 'observatory', count: SYNTHETIC_COUNT, profile: 'square', endsAtSeconds } as const
  return [...syntheticEvents(options, createSigner())]
}

/** Makes events of now, each another one, by fifty people. */
export function freshEvents(): () => NostrEvent {
  const authors = Array.from({ length: AUTHORS }, (_, n) => authorNamed(`observed ${n}`))
  let made = 0
  return () => {
    const kind = FRESH_KINDS[made % FRESH_KINDS.length]!
    return eventBy(authors[made % AUTHORS]!, { kind, content: `fresh ${made++}`, tags: [['d', `${made}`]] })
  }
}
