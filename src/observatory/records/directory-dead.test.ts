/** What the directory does with addresses that strangers invent. */
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { migrateWithData, testDatabase } from '../../platform/database/testing/index.ts'
import { ObservationBatch } from '../observation-batch.ts'
import { relayReport } from '../statistics/testing/index.ts'
import { type Db, tableDirectory } from './index.ts'
import { KnownRelays } from './known-relays.ts'
import { insertRelays } from './table-directory.ts'
import { plainEngines } from './testing/index.ts'

let database: Database
let db: Db
beforeEach(async () => {
  database = await testDatabase()
  db = database.db
})
afterEach(() => database.close())

const names = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => `wss://${name}${index}.example.org`)
const [DEAD = '', OTHER = ''] = names('relay', 2)
const urlsOf = async (directory: ReturnType<typeof tableDirectory>) =>
  (await directory.all()).map(({ url }) => url)

interface Trial {
  readonly failures?: number
  /** How long ago it was learnt, and tried last. */
  readonly learntDays?: number
  readonly triedDays?: number
  readonly isProven?: boolean
}

/** As the table is after so many tries. */
async function tried(
  urls: readonly string[],
  { failures = 8, learntDays = 8, triedDays = 1, isProven = false }: Trial = {},
): Promise<void> {
  await sql`UPDATE relays SET failures = ${failures}, state = 'waiting', reason = 'ECONNREFUSED',
      learnt_at = now() - make_interval(days => ${learntDays}::integer),
      reported_at = now() - make_interval(days => ${triedDays}::integer),
      proven_at = CASE WHEN ${isProven}::boolean THEN now() END
    WHERE url = ANY(${urls}::text[])`.execute(db)
}

/** As addRelay of relay-choices.ts does with what is not there. */
const byOperator = (url: string) =>
  db.transaction().execute((tx) => insertRelays(tx, [url], { origin: 'operator', maxRelays: 2_000 }))

test.each<readonly [string, Trial, boolean]>([
  ['tried eight times in vain over more than a week is given up', {}, true],
  ['tried seven times is not', { failures: 7 }, false],
  ['learnt six days ago is not, however often it was tried', { learntDays: 6, failures: 100 }, false],
  ['that has answered once never is', { isProven: true, failures: 100, learntDays: 400 }, false],
])('a relay %s', async (_, trial, isDead) => {
  const directory = tableDirectory(db, { maxRelays: 100 })
  await directory.learn([DEAD, OTHER], 'monitor')
  await tried([DEAD], trial)
  expect(await urlsOf(directory)).toEqual(isDead ? [OTHER] : [DEAD, OTHER])
  expect((await directory.learn([DEAD], 'monitor')).length).toBe(isDead ? 0 : 1)
})

test('what is given up makes room, keeps its number, and our own relay and refused ones are never given up', async () => {
  const directory = tableDirectory(db, { maxRelays: 4 })
  const [own = '', refused = ''] = names('mine', 2)
  await directory.learn([own], 'own')
  await directory.learn([refused, DEAD, OTHER], 'monitor')
  await sql`UPDATE relays SET refused_at = now(), refused_by = 'cli', refused_why = '' WHERE url = ${refused}`.execute(
    db,
  )
  expect(await directory.learn(['wss://late.example.org'], 'seed')).toEqual([])
  await tried([own, refused, DEAD])
  expect(await urlsOf(directory)).toEqual([own, refused, OTHER])
  expect(await directory.learn(['wss://late.example.org'], 'seed')).toMatchObject([{ relay: 5 }])
  expect((await sql`SELECT FROM relays WHERE url = ${DEAD} AND id = 3`.execute(db)).rows).toHaveLength(1)
})

test('a relay that was given up is tried anew when an operator adds it, and when others name it a month later', async () => {
  const directory = tableDirectory(db, { maxRelays: 100 })
  await directory.learn([DEAD, OTHER], 'monitor')
  await tried([DEAD, OTHER], { learntDays: 40, triedDays: 29 })
  expect(await directory.learn([DEAD, OTHER], 'relay-list')).toEqual([])
  await byOperator(OTHER)
  await tried([DEAD], { learntDays: 40, triedDays: 31 })
  expect(await directory.learn([DEAD], 'relay-list')).toMatchObject([
    { relay: 1, failures: 0, nextTrySeconds: 0, isProven: false },
  ])
  expect(await urlsOf(directory)).toEqual([DEAD, OTHER])
  const { rows } = await sql`SELECT origin, state FROM relays ORDER BY id`.execute(db)
  expect(rows).toEqual([
    { origin: 'relay-list', state: 'candidate' },
    { origin: 'operator', state: 'candidate' },
  ])
})

