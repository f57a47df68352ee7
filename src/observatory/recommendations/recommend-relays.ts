/** Which relays a person should read, to see those whom they follow: the outbox model (NIP-65), weighed by how relays do. */

import { normalizeRelayUrl } from '../../nostr/index.ts'
import type { RecommendationBody, RecommendationsBody } from '../api/bodies.ts'
import { SECONDS_PER_DAY } from '../ranges.ts'
import type { RelayFigures } from '../snapshot.ts'

/** Relays that are recommended at most. */
export const MAX_RECOMMENDED = 12
/** The second relay that reaches the same person is worth a quarter of the first, the third a quarter of that. */
const NEXT_IS_WORTH = 1 / 4
/** A relay that gives less than a hundredth of what one person is worth who is well reached, is no connection worth. */
const LEAST_GAIN = 0.01
/** Of a relay that nobody has measured: it may well be dead, as half of all that are advertised are. */
const UNMEASURED_QUALITY = 0.1
/** Up less than this share of the time, it is dead to whoever wants to read. */
const DEAD_UPTIME = 0.05
/** A relay without a new event for so long is worth half. */
const STALE_SECONDS = 7 * SECONDS_PER_DAY
/** Milliseconds that halve what a relay is worth. */
const SLOW_MS = 1_000

/** One whom the person follows, with the relays they write to; none when no relay list is known. */
export interface FollowedList {
  readonly pubkey: string
  readonly writeRelays: readonly string[]
}

export interface RecommendationQuestion {
  readonly pubkey: string
  /** Everybody whom the key follows. */
  readonly lists: readonly FollowedList[]
  readonly figures: readonly RelayFigures[]
  /** Seconds since 1970. */
  readonly now: number
}

interface Choice {
  readonly url: string
  readonly figures: RelayFigures | undefined
  /** 0 … 1: what it is worth to be reached through it. */
  readonly quality: number
  /** Numbers of the people that write to it, ascending. */
  readonly people: readonly number[]
}

/**
 * Chooses greedily what adds most: people reached × health × latency, where somebody who is reached already counts for a
 * quarter. Dead relays are never recommended. The order of what is handed in makes no difference.
 */
export function recommendRelays({
  pubkey,
  lists,
  figures,
  now,
}: RecommendationQuestion): Omit<RecommendationsBody, 'updated_at'> {
  const people = listsByPerson(lists)
  const listed = people.filter(([, relays]) => relays.size > 0)
  const choices = choicesOf(
    listed.map(([, relays]) => relays),
    figures,
    now,
  )
  const reachedTimes = new Uint8Array(listed.length)
  const relays: RecommendationBody[] = []
  const left = new Set(choices)
  while (relays.length < MAX_RECOMMENDED) {
    const best = bestOf(left, reachedTimes)
    if (best === undefined) break
    left.delete(best.choice)
    relays.push(bodyOf(best, listed.length, reachedTimes))
    for (const person of best.choice.people) reachedTimes[person]!++
  }
  return {
    pubkey,
    follows: people.length,
    follows_with_lists: listed.length,
    relays,
    covered: reachedTimes.reduce((sum, times) => sum + (times > 0 ? 1 : 0), 0),
  }
}

