/** Every relay but a few begins a message of a megabyte and never ends it: memory is bounded, and the few are read. */
import { afterEach, expect, test, vi } from 'vitest'
import { startEventFlow } from './observatory/event-flow.ts'
import { startHalfSenders } from './observatory/half-senders.ts'
import { loggedOffences } from './observatory/logged-offences.ts'
import { figuresOf, openTestWatch } from './observatory/test-watch.ts'
import { relayNames, startWatchedNetwork } from './observatory/watched-network.ts'

vi.setConfig({ testTimeout: 240_000, hookTimeout: 60_000 })

const HALF = 240
const GOOD = 20
const EVENTS_PER_SECOND = 20
const PATIENCE = { timeout: 100_000, interval: 500 }
/**
 * Longer than it takes until all have sent what they will, and much less than the program waits. What this process is late
 * by does not count against relays, and it does much at once here.
 */
const PATIENT = { answerTimeoutMs: 8_000, connectTimeoutMs: 10_000, proveMs: 10_000, tickMs: 500 }
/** What is begun, once, and as much again for everything else. */
const MAX_HELD_BYTES = 2 * HALF * 1_048_576

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

test('240 messages of a megabyte that are not ended take no more memory than they have, each is an offence, and other relays are counted', async () => {
  const names = await relayNames(HALF + GOOD)
  const good = names.slice(0, GOOD)
  const halves = names.slice(GOOD)
  const network = await startWatchedNetwork(good.map((url) => ({ url })))
  stops.push(() => network.stop())
  const flow = startEventFlow(network, EVENTS_PER_SECOND)
  stops.push(() => flow.stop())
  const half = await startHalfSenders(halves)
  stops.push(() => half.stop())
  const before = process.memoryUsage().rss
  const { watch, databaseUrl } = await openTestWatch({
    addresses: new Map([...network.loopback.addresses, ...half.addresses]),
    collector: { ...PATIENT, maxConnecting: names.length },
    stops,
  })

  let peak = before
  await vi.waitFor(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
    expect(half.sent).toBe(HALF)
  }, PATIENCE)
  await vi.waitFor(async () => {
    peak = Math.max(peak, process.memoryUsage().rss)
    const accused = new Map(halves.map((url) => [url, new Set(['silent'])]))
    expect(await loggedOffences(databaseUrl)).toEqual(accused)
  }, PATIENCE)
  await flow.stop()
  await vi.waitFor(() => expect(figuresOf(watch, network)).toEqual(network.expected()), PATIENCE)
  console.info(`${half.mostAtOnce} messages were held at once, in ${(peak - before) >> 20} MiB`)
  expect(peak - before).toBeLessThan(MAX_HELD_BYTES)
})
