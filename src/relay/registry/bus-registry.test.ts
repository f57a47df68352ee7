import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Bus, createMemoryBus, openBus } from '../../platform/bus/index.ts'
import {
  eventually,
  granted,
  isRedisInstalled,
  startTestRedis,
  type TestRedis,
} from '../../platform/bus/testing/index.ts'
import { BusRegistry } from './bus-registry.ts'
import { describeRegistryContract } from './contract.ts'
import type { CloseRequest } from './registry.ts'
import { RegistryFeed } from './registry-feed.ts'
import { listAll, registeredConnection } from './testing/index.ts'

/** Time enough for whatever a test does, so that no lease runs out by accident. */
const LONG_MS = 60_000
const SHORT_MS = 300

describeRegistryContract('the registry over a bus in memory', async () => {
  const bus = createMemoryBus()
  const registry = new BusRegistry(bus, { processId: 'one', leaseMs: LONG_MS })
  return {
    registry,
    dispose: async () => {
      await registry.leave()
      await bus.close()
    },
  }
})

describe.skipIf(!isRedisInstalled)('over Redis', () => {
  let redis: TestRedis
  let count = 0
  beforeAll(async () => {
    redis = await startTestRedis()
  })
  afterAll(() => redis.dispose())

  const freshPrefix = () => `test ${count++}:`
  const open = (prefix: string) => openBus({ url: redis.url, prefix, name: 'test' })

  /** A process: its connection to Redis, its registry and its feed. */
  async function startProcess(prefix: string, processId: string, leaseMs = LONG_MS) {
    const bus = await open(prefix)
    const registry = new BusRegistry(bus, { processId, leaseMs })
    let connections = [registeredConnection({ id: `${processId}-1`, processId })]
    const feed = new RegistryFeed({ registry, snapshot: () => connections })
    await feed.writeNow()
    return {
      bus,
      registry,
      feed,
      connect: (...ids: readonly string[]) => {
        connections = ids.map((id) => registeredConnection({ id, processId }))
      },
      stop: async () => {
        await feed.stop()
        await bus.close()
      },
    }
  }

  describeRegistryContract('the registry over Redis', async () => {
    const bus = await open(freshPrefix())
    const registry = new BusRegistry(bus, { processId: 'one', leaseMs: LONG_MS })
    return {
      registry,
      dispose: async () => {
        await registry.leave()
        await bus.close()
      },
    }
  })

  test('a connection stands under the key names of a Saltivka relay', async () => {
    const prefix = freshPrefix()
    const bus = await open(prefix)
    const registry = new BusRegistry(bus, { processId: 'one', leaseMs: LONG_MS })
    const key = 'f'.repeat(64)
    const subscriptions = [{ id: 'sub', filtersJson: '[{"kinds":[1]}]' }]
    const facts = { pubkeys: [key], level: 2, subscriptions, requests: 3, bytesIn: 4, bytesOut: 5 }
    await granted(registry.put([registeredConnection({ id: 'c1', ...facts, authenticatorIds: ['e'] })]))
    const hashes = {
      subscriptions: ['c1:sub', '[{"kinds":[1]}]'],
      authentications: ['c1', key],
      authorizations: ['c1', '2'],
      requests: ['c1', '3'],
      traffic: ['c1', '4'],
      outgoing_traffic: ['c1', '5'],
      connections_ips: ['c1', '192.0.2.1'],
      connections_starts: ['c1', '1700000000.123'],
      connections_authenticators: ['c1', 'e'],
    } as const
    for (const [name, [field, value]] of Object.entries(hashes)) {
      expect(await granted(bus.hashAll(name)), name).toEqual(new Map([[field, value]]))
    }
    expect(await granted(bus.setMembers('connections'))).toEqual(['c1'])
    expect(await granted(bus.setMembers('client_reqs:c1'))).toEqual(['sub'])
    await registry.leave()
    await bus.close()
    expect(await keysLeft(redis, prefix)).toEqual([])
  })

  test('every process sees the connections of all, and closes them wherever they are', async () => {
    const prefix = freshPrefix()
    const [one, two] = await Promise.all([startProcess(prefix, 'one'), startProcess(prefix, 'two')])
    expect((await listAll(one.registry)).map(({ id }) => id)).toEqual(['one-1', 'two-1'])
    expect((await granted(two.registry.find('one-1')))?.processId).toBe('one')
    expect(await granted(two.registry.size())).toBe(2)
    one.connect('one-1', 'one-2', 'one-3')
    await one.feed.writeNow()
    expect(await granted(two.registry.sizeOfOthers())).toBe(3)
    expect(await granted(one.registry.sizeOfOthers())).toBe(1)

    const [heardByOne, heardByTwo] = [[] as CloseRequest[], [] as CloseRequest[]]
    one.registry.onClose((request) => heardByOne.push(request))
    two.registry.onClose((request) => heardByTwo.push(request))
    const request = { connectionId: 'two-1', code: 3502, reason: 'closed by the operator' }
    await eventually(async () => {
      await granted(one.bus.setSize('connections'))
      expect(await one.registry.close(request)).toMatchObject({ ok: true })
      return heardByTwo.length > 0
    })
    expect(heardByTwo[0]).toEqual(request)
    expect(heardByOne).toEqual([])
    await Promise.all([one.stop(), two.stop()])
    expect(await keysLeft(redis, prefix)).toEqual([])
  })

  test('when a process dies its connections vanish with its lease, with everything about them', async () => {
    const prefix = freshPrefix()
    const [living, dying] = [
      await startProcess(prefix, 'living'),
      await startProcess(prefix, 'dying', SHORT_MS),
    ]
    const subscriptions = [{ id: 'sub', filtersJson: '[{}]' }]
    const many = Array.from({ length: 600 }, (_, n) =>
      registeredConnection({ id: `dying-${n}`, processId: 'dying', subscriptions }),
    )
    await granted(dying.registry.put(many))
    expect(await granted(living.registry.size())).toBe(601)
    // As if killed: it says nothing more, and takes nothing back.
    await dying.bus.close()
    // Before anybody has swept, they are not shown any more.
    await eventually(async () => (await granted(living.registry.size())) === 1)
    expect(await granted(living.registry.sizeOfOthers())).toBe(0)
    expect((await listAll(living.registry)).map(({ id }) => id)).toEqual(['living-1'])
    expect(await granted(living.registry.find('dying-1'))).toBeUndefined()
    // And the next round of any process leaves no trace of them.
    await living.feed.writeNow()
    expect(living.registry.counters).toEqual({ swept: 600, losses: 0 })
    await living.stop()
    expect(await keysLeft(redis, prefix)).toEqual([])
  })

  test('a process that was held for dead by mistake is there again after its next round', async () => {
    const prefix = freshPrefix()
    const [one, paused] = [await startProcess(prefix, 'one'), await startProcess(prefix, 'paused')]
    paused.connect('paused-1', 'paused-2')
    await paused.feed.writeNow()
    // Its lease is gone, as after a long pause, and another process sweeps it.
    await granted(one.bus.delete('connections_leases:paused'))
    await one.feed.writeNow()
    expect((await listAll(one.registry)).map(({ id }) => id)).toEqual(['one-1'])
    await paused.feed.writeNow()
    expect((await listAll(one.registry)).map(({ id }) => id)).toEqual(['one-1', 'paused-1', 'paused-2'])
    expect(paused.feed.counters.losses).toBe(1)
    await Promise.all([one.stop(), paused.stop()])
    expect(await keysLeft(redis, prefix)).toEqual([])
  })

  test('a round in which nothing was lost writes only what has changed', async () => {
    const one = await startProcess(freshPrefix(), 'one')
    one.connect('one-1', 'one-2')
    await one.feed.writeNow()
    await one.feed.writeNow()
    one.connect('one-2')
    await one.feed.writeNow()
    expect(one.feed.counters).toMatchObject({
      rounds: 4,
      put: 2,
      touched: 0,
      removed: 1,
      refusedRounds: 0,
      losses: 0,
    })
    await one.stop()
  })

  test('after Redis was killed and came back empty, everything is there again, what changed meanwhile too', async () => {
    const own = await startTestRedis()
    const bus = await openBus({ url: own.url, prefix: '', name: 'test' })
    const registry = new BusRegistry(bus, { processId: 'one', leaseMs: LONG_MS })
    let connections = ['a', 'b'].map((id) => registeredConnection({ id }))
    const refusals: string[] = []
    const feed = new RegistryFeed({
      registry,
      snapshot: () => connections,
      onRefused: ({ code }) => refusals.push(code),
    })
    await feed.writeNow()
    await own.kill()
    await eventually(() => bus.status().state === 'degraded')
    connections = ['b', 'c'].map((id) => registeredConnection({ id }))
    await feed.writeNow()
    await feed.writeNow()
    // Said once, whether the connection was lost before the question or under it.
    expect(refusals).toHaveLength(1)
    expect(await registry.close({ connectionId: 'b', code: 3502, reason: '' })).toMatchObject({
      ok: false,
      refusal: { code: expect.stringMatching(/^BUS_(DOWN|FAILED)$/) },
    })
    await own.start()
    await eventually(() => bus.status().state === 'ok')
    await feed.writeNow()
    expect((await listAll(registry)).map(({ id }) => id)).toEqual(['b', 'c'])
    expect(await granted(registry.keepUp())).toBe('kept')
    await feed.stop()
    await bus.close()
    await own.dispose()
  })

  test('writing that breaks off at any point is made good by the next rounds', async () => {
    const prefix = freshPrefix()
    const bus = await open(prefix)
    const readerBus = await open(prefix)
    const reader = new BusRegistry(readerBus, { processId: 'reader', leaseMs: LONG_MS })
    for (const [failing, isMade] of Array.from({ length: 24 }, (_, n) => [n >> 1, n % 2 === 0] as const)) {
      const broken = failingAt(bus, failing, isMade)
      const registry = new BusRegistry(broken, { processId: `p${failing}`, leaseMs: LONG_MS })
      const facts = (id: string, level: number) =>
        registeredConnection({
          id,
          level,
          processId: `p${failing}`,
          subscriptions: [{ id: `s${level}`, filtersJson: '[]' }],
        })
      let connections = [facts('a', 1), facts('b', 1)]
      const feed = new RegistryFeed({ registry, snapshot: () => connections })
      await feed.writeNow()
      connections = [facts('b', 2), facts('c', 2)]
      await feed.writeNow()
      connections = [facts('c', 3)]
      for (let round = 0; round < 4; round++) await feed.writeNow()
      expect(await listAll(reader), `write ${failing} failed, made: ${isMade}`).toEqual(connections)
      expect(await granted(bus.hashAll('subscriptions'))).toEqual(new Map([['c:s3', '[]']]))
      expect(feed.counters.refusedRounds).toBe(1)
      await feed.stop()
    }
    await reader.leave()
    await Promise.all([bus.close(), readerBus.close()])
  })
})

/**
 * The same bus, whose `number`-th write is answered by a refusal.
 *
 * @param isMade it is made all the same: as when the connection breaks behind it.
 */
function failingAt(bus: Bus, number: number, isMade: boolean): Bus {
  let writes = 0
  return new Proxy(bus, {
    get: (target, name) => {
      if (name !== 'apply') {
        const member: unknown = Reflect.get(target, name)
        return typeof member === 'function' ? member.bind(target) : member
      }
      const apply: Bus['apply'] = async (changes) => {
        const isBroken = writes++ === number
        const outcome = isBroken && !isMade ? undefined : await target.apply(changes)
        if (outcome !== undefined && !isBroken) return outcome
        return { ok: false, refusal: { code: 'BUS_DOWN', text: 'it broke' } }
      }
      return apply
    },
  })
}

/** What is left in Redis under a prefix. */
async function keysLeft(redis: TestRedis, prefix: string): Promise<readonly string[]> {
  const { Redis } = await import('ioredis')
  const client = new Redis(redis.url)
  const left = await client.keys(`${prefix}*`)
  await client.quit()
  return left
}