test('of each sort of strangers a tenth of the bound is learnt in a day; seeds and operators are not held up', async () => {
  const directory = tableDirectory(db, { maxRelays: 2_000 })
  expect(await directory.learn(names('flood', 1_000), 'monitor')).toHaveLength(200)
  expect(await directory.learn(names('more', 1_000), 'monitor')).toEqual([])
  expect(await directory.learn(names('list', 1_000), 'relay-list')).toHaveLength(200)
  expect(await directory.learn(names('named', 1_000), 'information')).toHaveLength(200)
  expect(await directory.learn(names('seed', 1_000), 'seed')).toHaveLength(1_000)
  await byOperator('wss://chosen.example.org')
  expect(await directory.learn(['wss://chosen.example.org'], 'monitor')).toHaveLength(1)
  await sql`UPDATE relays SET learnt_at = now() - interval '25 hours'`.execute(db)
  expect(await directory.learn(names('more', 1_000), 'monitor')).toHaveLength(200)
})

test('a flood that goes on for months leaves room for what is new, and the table within its bound', async () => {
  const maxRelays = 20
  const directory = tableDirectory(db, { maxRelays })
  await directory.learn(names('good', 5), 'seed')
  await sql`UPDATE relays SET proven_at = now()`.execute(db)
  for (let week = 0; week < 12; week++) {
    await directory.learn(names(`week${week}-`, 30), 'monitor')
    await tried(names(`week${week}-`, 30))
    // The weeks go by for all that is there.
    await sql`UPDATE relays SET learnt_at = learnt_at - interval '7 days', reported_at = reported_at - interval '7 days'`.execute(
      db,
    )
    const { rows } = await sql<{ count: number }>`SELECT count(*)::integer AS count FROM relays`.execute(db)
    expect(rows[0]?.count).toBeLessThanOrEqual(5 * maxRelays)
  }
  expect(await directory.learn(['wss://new.example.org'], 'relay-list')).toHaveLength(1)
  expect((await urlsOf(directory)).slice(0, 5)).toEqual(names('good', 5))
})

test('only what nothing refers to is removed for room', async () => {
  const directory = tableDirectory(db, { maxRelays: 1 })
  for (const url of names('old', 5)) {
    await directory.learn([url], 'seed')
    await tried([url], { learntDays: 60, triedDays: 50 })
  }
  await sql`INSERT INTO relay_logs (relay, hour, what, level, count, last_at) VALUES (1, now(), 'silent', 'warn', 1, now())`.execute(
    db,
  )
  await sql`INSERT INTO relay_region_states (relay, region, state) VALUES (1, '', 'waiting'), (2, '', 'waiting')`.execute(
    db,
  )
  expect(await directory.learn(['wss://new.example.org'], 'seed')).toMatchObject([{ relay: 6 }])
  const { rows } = await sql<{ id: number }>`SELECT id FROM relays ORDER BY id`.execute(db)
  expect(rows.map(({ id }) => id)).toEqual([1, 3, 4, 5, 6])
  const states = await sql<{ relay: number }>`SELECT relay FROM relay_region_states`.execute(db)
  expect(states.rows).toEqual([{ relay: 1 }])
})

test('the engine is not told of what was given up, unless a delivery is about it', async () => {
  const directory = tableDirectory(db, { maxRelays: 100 })
  await directory.learn([DEAD, OTHER], 'monitor')
  await tried([DEAD])
  const known = new KnownRelays(db, plainEngines.create())
  await known.look()
  expect([known.count, known.has(1), known.has(2)]).toEqual([1, false, true])
  const report = relayReport({ state: 'waiting', isProven: false, failures: 9 })
  const nothing = new ObservationBatch()
  expect(known.knowsAllOf(nothing, [report])).toBe(false)
  await known.look()
  expect(known.knowsAllOf(nothing, [report])).toBe(true)
  expect(known.knowsAllOf(nothing, [{ ...report, relay: 77 }])).toBe(false)
  await known.look()
  expect(known.knowsAllOf(nothing, [{ ...report, relay: 77 }])).toBe(false)
  expect(known.knowsAllOf(nothing, [report])).toBe(true)
})

test('relays of the version before were learnt when they were first seen, and keep their origin', async () => {
  await migrateWithData(
    {
      upTo: 17,
      insert: `INSERT INTO relays (url, origin, first_seen) VALUES ('wss://a.example', 'monitor', '2025-01-02T00:00:00Z')`,
    },
    async (client) => {
      const { rows } = await client.query(`SELECT origin, learnt_at = first_seen AS same FROM relays`)
      expect(rows).toEqual([{ origin: 'monitor', same: true }])
      await client.query(`INSERT INTO relays (url, origin) VALUES ('wss://b.example', 'information')`)
    },
  )
})
