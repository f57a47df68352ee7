import { afterEach, expect, test } from 'vitest'
import { eventually } from '../../platform/bus/testing/index.ts'
import { createMemoryDirectory, openTestCollector, startMisbehavingRelay } from './testing/index.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function openOn(directory: ReturnType<typeof createMemoryDirectory>, seeds: readonly string[]) {
  const watched = await openTestCollector({ directory, seeds })
  stops.push(() => watched.stop())
  return watched
}

async function startRelay() {
  const relay = await startMisbehavingRelay({})
  stops.push(() => relay.stop())
  return relay
}

test('a relay that an operator refuses is left at once, is not connected to any more, and is again when it is allowed', async () => {
  const relay = await startRelay()
  const directory = createMemoryDirectory()
  const watched = await openOn(directory, [relay.url])
  await eventually(() => watched.stateOf(relay.url) === 'live')
  directory.refuse(relay.url, true)
  watched.collector.look()
  await eventually(() => watched.stateOf(relay.url) === 'refused')
  expect(watched.collector.stats()).toMatchObject({ connected: 0, refused: 1 })
  await eventually(() => watched.reports.at(-1)?.state === 'refused')
  expect(watched.reports.at(-1)?.reason).toBe('the operator refuses it')
  // However often it looks: refused is refused.
  watched.collector.look()
  directory.refuse(relay.url, false)
  watched.collector.look()
  await eventually(() => watched.stateOf(relay.url) === 'live')
})

test('a relay that was refused before the start is never asked anything', async () => {
  const [bad, good] = [await startRelay(), await startRelay()]
  const directory = createMemoryDirectory()
  await directory.learn([bad.url], 'operator')
  directory.refuse(bad.url, true)
  const watched = await openOn(directory, [bad.url, good.url])
  await eventually(() => watched.stateOf(good.url) === 'live')
  expect(watched.stateOf(bad.url)).toBe('refused')
  expect(bad.connections).toBe(0)
})
