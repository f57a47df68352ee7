import { setImmediate as nextTurn } from 'node:timers/promises'
import type { EventStore } from '../../events/index.ts'
import { isHex64, KINDS, parseEvent } from '../../nostr/index.ts'

/** Follow lists that are asked for at a time. */
const AUTHORS_IN_A_QUERY = 200
/** Events in a slice; the thread does other work between slices. */
const SLICE_EVENTS = 20
/** Keys that may be weighed: those beyond are not looked at, which a relay of that size should be told of. */
const MAX_KEYS = 500_000

export interface TrustRules {
  readonly seeds: readonly string[]
  /** 1: whom a seed follows. 2: whom those follow as well. */
  readonly depth: number
  /** Farther away than one step, so many trusted keys must follow a key. */
  readonly minFollowers: number
}

export interface FollowReader {
  readonly store: Pick<EventStore, 'query'>
  readonly nowSeconds: number
  /** When aborted, what was found so far is returned. */
  readonly signal: AbortSignal
}

/**
 * The keys that can be reached from the seeds over the follow lists (kind 3) of the store. Works in small slices, so
 * that it may run beside everything else.
 */
export async function trustedKeys(rules: TrustRules, reader: FollowReader): Promise<ReadonlySet<string>> {
  const trusted = new Set(rules.seeds)
  const followers = new Map<string, number>()
  let frontier: readonly string[] = [...trusted]
  for (let step = 1; step <= rules.depth && frontier.length > 0 && !reader.signal.aborted; step++) {
    const followed = new Set<string>()
    for await (const follows of followLists(frontier, reader)) {
      for (const pubkey of follows) count(pubkey, followers, followed)
    }
    const needed = step === 1 ? 1 : rules.minFollowers
    frontier = [...followed].filter((key) => !trusted.has(key) && (followers.get(key) ?? 0) >= needed)
    for (const key of frontier) trusted.add(key)
  }
  return trusted
}

function count(pubkey: string, followers: Map<string, number>, followed: Set<string>): void {
  const before = followers.get(pubkey) ?? 0
  if (before === 0 && followers.size >= MAX_KEYS) return
  followers.set(pubkey, before + 1)
  followed.add(pubkey)
}

/** The follow lists of these authors, each key in it once. */
async function* followLists(
  authors: readonly string[],
  reader: FollowReader,
): AsyncGenerator<ReadonlySet<string>> {
  for (let start = 0; start < authors.length; start += AUTHORS_IN_A_QUERY) {
    const batch = authors.slice(start, start + AUTHORS_IN_A_QUERY)
    const filter = { kinds: [KINDS.FOLLOWS], authors: batch, limit: batch.length }
    const cursor = reader.store.query([filter], reader.nowSeconds)
    for (let isDone = false; !isDone && !reader.signal.aborted; ) {
      const page = await cursor.next(SLICE_EVENTS)
      for (let index = 0; index < page.count; index++) {
        yield followsOf(page.viewAt(index))
      }
      isDone = page.done
      await nextTurn()
    }
  }
}

function followsOf(json: Buffer): ReadonlySet<string> {
  const parsed = parseEvent(JSON.parse(json.toString('utf8')))
  const follows = new Set<string>()
  if (!parsed.ok) return follows
  for (const [name, value = ''] of parsed.value.tags) {
    if (name === 'p' && isHex64(value)) follows.add(value)
  }
  return follows
}
