import { afterEach, expect, test } from 'vitest'
import { eventually } from '../../platform/bus/testing/index.ts'
import {
  createMemoryDirectory,
  eventOfNewKey,
  openTestCollector,
  startMisbehavingRelay,
} from './testing/index.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

test('relays of a collector that died are taken over though the directory cannot be read just then', async () => {
  const event = eventOfNewKey({})
  const relays = await Promise.all(
    Array.from({ length: 12 }, () => startMisbehavingRelay({ events: [event] })),
  )
  for (const relay of relays) stops.push(() => relay.stop())
  const directory = createMemoryDirectory()
  let isAway = false
  const all = async () => {
    if (isAway) throw new Error('the database is away')
    return directory.all()
  }
  let live: readonly string[] = ['a', 'b']
  let tell = (): void => undefined
  const watched = await openTestCollector({
    directory: { ...directory, all },
    members: {
      self: 'a',
      live: () => live,
      onChange: (listener) => {
        tell = listener
        return () => undefined
      },
    },
    seeds: relays.map(({ url }) => url),
    limits: { refreshMs: 3_600_000 },
  })
  stops.push(() => watched.stop())
  await eventually(() => watched.collector.stats().connected === watched.collector.stats().share)
  expect(watched.collector.stats().share).toBeLessThan(relays.length)
  isAway = true
  live = ['a']
  tell()
  await eventually(() => watched.collector.stats().connected === relays.length)
})

test('a collector that left while another one started leaves no relay behind', async () => {
  const relays = await Promise.all(Array.from({ length: 12 }, () => startMisbehavingRelay()))
  for (const relay of relays) stops.push(() => relay.stop())
  const directory = createMemoryDirectory()
  let live: readonly string[] = ['a', 'b']
  const watched = await openTestCollector({
    directory: {
      ...directory,
      learn: async (urls, origin) => {
        const entries = await directory.learn(urls, origin)
        // It goes when its share was given to it, and before anybody listens.
        setImmediate(() => {
          live = ['a']
        })
        return entries
      },
      all: () => new Promise((done) => setTimeout(() => done(directory.all()), 20)),
    },
    members: { self: 'a', live: () => live, onChange: () => () => undefined },
    seeds: relays.map(({ url }) => url),
  })
  stops.push(() => watched.stop())
  await eventually(() => watched.collector.stats().connected === relays.length)
})
