/**
 * What happens in a network that is shown or tested: which relays there are, how quick and how faithful each is, which of
 * them has which event, and what comes when. A seed decides all of it.
 */
import type { NostrEvent } from '../../src/nostr/index.ts'
import type { LoopbackRelayFacts } from './loopback-network.ts'

export interface Placed {
  readonly event: NostrEvent
  readonly urls: readonly string[]
}

export interface StoryOptions {
  readonly urls: readonly string[]
  readonly events: readonly NostrEvent[]
  /** On how many relays an event is, on average. */
  readonly overlap: number
  readonly seed: number
}

export interface Story {
  readonly relays: readonly LoopbackRelayFacts[]
  /** In the order of `events`. */
  readonly placed: readonly Placed[]
}

const SOFTWARE = ['strfry', 'nostream', 'khatru', 'nostr-rs-relay', 'haven', 'stoa']
const COUNTRIES = ['DE', 'US', 'JP', 'FI', 'FR', 'CA', 'SG', 'BR']
/** A few relays have nearly everything, most have little: place n has a share of about 1 / n to this power. */
const POPULARITY_EXPONENT = 0.7
const MAX_LATENCY_MS = 400

export function tellStory({ urls, events, overlap, seed }: StoryOptions): Story {
  const random = randomOf(seed)
  const weights = urls.map((_, index) => 1 / (index + 1) ** POPULARITY_EXPONENT)
  const sums: number[] = []
  for (const weight of weights) sums.push((sums.at(-1) ?? 0) + weight)
  const pick = (): string => urls[lowerBound(sums, random() * sums.at(-1)!)]!
  return {
    relays: urls.map((url, index) => relayFacts(url, index, random)),
    placed: events.map((event) => {
      const wanted = Math.min(urls.length, 1 + Math.floor(random() * (overlap * 2 - 1)))
      const chosen = new Set<string>()
      // Popular relays are drawn again and again: a bounded number of draws, and then whatever has come.
      for (let draw = 0; chosen.size < wanted && draw < wanted * 8; draw++) chosen.add(pick())
      return { event, urls: [...chosen] }
    }),
  }
}

function relayFacts(url: string, index: number, random: () => number): LoopbackRelayFacts {
  return {
    url,
    latencyMs: Math.round(random() ** 3 * MAX_LATENCY_MS),
    information: {
      description: `Relay ${index + 1} of a network on one machine.`,
      software: `git+https://example.com/${SOFTWARE[index % SOFTWARE.length]}.git`,
      version: `${1 + (index % 3)}.${index % 10}.0`,
      supported_nips: [1, 2, 4, 9, 11, 12, 16, 20, 22, 28, 33, 40, 42, 50, 77].slice(0, 4 + (index % 12)),
      relay_countries: [COUNTRIES[index % COUNTRIES.length]],
      limitation: {
        payment_required: index % 9 === 4,
        auth_required: false,
        restricted_writes: index % 7 === 3,
      },
    },
  }
}

/** The first place whose sum is at least so much. */
function lowerBound(sums: readonly number[], wanted: number): number {
  let low = 0
  let high = sums.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sums[middle]! < wanted) low = middle + 1
    else high = middle
  }
  return low
}

/** Mulberry32: numbers in [0, 1) that the seed decides. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
