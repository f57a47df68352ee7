import { expect, test } from 'vitest'
import { createMemoryBus, openBus } from '../../platform/bus/index.ts'
import { eventually, granted, isRedisInstalled, startTestRedis } from '../../platform/bus/testing/index.ts'
import { SharedSwitches } from './switches.ts'
import { useAuthenticator } from './used-authenticators.ts'

const OFF = { isInMaintenance: false, unlimitedAddresses: new Set(), maxConnections: 0 }

test('with nothing switched, nothing holds', async () => {
  const switches = new SharedSwitches(createMemoryBus())
  await switches.read()
  expect(switches.current).toEqual(OFF)
})

test('what one process switches, the other finds by itself', async () => {
  const bus = createMemoryBus()
  const [here, there] = [
    new SharedSwitches(bus, { intervalMs: 20 }),
    new SharedSwitches(bus, { intervalMs: 20 }),
  ]
  await Promise.all([here.start(), there.start()])
  await granted(here.setMaintenance(true))
  await granted(here.setMaxConnections(500))
  await granted(here.setUnlimited('192.0.2.1', true))
  await granted(here.setUnlimited('2001:db8::1', true))
  const expected = {
    isInMaintenance: true,
    unlimitedAddresses: new Set(['192.0.2.1', '2001:db8::1']),
    maxConnections: 500,
  }
  expect(here.current).toEqual(expected)
  await eventually(() => there.current.unlimitedAddresses.size === 2)
  expect(there.current).toEqual(expected)
  await granted(here.setMaintenance(false))
  await granted(here.setMaxConnections(0))
  await granted(here.setUnlimited('192.0.2.1', false))
  await granted(here.setUnlimited('2001:db8::1', false))
  await eventually(() => there.current.unlimitedAddresses.size === 0)
  expect(there.current).toEqual(OFF)
  here.stop()
  there.stop()
})

test.each([
  ['1', true],
  ['true', true],
  ['since noon', true],
  ['0', false],
  ['False', false],
  ['', false],
])('maintenance written by hand as "%s" means %s', async (text, isInMaintenance) => {
  const bus = createMemoryBus()
  await granted(bus.set('maintenance', text))
  const switches = new SharedSwitches(bus)
  await switches.read()
  expect(switches.current.isInMaintenance).toBe(isInMaintenance)
})

test('a maximum that is no number changes nothing', async () => {
  const bus = createMemoryBus()
  const switches = new SharedSwitches(bus)
  await granted(switches.setMaxConnections(10))
  for (const text of ['many', '-1', '1.5']) {
    await granted(bus.set('max_allowed_connections', text))
    await switches.read()
    expect(switches.current.maxConnections).toBe(10)
  }
})

test.skipIf(!isRedisInstalled)('while Redis is away, what was last known holds', async () => {
  const redis = await startTestRedis()
  const bus = await openBus({ url: redis.url, prefix: '', name: 'test' })
  const switches = new SharedSwitches(bus, { intervalMs: 20 })
  await switches.start()
  await granted(switches.setMaintenance(true))
  await redis.kill()
  await eventually(() => switches.failures > 0)
  expect(switches.current.isInMaintenance).toBe(true)
  expect(await switches.setMaintenance(false)).toMatchObject({ ok: false, refusal: { code: 'BUS_DOWN' } })
  expect(switches.current.isInMaintenance).toBe(true)
  await redis.start()
  // The one that came back has forgotten it.
  await eventually(() => !switches.current.isInMaintenance)
  switches.stop()
  await bus.close()
  await redis.dispose()
})

test('an event of kind 22242 is good for one authentication, on whichever process', async () => {
  const bus = createMemoryBus()
  const use = (connectionId: string, eventId = 'e1') =>
    granted(useAuthenticator(bus, { eventId, connectionId, ttlMs: 60_000 }))
  expect(await use('c1')).toBe(true)
  expect(await use('c2')).toBe(false)
  expect(await use('c2', 'e2')).toBe(true)
  expect(await granted(bus.get('events22242:e1'))).toBe('c1')
})
