import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MAX_HELD_BYTES, MAX_HELD_MESSAGES } from '../bus.ts'
import { describeBusContract } from '../contract.ts'
import { LeasedHash } from '../leased-hash.ts'
import { openBus } from '../open-bus.ts'
import { eventually, granted, isRedisInstalled, startTestRedis, type TestRedis } from '../testing/index.ts'
import { RedisBus } from './redis-bus.ts'

describe.skipIf(!isRedisInstalled)('a Redis that works', () => {
  let redis: TestRedis
  let count = 0
  beforeAll(async () => {
    redis = await startTestRedis()
  })
  afterAll(() => redis.dispose())

  // A prefix for each claim keeps them apart, and proves that it stands before every key and channel.
  describeBusContract('the Redis bus', async () => {
    const options = { url: redis.url, prefix: `claim ${count++}:`, name: 'test' }
    const [one, other] = await Promise.all([openBus(options), openBus(options)])
    return { one, other, dispose: async () => void (await Promise.all([one.close(), other.close()])) }
  })

  test('keys and channels are exactly prefix and name', async () => {
    const bare = await openBus({ url: redis.url, prefix: '', name: 'test' })
    const prefixed = await openBus({ url: redis.url, prefix: 'stoa:', name: 'test' })
    const heard: string[] = []
    await bare.subscribe('stoa:news', (payload) => heard.push(payload.toString())).ready
    prefixed.publish('news', Buffer.from('rain'))
    await granted(prefixed.set('a', '1'))
    expect(await granted(bare.get('stoa:a'))).toBe('1')
    await eventually(() => heard.length === 1)
    await Promise.all([bare.close(), prefixed.close()])
  })

  test('what Redis uses of its memory is told', async () => {
    const bus = await openBus({ url: redis.url, prefix: 'memory:', name: 'test' })
    const before = await granted(bus.memory?.() ?? Promise.reject(new Error('it cannot be asked')))
    await granted(bus.set('big', 'x'.repeat(4_000_000)))
    const after = await granted(bus.memory?.() ?? Promise.reject(new Error('it cannot be asked')))
    expect(after.usedBytes - before.usedBytes).toBeGreaterThan(3_000_000)
    await bus.close()
  })

  test('a page of ten thousand commands at once is answered in full', async () => {
    const bus = await openBus({ url: redis.url, prefix: 'many:', name: 'test' })
    const results = await Promise.all(Array.from({ length: 10_001 }, () => bus.increment('hits', 1)))
    expect(results.filter(({ ok }) => ok)).toHaveLength(10_000)
    expect(results.at(-1)).toMatchObject({ ok: false, refusal: { code: 'BUS_BUSY' } })
    await bus.close()
  })
})

