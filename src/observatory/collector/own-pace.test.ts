/** A relay that sends what it was asked for, as fast as it can, floods nobody: it is for us to ask more slowly. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { eventually } from '../../platform/bus/testing/index.ts'
import { eventOfNewKey, openTestCollector, startMisbehavingRelay } from './testing/index.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const nowSeconds = Math.floor(Date.now() / 1_000)

test('a long past that comes quickly is read whole, and nobody is blamed for it', async () => {
  const events: readonly NostrEvent[] = Array.from({ length: 400 }, (_, n) =>
    eventOfNewKey({ created_at: nowSeconds - 10 - n, content: `${n}` }),
  )
  const relay = await startMisbehavingRelay({ events, cap: 20 })
  stops.push(() => relay.stop())
  const watched = await openTestCollector({
    seeds: [relay.url],
    limits: { messagesPerSecond: 200, burstMessages: 100 },
  })
  stops.push(() => watched.stop())
  await eventually(() => watched.stateOf(relay.url) === 'live' || relay.connections > 1)
  expect(watched.offencesOf(relay.url)).toEqual({})
  expect(watched.idsOf(relay.url).size).toBe(events.length)
  expect(relay.connections).toBe(1)
})

test('one that sends more than it may without being asked is still left', async () => {
  const relay = await startMisbehavingRelay()
  stops.push(() => relay.stop())
  const watched = await openTestCollector({
    seeds: [relay.url],
    limits: { messagesPerSecond: 20, burstMessages: 100 },
  })
  stops.push(() => watched.stop())
  await eventually(() => watched.stateOf(relay.url) === 'live')
  for (let n = 0; n < 300; n++) relay.say('["NOTICE","and another thing"]')
  await delay(0)
  await eventually(() => watched.stateOf(relay.url) === 'waiting')
  expect(watched.offencesOf(relay.url)).toEqual({ flood: 1 })
})
