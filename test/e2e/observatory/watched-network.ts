/** A network of honest relays on loopback, what they were given, and how a program is told to watch it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NostrEvent } from '../../../src/nostr/index.ts'
import { seedRelays } from '../../../src/observatory/seeds/index.ts'
import {
  type LoopbackNetwork,
  type LoopbackRelayFacts,
  type Placed,
  startLoopbackNetwork,
} from '../../network/index.ts'
import type { Stage, StoaEnvironment } from '../stoa-process.ts'
import { type Figures, PlainCount } from './plain-count.ts'

export interface WatchedNetwork {
  readonly urls: readonly string[]
  readonly loopback: LoopbackNetwork
  /** Gives events to relays, and counts them. */
  publish(placed: Iterable<Placed>): void
  /** An event that counts for the network, of a relay that is not one of these. */
  countElsewhere(event: NostrEvent): void
  /** What the figures must be. */
  expected(): Figures
  stop(): Promise<void>
}

/** The first names of the list that the program brings along. */
export async function relayNames(count: number): Promise<readonly string[]> {
  const names = (await seedRelays()).slice(0, count)
  if (names.length < count) throw new Error(`The seed list has ${names.length} relays; ask for no more.`)
  return names
}

/** @param kinds that are counted; as the configuration has them when absent. */
export async function startWatchedNetwork(
  relays: readonly LoopbackRelayFacts[],
  kinds?: readonly number[] | 'all',
): Promise<WatchedNetwork> {
  const loopback = await startLoopbackNetwork(relays)
  const count = new PlainCount(kinds)
  return {
    urls: relays.map(({ url }) => url),
    loopback,
    publish: (placed) => {
      for (const { event, urls } of placed) {
        count.give(event, urls)
        loopback.publish(event, urls)
      }
    },
    countElsewhere: (event) => count.give(event, []),
    expected: () => count.figures(),
    stop: () => loopback.stop(),
  }
}

/** Settings with which a program watches these relays and no others. */
export function watching(stage: Stage, addresses: ReadonlyMap<string, string>): StoaEnvironment {
  return { ...reaching(stage, addresses), STOA_OBSERVATORY__SEEDS: [...addresses.keys()].join(',') }
}

/** Settings with which a program can watch these relays and no others, once it has heard of them. */
export function reaching(stage: Stage, addresses: ReadonlyMap<string, string>): StoaEnvironment {
  const addressFile = join(stage.folder(), 'addresses')
  writeFileSync(addressFile, [...addresses].map(([url, address]) => `${url} ${address}\n`).join(''))
  return {
    STOA_OBSERVATORY__WATCH: 'network',
    STOA_OBSERVATORY__ADDRESS_FILE: addressFile,
    STOA_OBSERVATORY__SEED_LIST: 'false',
    STOA_OBSERVATORY__DISCOVER: 'false',
    STOA_OBSERVATORY__BACKFILL_HOURS: '0',
    STOA_OBSERVATORY__MAX_CONNECTIONS: String(addresses.size + 10),
    // What is published of relays lands on our own, which is watched too.
    STOA_OBSERVATORY__MONITOR__PUBLISHES: 'false',
    STOA_OBSERVATORY__API__REQUESTS_PER15_MINUTES: '1000000',
  }
}
