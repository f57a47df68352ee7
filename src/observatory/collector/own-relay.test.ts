import { afterEach, test } from 'vitest'
import { eventually } from '../../platform/bus/testing/index.ts'
import { createMemoryDirectory, openTestCollector, startMisbehavingRelay } from './testing/index.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const NAMES = ['a', 'b', 'c', 'd']

test('each of several collectors reads the relay of its own process, which no other reaches', async () => {
  const directory = createMemoryDirectory()
  const relays = await Promise.all(NAMES.map(() => startMisbehavingRelay()))
  stops.push(async () => void (await Promise.all(relays.map((relay) => relay.stop()))))
  const collectors = await Promise.all(
    NAMES.map((self, n) =>
      openTestCollector({
        directory,
        own: relays[n]!.url,
        members: { self, live: () => NAMES, onChange: () => () => undefined },
        settings: { allowPrivate: false },
      }),
    ),
  )
  stops.push(async () => void (await Promise.all(collectors.map((collector) => collector.stop()))))
  await eventually(() => relays.every(({ openConnections }) => openConnections === 1))
})
