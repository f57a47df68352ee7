/** Relays that invent people, in the assembly that the program runs, with windows of seconds instead of an hour. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import { DEFAULT_COLLECTOR_SETTINGS, DEFAULT_KINDS } from '../../src/observatory/collector/index.ts'
import {
  eventOfNewKey,
  type MisbehavingRelay,
  QUICK_LIMITS,
  startMisbehavingRelay,
} from '../../src/observatory/collector/testing/index.ts'
import { DEFAULT_INTAKE_LIMITS } from '../../src/observatory/intake/index.ts'
import { testDatabase } from '../../src/platform/database/testing/index.ts'
import { createLogger } from '../../src/platform/index.ts'
import { openWatch, type Watch, type WatchOptions } from '../../src/stoa-watch.ts'
import { freshEvents } from './observatory/events.ts'
import { loggedOffences } from './observatory/logged-offences.ts'
import { type Figures, snapshotFigures } from './observatory/plain-count.ts'
import { relayNames, startWatchedNetwork, type WatchedNetwork } from './observatory/watched-network.ts'

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
  const { watch, databaseUrl } = await openTestWatch(addresses)

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

async function openTestWatch(aliases: ReadonlyMap<string, string>) {
  const database = await testDatabase()
  stops.push(() => database.close())
  const dataDir = mkdtempSync(join(tmpdir(), 'stoa-watch-'))
  stops.push(() => rmSync(dataDir, { recursive: true, force: true }))
  const options: WatchOptions = {
    databaseUrl: database.url,
    statementTimeoutMs: 20_000,
    connectTimeoutMs: 10_000,
    redisUrl: '',
    redisPrefix: '',
    processId: 'alone',
    dataDir,
    verifier: 'auto',
    seeds: [...aliases.keys()],
    own: undefined,
    collector: {
      ...DEFAULT_COLLECTOR_SETTINGS,
      kinds: DEFAULT_KINDS,
      backfillSeconds: 0,
      discovers: false,
      aliases,
    },
    maxRelays: 100,
    maxUsers: 10_000,
    maxRelayUsers: 10_000,
    journalBytes: 16 * 1_048_576,
    checkZapSigners: false,
    forwardsAll: false,
    snapshotSeconds: 300,
    keepSnapshotsDays: 1,
    keepLogsDays: 1,
  }
  const watch = await openWatch(
    options,
    createLogger({ level: 'silent', format: 'json' }),
    { onChange: () => {}, onEvents: () => {} },
    {
      collector: QUICK_LIMITS,
      intake: {
        ...DEFAULT_INTAKE_LIMITS,
        maxLoneAuthors: MAX_LONE_AUTHORS,
        loneAuthorsWindowSeconds: WINDOW_SECONDS,
      },
    },
  )
  stops.push(() => watch.stop())
  return { watch, databaseUrl: database.url }
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

function figuresOf(watch: Watch, { urls }: WatchedNetwork): Figures | undefined {
  const kept = watch.snapshot('all')
  return kept === undefined ? undefined : snapshotFigures(kept.snapshot, urls)
}