describe.skipIf(!isRedisInstalled)('a Redis that comes and goes', () => {
  /** A server of its own and a member of it, since these tests break it. */
  async function fresh() {
    const redis = await startTestRedis()
    const open = () => openBus({ url: redis.url, prefix: '', name: 'test' })
    return { redis, open, bus: await open() }
  }

  test('while it is away, operations are refused at once, tokens come from a local bucket, and nothing throws', async () => {
    const { redis, bus } = await fresh()
    await redis.kill()
    await eventually(() => bus.status().state === 'degraded')
    const rate = { perSecond: 0.001, burst: 2 }
    const answers = [
      await bus.takeToken('a', rate),
      await bus.takeToken('a', rate),
      await bus.takeToken('a', rate),
    ]
    expect(answers.map(({ isAllowed, from }) => [isAllowed, from])).toEqual([
      [true, 'local'],
      [true, 'local'],
      [false, 'local'],
    ])
    for (const asked of [bus.get('a'), bus.set('a', '1'), bus.setMembers('a'), bus.renew('a', 1)]) {
      // By a connection that is gone, or that goes under the question.
      const code: unknown = expect.stringMatching(/^BUS_(DOWN|FAILED)$/)
      expect(await asked).toMatchObject({ ok: false, refusal: { code } })
    }
    bus.publish('news', Buffer.from('nobody hears'))
    // First the connection that was cut is said, then that none can be made.
    await eventually(() => bus.status().lastError?.includes('ECONNREFUSED') === true)
    expect(bus.status()).toMatchObject({
      state: 'degraded',
      counters: { held: 1, dropped: 0, localTokens: 3 },
    })
    await bus.close()
    expect(bus.status().counters).toMatchObject({ held: 0, dropped: 1 })
    await redis.dispose()
  })

  test('after it is back, subscriptions hear again, and what was held arrives in order', async () => {
    const { redis, bus, open } = await fresh()
    const other = await open()
    const heard: string[] = []
    await other.subscribe('news', (payload) => heard.push(payload.toString())).ready
    let recoveries = 0
    other.onRecovered(() => recoveries++)
    await redis.kill()
    await eventually(() => bus.status().state === 'degraded' && other.status().state === 'degraded')
    // One that is entered meanwhile, and one that is left.
    const entered: string[] = []
    const entering = other.subscribe('sports', (payload) => entered.push(payload.toString()))
    for (let n = 0; n < 100; n++) bus.publish('news', Buffer.from(`${n}`))
    await redis.start()
    await entering.ready
    await eventually(() => heard.length === 100)
    expect(heard).toEqual(Array.from({ length: 100 }, (_, n) => `${n}`))
    bus.publish('sports', Buffer.from('goal'))
    await eventually(() => entered.length === 1)
    expect(recoveries).toBe(1)
    expect(bus.status()).toMatchObject({ state: 'ok', counters: { held: 0, dropped: 0, recoveries: 1 } })
    await Promise.all([bus.close(), other.close()])
    await redis.dispose()
  })

  test('what is held is bounded in number and in bytes, and what gives way is counted', async () => {
    const { redis, bus } = await fresh()
    await redis.kill()
    await eventually(() => bus.status().state === 'degraded')
    for (let n = 0; n < MAX_HELD_MESSAGES + 5; n++) bus.publish('news', Buffer.from('x'))
    expect(bus.status().counters).toMatchObject({ held: MAX_HELD_MESSAGES, dropped: 5 })
    bus.publish('news', Buffer.alloc(MAX_HELD_BYTES))
    expect(bus.status().counters).toMatchObject({ held: 1, dropped: MAX_HELD_MESSAGES + 5 })
    bus.publish('news', Buffer.alloc(MAX_HELD_BYTES + 1))
    expect(bus.status().counters).toMatchObject({ held: 0, dropped: MAX_HELD_MESSAGES + 7 })
    await bus.close()
    await redis.dispose()
  })

  test('leases are taken again when it is back, though it has forgotten everything', async () => {
    const { redis, bus, open } = await fresh()
    const lease = new LeasedHash(bus, 'leases', { owner: 'a', ttlMs: 60_000 })
    await granted(lease.set('x', '1'))
    await redis.kill()
    await eventually(() => bus.status().state === 'degraded')
    // Changed while nobody can be told.
    expect(await lease.set('x', '2')).toMatchObject({ ok: false })
    expect(await lease.set('y', '3')).toMatchObject({ ok: false })
    await redis.start()
    const other = await open()
    const seen = new LeasedHash(other, 'leases', { owner: 'b', ttlMs: 60_000 })
    await eventually(async () => {
      const entries = await seen.entries()
      return entries.ok && entries.value.length === 2
    })
    expect((await granted(seen.entries())).map(({ field, value }) => [field, value])).toEqual([
      ['x', '2'],
      ['y', '3'],
    ])
    await Promise.all([lease.close(), seen.close()])
    await Promise.all([bus.close(), other.close()])
    await redis.dispose()
  })

  test('one that is there but does not answer is noticed, refused, and found again', async () => {
    const { redis, bus } = await fresh()
    const heard: string[] = []
    await bus.subscribe('news', (payload) => heard.push(payload.toString())).ready
    redis.freeze()
    expect(await bus.get('a')).toMatchObject({ ok: false })
    await eventually(() => bus.status().state === 'degraded')
    expect(await bus.get('a')).toMatchObject({ ok: false, refusal: { code: 'BUS_DOWN' } })
    redis.thaw()
    await eventually(() => bus.status().state === 'ok')
    bus.publish('news', Buffer.from('back'))
    await eventually(() => heard.includes('back'))
    await bus.close()
    await redis.dispose()
  })

  test('a start without it goes on degraded, and works once it is there', async () => {
    const { redis, bus: first, open } = await fresh()
    await first.close()
    await redis.kill()
    const bus = await open()
    expect(bus.status().state).toBe('degraded')
    const heard: string[] = []
    const subscription = bus.subscribe('news', (payload) => heard.push(payload.toString()))
    bus.publish('news', Buffer.from('early'))
    await redis.start()
    await subscription.ready
    await eventually(() => heard.length === 1)
    await granted(bus.set('a', '1'))
    await bus.close()
    await redis.dispose()
  })

  test('it is served with the right password, and with a wrong one refused without showing it', async () => {
    const redis = await startTestRedis({ password: 'correct-horse' })
    const bus = new RedisBus({ url: redis.url, prefix: '', name: 'test' })
    await bus.firstReady
    await granted(bus.set('a', '1'))
    const wrong = new RedisBus({
      url: redis.url.replace('correct-horse', 'battery-staple'),
      prefix: '',
      name: 'test',
    })
    await eventually(() => wrong.status().lastError !== undefined)
    expect(await wrong.get('a')).toMatchObject({ ok: false, refusal: { code: 'BUS_DOWN' } })
    expect(wrong.status().lastError).toContain('WRONGPASS')
    expect(JSON.stringify(wrong.status())).not.toContain('battery-staple')
    await Promise.all([bus.close(), wrong.close()])
    await redis.dispose()
  })
})
