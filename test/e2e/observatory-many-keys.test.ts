/** Relays that invent people, in the assembly that the program runs, with windows of seconds instead of an hour. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import {
  eventOfNewKey,
  type MisbehavingRelay,
  startMisbehavingRelay,
} from '../../src/observatory/collector/testing/index.ts'
import type { Watch } from '../../src/stoa-watch.ts'
import { freshEvents } from './observatory/events.ts'
import { loggedOffences } from './observatory/logged-offences.ts'
import { figuresOf, openTestWatch } from './observatory/test-watch.ts'
import { relayNames, startWatchedNetwork } from './observatory/watched-network.ts'

const PATIENCE = { timeout: 60_000, interval: 50 }
const WINDOW_SECONDS = 15
const MAX_LONE_AUTHORS = 100
const INVENTED_AT_FIRST = 150
const INVENTED_LATER = 120
const NAMES = await relayNames(5)
const HONEST = NAMES.slice(0, 3)
const INVENTORS = NAMES.slice(3)

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

test('people whom one relay alone shows count until there are too many of them; then no more do, and it is accused', async () => {
  const network = await startWatchedNetwork(HONEST.map((url) => ({ url })))
  stops.push(() => network.stop())
  const fresh = freshEvents()
  const publish = (count: number) =>
    network.publish(Array.from({ length: count }, () => ({ event: fresh(), urls: HONEST })))
  publish(200)
  const inventors = await startInventors()
  const addresses = new Map(network.loopback.addresses)
  for (const [n, url] of INVENTORS.entries()) addresses.set(url, inventors[n]!.url)
  const { watch, databaseUrl } = await openTestWatch({
    addresses,
    intake: { maxLoneAuthors: MAX_LONE_AUTHORS, loneAuthorsWindowSeconds: WINDOW_SECONDS },
    stops,
  })

  await vi.waitFor(() => {
    for (const { invented } of inventors) expect(invented).toHaveLength(INVENTED_AT_FIRST)
  }, PATIENCE)
  for (const { invented } of inventors) for (const event of invented) network.countElsewhere(event)
  await vi.waitFor(() => expect(figuresOf(watch, network)).toEqual(network.expected()), PATIENCE)

  await untilFoundOut(watch, () => publish(1))
  const later = Array.from({ length: INVENTED_LATER }, (_, n) => eventOfNewKey({ content: `later ${n}` }))
  for (const relay of inventors) for (const event of later) relay.publish(event)
  publish(100)
  await vi.waitFor(() => expect(offencesOf(watch)).toEqual(INVENTORS.map(() => 1 + INVENTED_LATER)), PATIENCE)
  await vi.waitFor(() => expect(figuresOf(watch, network)).toEqual(network.expected()), PATIENCE)
  await vi.waitFor(async () => {
    const logged = await loggedOffences(databaseUrl)
    expect(logged).toEqual(new Map(INVENTORS.map((url) => [url, new Set(['too-many-keys'])])))
  }, PATIENCE)
})

async function startInventors(): Promise<readonly MisbehavingRelay[]> {
  return Promise.all(
    INVENTORS.map(async () => {
      const relay = await startMisbehavingRelay({
        misbehaviour: 'many-keys',
        spoiledPerAnswer: INVENTED_AT_FIRST,
      })
      stops.push(() => relay.stop())
      return relay
    }),
  )
}

/** It is judged at the end of a window, when somebody shows an event that is not known. */
async function untilFoundOut(watch: Watch, publishOne: () => void): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE.timeout
  while (offencesOf(watch).some((count) => count === 0)) {
    if (performance.now() > deadlineMs) throw new Error('nobody was found out')
    publishOne()
    await delay(PATIENCE.interval)
  }
}

/** How often each inventor was accused of too many keys. */
function offencesOf(watch: Watch): readonly number[] {
  const relays = watch.relays()
  return INVENTORS.map((url) => relays.find((relay) => relay.url === url)?.offences['too-many-keys'] ?? 0)
}
