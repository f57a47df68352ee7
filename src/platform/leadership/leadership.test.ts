import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { accepted } from '../../kernel/index.ts'
import { createMemoryBus } from '../bus/index.ts'
import type { Database } from '../database/index.ts'
import { testDatabase } from '../database/testing/index.ts'
import { type Duties, holdsTerm, LeaderLine, type Leadership, leadAtOnce, startLeadership } from './index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const PATIENCE = { timeout: 30_000, interval: 10 }
const logger = pino({ level: 'silent' })

let database: Database
const started: Leadership[] = []

beforeEach(async () => {
  database = await testDatabase()
})
afterEach(async () => {
  await Promise.all(started.splice(0).map((leadership) => leadership.stop()))
  await database.close()
})

/** Who leads, and how often two did. */
function watched() {
  const leading = new Set<string>()
  let mostAtOnce = 0
  const terms: number[] = []
  const dutiesOf = (name: string): Duties => ({
    begin: async (term) => {
      leading.add(name)
      terms.push(term)
      mostAtOnce = Math.max(mostAtOnce, leading.size)
    },
    end: async () => void leading.delete(name),
  })
  return { leading, terms, dutiesOf, mostAtOnce: () => mostAtOnce }
}

function start(duties: Duties): Leadership {
  const databaseUrl = Promise.resolve(database.url)
  const leadership = startLeadership({
    databaseUrl,
    duty: 'services',
    duties,
    logger,
    retryMs: 20,
    pulseMs: 50,
  })
  started.push(leadership)
  return leadership
}

test('of many one leads at a time, and whoever stops is followed by another, in a later term', async () => {
  const { leading, terms, dutiesOf, mostAtOnce } = watched()
  const names = ['a', 'b', 'c', 'd']
  const all = new Map(names.map((name) => [name, start(dutiesOf(name))]))
  for (let round = 1; round <= names.length; round++) {
    await vi.waitFor(() => expect(terms).toHaveLength(round), PATIENCE)
    const [leader = ''] = leading
    expect(all.get(leader)?.health()).toMatchObject({ status: 'ok', is: 'leading', term: terms.at(-1) })
    await all.get(leader)?.stop()
    all.delete(leader)
  }
  expect(mostAtOnce()).toBe(1)
  expect(terms).toEqual([1, 2, 3, 4])
})

test('whose connection is lost stops, and what it still writes in the name of its term is not to be written', async () => {
  const { terms, dutiesOf } = watched()
  const ends: string[] = []
  start({
    ...dutiesOf('a'),
    end: async () => void ends.push('a'),
  })
  await vi.waitFor(() => expect(terms).toEqual([1]), PATIENCE)
  expect(await database.db.transaction().execute((tx) => holdsTerm(tx, { term: 1, duty: 'services' }))).toBe(
    true,
  )
  await loseConnections()
  await vi.waitFor(() => expect(terms).toEqual([1, 2]), PATIENCE)
  expect(ends).toEqual(['a'])
  expect(await database.db.transaction().execute((tx) => holdsTerm(tx, { term: 1, duty: 'services' }))).toBe(
    false,
  )
  expect(await database.db.transaction().execute((tx) => holdsTerm(tx, { term: 2, duty: 'services' }))).toBe(
    true,
  )
})

test('duties that cannot be begun are left to another process', async () => {
  const { leading, dutiesOf } = watched()
  let tries = 0
  start({
    begin: async () => {
      tries += 1
      throw new Error('no disk here')
    },
    end: async () => {},
  })
  await vi.waitFor(() => expect(tries).toBe(1), PATIENCE)
  start(dutiesOf('b'))
  await vi.waitFor(() => expect([...leading]).toEqual(['b']), PATIENCE)
})

test('without a database nobody leads, and it can be stopped', async () => {
  const { leading, dutiesOf } = watched()
  const databaseUrl = Promise.resolve('postgres://nobody@127.0.0.1:9/nothing')
  const leadership = startLeadership({
    databaseUrl,
    duty: 'services',
    duties: dutiesOf('a'),
    logger,
    retryMs: 10,
  })
  await vi.waitFor(
    () => expect(leadership.health()).toEqual({ status: 'degraded', is: 'unreachable' }),
    PATIENCE,
  )
  await leadership.stop()
  expect(leading.size).toBe(0)
})

test('a process that is alone leads at once', async () => {
  const { leading, dutiesOf } = watched()
  const leadership = await leadAtOnce('services', dutiesOf('a'), logger)
  expect([...leading]).toEqual(['a'])
  await leadership.stop()
  expect(leading.size).toBe(0)
})

test('what is asked of the leader is answered by it, whoever asks, and by nobody when nobody leads', async () => {
  const bus = createMemoryBus()
  const [leader, other, third] = [
    new LeaderLine(bus, logger),
    new LeaderLine(bus, logger),
    new LeaderLine(bus, logger),
  ]
  expect(await other.ask({ do: 'list' }, { timeoutMs: 20 })).toMatchObject({
    ok: false,
    refusal: { code: 'UNAVAILABLE' },
  })
  const stop = leader.answer(async (what) => accepted({ asked: what }))
  const answers = await Promise.all([other.ask('from other'), third.ask('from third')])
  expect(answers).toEqual([accepted({ asked: 'from other' }), accepted({ asked: 'from third' })])
  stop()
  expect(await third.ask('again', { timeoutMs: 20 })).toMatchObject({ ok: false })
  const failing = leader.answer(() => Promise.reject(new Error('a secret of the inside')))
  expect(await third.ask('and again')).toMatchObject({ ok: false, refusal: { code: 'UNAVAILABLE' } })
  failing()
})

test('a question that the bus has held back until nobody waits any more is not acted on', async () => {
  const bus = createMemoryBus()
  const held: (() => void)[] = []
  const slow = {
    publish: (channel: string, payload: Uint8Array) => void held.push(() => bus.publish(channel, payload)),
    subscribe: bus.subscribe.bind(bus),
  }
  const [leader, other] = [new LeaderLine(bus, logger), new LeaderLine(slow, logger)]
  const done: unknown[] = []
  leader.answer(async (what) => {
    done.push(what)
    return accepted({})
  })
  const late = other.ask('too late', { timeoutMs: 20 })
  expect(await late).toMatchObject({ ok: false })
  // The timer and the clock may differ by a millisecond.
  await delay(5)
  const early = other.ask('in time', { timeoutMs: 5_000 })
  for (const publish of held) publish()
  expect(await early).toMatchObject({ ok: true })
  expect(done).toEqual(['in time'])
})

/** As when the server restarts. */
async function loseConnections(): Promise<void> {
  await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'stoa leadership' AND datname = current_database()`.execute(database.db)
}
