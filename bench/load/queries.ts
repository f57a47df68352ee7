import type { NostrEvent } from '../../src/nostr/index.ts'
import { createRandom, type Random } from '../dataset/random.ts'
import type { Corpus } from './corpus.ts'
import type { RequestShape } from './job.ts'

/** A filter as it stands in a REQ. */
export type WireFilter = Readonly<Record<string, readonly (string | number)[] | number>>

const SAMPLED_EVENTS = 20_000

/**
 * Filters of one shape that ask for what is stored: ids, authors and tag values are drawn from the events
 * themselves, so the popular ones are asked for more often. The same for every relay and run.
 */
export function createFilters(
  shape: RequestShape,
  corpus: Corpus,
  storedCount: number,
  count: number,
): WireFilter[] {
  const random = createRandom(`queries/${shape}`)
  const sample = sampleEvents(corpus, storedCount, random)
  const builder = builders[shape](sample, random)
  return Array.from({ length: count }, builder)
}

const builders: Record<RequestShape, (sample: readonly NostrEvent[], random: Random) => () => WireFilter> = {
  'authors20-kind1': (sample, random) => () => ({
    authors: drawAuthors(sample, 20, random),
    kinds: [1],
    limit: 50,
  }),
  id: (sample, random) => () => ({ ids: [random.pick(sample).id] }),
  ids20: (sample, random) => () => ({ ids: drawDistinct(20, () => random.pick(sample).id) }),
  kind1: () => () => ({ kinds: [1], limit: 100 }),
  e: (sample, random) => {
    const answers = withTag(sample, 'e')
    return () => ({ '#e': [firstValue(random.pick(answers), 'e')] })
  },
  p: (sample, random) => {
    const mentions = withTag(sample, 'p')
    return () => ({ '#p': [firstValue(random.pick(mentions), 'p')], limit: 50 })
  },
}

/** Distinct authors, the active ones more likely. */
function drawAuthors(sample: readonly NostrEvent[], count: number, random: Random): string[] {
  return drawDistinct(count, () => random.pick(sample).pubkey)
}

/** At most 20,000 of the first `storedCount` events; no gift wraps, which some relays show only to their recipient. */
function sampleEvents(corpus: Corpus, storedCount: number, random: Random): NostrEvent[] {
  const size = Math.min(corpus.count, storedCount)
  const indexes = Array.from({ length: Math.min(size, SAMPLED_EVENTS) }, (_, index) =>
    size <= SAMPLED_EVENTS ? index : random.below(size),
  )
  return indexes.map((index) => corpus.event(index)).filter(({ kind }) => kind !== 1059)
}

const MAX_DRAWS = 100_000

function drawDistinct(count: number, draw: () => string): string[] {
  const values = new Set<string>()
  for (let draws = 0; values.size < count; draws++) {
    if (draws === MAX_DRAWS) throw new Error(`The dataset is too small: it has no ${count} different values.`)
    values.add(draw())
  }
  return [...values]
}

function withTag(events: readonly NostrEvent[], name: string): NostrEvent[] {
  return events.filter((event) => event.kind !== 3 && event.tags.some((tag) => tag[0] === name))
}

function firstValue(event: NostrEvent, name: string): string {
  return event.tags.find((tag) => tag[0] === name)?.[1] ?? ''
}