/** By key, ascending; relays in the one spelling that is compared, each once. */
function listsByPerson(lists: readonly FollowedList[]): readonly (readonly [string, ReadonlySet<string>])[] {
  const byPerson = new Map<string, Set<string>>()
  for (const { pubkey, writeRelays } of lists) {
    const relays = byPerson.get(pubkey) ?? new Set()
    byPerson.set(pubkey, relays)
    for (const url of writeRelays) {
      const spelling = isPublic(url) ? normalizeRelayUrl(url) : undefined
      if (spelling !== undefined) relays.add(spelling)
    }
  }
  return [...byPerson].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

/** Addresses that mean something to one machine or network, or need a proxy, help nobody else. */
function isPublic(url: string): boolean {
  const hostname = URL.parse(url)?.hostname ?? ''
  return (
    hostname.includes('.') &&
    !/^[\d.]+$|\.(?:onion|i2p|local|localhost|internal|lan|home|test)$/.test(hostname)
  )
}

function choicesOf(
  listed: readonly ReadonlySet<string>[],
  figures: readonly RelayFigures[],
  now: number,
): readonly Choice[] {
  const measured = new Map<string, RelayFigures>()
  for (const one of figures.toSorted((a, b) => (a.url < b.url ? -1 : 1))) {
    const spelling = normalizeRelayUrl(one.url)
    // Two of one spelling differ in ws and wss: the one that does better is meant.
    const other = spelling === undefined ? undefined : measured.get(spelling)
    if (spelling !== undefined && qualityOf(one, now) > (other === undefined ? -1 : qualityOf(other, now)))
      measured.set(spelling, one)
  }
  const peopleOf = new Map<string, number[]>()
  for (const [person, relays] of listed.entries()) {
    for (const spelling of relays) {
      const people = peopleOf.get(spelling)
      if (people === undefined) peopleOf.set(spelling, [person])
      else people.push(person)
    }
  }
  return [...peopleOf]
    .map(([spelling, people]) => {
      const found = measured.get(spelling)
      return {
        url: found?.url ?? `wss://${spelling}`,
        figures: found,
        quality: qualityOf(found, now),
        people,
      }
    })
    .filter(({ quality }) => quality > 0)
}

/** 0 for a relay that is dead. */
function qualityOf(figures: RelayFigures | undefined, now: number): number {
  if (figures === undefined) return UNMEASURED_QUALITY
  const { state, uptime, healthScore, latencyP50Ms, lastEventSeconds } = figures
  if (state === 'refused' || (uptime !== undefined && uptime < DEAD_UPTIME)) return 0
  if (healthScore === undefined) return UNMEASURED_QUALITY
  const speed = latencyP50Ms === undefined ? 0.5 : SLOW_MS / (SLOW_MS + latencyP50Ms)
  const isStale = lastEventSeconds !== undefined && now - lastEventSeconds > STALE_SECONDS
  return (healthScore / 100) * speed * (isStale ? 0.5 : 1)
}

interface Best {
  readonly choice: Choice
  readonly gain: number
}

function bestOf(choices: ReadonlySet<Choice>, reachedTimes: Uint8Array): Best | undefined {
  let best: Best | undefined
  for (const choice of choices) {
    const gain = choice.quality * worthOf(choice.people, reachedTimes)
    if (gain < LEAST_GAIN) continue
    const isBetter =
      best === undefined || gain > best.gain || (gain === best.gain && choice.url < best.choice.url)
    if (isBetter) best = { choice, gain }
  }
  return best
}

/** Powers of a quarter are exact in binary, so the order of adding makes no difference. */
function worthOf(people: readonly number[], reachedTimes: Uint8Array): number {
  return people.reduce((sum, person) => sum + NEXT_IS_WORTH ** reachedTimes[person]!, 0)
}

function bodyOf({ choice, gain }: Best, listed: number, reachedTimes: Uint8Array): RecommendationBody {
  const { url, figures, people } = choice
  const adds = people.filter((person) => reachedTimes[person] === 0).length
  return {
    url,
    // What it gives of what a perfect relay that everybody writes to would give.
    score: Math.round((1000 * gain) / listed) / 10,
    reaches: people.length,
    adds,
    health_score: figures?.healthScore ?? null,
    latency: figures?.latencyP50Ms ?? null,
    why: `${reachOf(people.length, adds, listed)}; ${conditionOf(figures)}.`,
  }
}

function reachOf(reaches: number, adds: number, listed: number): string {
  const share = `${reaches} of the ${listed} you follow whose relays are known ${reaches === 1 ? 'writes' : 'write'} to it`
  if (adds === reaches) return share
  if (adds === 0) return `${share}, all of them to relays above too, so it stands in when those are down`
  return `${share}, ${adds} of them to no relay above`
}

function conditionOf(figures: RelayFigures | undefined): string {
  if (figures?.healthScore === undefined) return 'we have not measured it yet'
  const { uptime, latencyP50Ms } = figures
  const facts = [
    ...(uptime === undefined ? [] : [`was up ${percent(uptime)} of the time`]),
    ...(latencyP50Ms === undefined ? [] : [`answers in ${Math.round(latencyP50Ms)} ms`]),
  ]
  return facts.length === 0 ? 'it has not been timed yet' : `it ${facts.join(' and ')}`
}

/** Rounded down, so that only what was never down was up for 100 %. */
function percent(share: number): string {
  return `${Math.floor(share * 1000) / 10} %`
}
