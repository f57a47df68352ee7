import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createAuditLog } from '../../audit/index.ts'
import { systemClock } from '../../kernel/index.ts'
import { createMemoryBus, openBus } from '../../platform/bus/index.ts'
import { eventually, isRedisInstalled, startTestRedis } from '../../platform/bus/testing/index.ts'
import { type Database, openDatabase } from '../../platform/database/index.ts'
import { startTestServer, testDatabase } from '../../platform/database/testing/index.ts'
import { EMPTY_ACCESS_LISTS, loadAccessLists, saveAccessLists } from '../../relay/index.ts'
import { crashChild, createRig, newAuthor, type Rig, TEST_SETTINGS } from '../testing/index.ts'

const ALICE = 'a1'.repeat(32)
const BOB = 'b0'.repeat(32)
const CLI = { by: { actor: 'cli', role: 'cli' } }
const BAN_ALICE = { do: 'ban-pubkey', pubkey: ALICE, reason: 'spam' } as const

let database: Database
let rig: Rig
const ready = { database: () => database }

beforeEach(async () => {
  database = await testDatabase()
  rig = createRig()
})
afterEach(async () => {
  await rig.close()
  await database.close()
})

describe('a decision', () => {
  test('is in the database, in the audit log, in the file and with the relay when the answer comes', async () => {
    const { moderation, relayLists } = await rig.start(ready)
    expect(await moderation.change([BAN_ALICE], CLI)).toEqual({ ok: true, value: { changed: 1 } })
    const entries = await moderation.entries('banned-pubkey')
    expect(entries).toMatchObject({ ok: true, value: [{ subject: ALICE, reason: 'spam', addedBy: 'cli' }] })
    expect(await auditOf(database)).toMatchObject([
      {
        actor: 'cli',
        action: 'relay.pubkey_banned',
        subject: ALICE,
        before: {},
        after: { 'banned-pubkey': { reason: 'spam' } },
      },
    ])
    const lists = { ...EMPTY_ACCESS_LISTS, bannedPubkeys: { [ALICE]: 'spam' } }
    expect(await loadAccessLists(rig.accessFile)).toEqual(lists)
    expect(relayLists()).toEqual(lists)
    expect(moderation.lists()).toEqual(lists)
  })

  test('that changes nothing is no entry of the audit log and no new version', async () => {
    const { moderation, orders } = await rig.start(ready)
    await moderation.change([BAN_ALICE], CLI)
    expect(await moderation.change([BAN_ALICE], CLI)).toEqual({ ok: true, value: { changed: 0 } })
    expect(await auditOf(database)).toHaveLength(1)
    expect(await moderation.status()).toMatchObject({ version: 1 })
    expect(orders).toHaveLength(1)
  })

  test('says what stood there before', async () => {
    const { moderation } = await rig.start(ready)
    await moderation.change([BAN_ALICE], CLI)
    await moderation.change([{ do: 'allow-pubkey', pubkey: ALICE, reason: 'a friend' }], CLI)
    expect((await auditOf(database))[0]).toMatchObject({
      action: 'relay.pubkey_allowed',
      before: { 'banned-pubkey': { reason: 'spam' } },
      after: { 'allowed-pubkey': { reason: 'a friend' } },
    })
  })

  test('without a database is refused, and nobody is told', async () => {
    const { moderation, orders } = await rig.start()
    expect(await moderation.change([BAN_ALICE], CLI)).toMatchObject({ refusal: { code: 'UNAVAILABLE' } })
    expect(orders).toEqual([])
  })

  test('is refused while the database is down, and made when it is back', async () => {
    const server = await startTestServer()
    const own = await openDatabase({
      url: server.url(),
      dataDir: '',
      logger: pino({ level: 'silent' }),
      poolSize: 4,
      statementTimeoutMs: 10_000,
      connectTimeoutMs: 5_000,
    })
    try {
      const { moderation, orders } = await rig.start({ database: () => own })
      await moderation.refresh()
      await server.kill()
      expect(await moderation.change([BAN_ALICE], CLI)).toMatchObject({ refusal: { code: 'UNAVAILABLE' } })
      expect(await moderation.held.hold(await newAuthor().write(), '')).toMatchObject({ isAccepted: false })
      expect(orders).toEqual([])
      await server.start()
      expect(await moderation.change([BAN_ALICE], CLI)).toEqual({ ok: true, value: { changed: 1 } })
    } finally {
      await rig.close()
      await own.close()
      await server.close()
    }
  })

  test('is made wholly or not at all', async () => {
    const { moderation, orders } = await rig.start({
      ...ready,
      settings: { ...TEST_SETTINGS, maxEntries: 1 },
    })
    const both = [BAN_ALICE, { ...BAN_ALICE, pubkey: BOB }]
    expect(await moderation.change(both, CLI)).toMatchObject({ refusal: { code: 'LIMIT_REACHED' } })
    const malformed = await moderation.change([BAN_ALICE, { do: 'block-ip', ip: 'nowhere', reason: '' }], CLI)
    expect(malformed).toMatchObject({ refusal: { code: 'INVALID' } })
    expect(orders).toEqual([])
    expect(await moderation.entries('banned-pubkey')).toEqual({ ok: true, value: [] })
  })

  test('about the relay itself is kept as well', async () => {
    const { moderation } = await rig.start(ready)
    await moderation.change(
      [
        { do: 'set-maintenance', maintenance: true },
        { do: 'set-max-connections', maxConnections: 7 },
        { do: 'set-information', name: 'Agora' },
        { do: 'unlimit-ip', ip: '10.0.0.0/8' },
      ],
      CLI,
    )
    const again = await rig.start(ready)
    await again.moderation.refresh()
    expect(again.relayLists()).toEqual({
      ...EMPTY_ACCESS_LISTS,
      maintenance: true,
      maxConnections: 7,
      information: { name: 'Agora' },
      unlimitedIps: ['10.0.0.0/8'],
    })
  })
})

describe('banning', () => {
  test('an event takes it out of the store and keeps its id', async () => {
    const { moderation, store } = await rig.start(ready)
    const event = await newAuthor().write()
    await store.put([Buffer.from(JSON.stringify(event))], rig.clock.nowSeconds())
    await moderation.change([{ do: 'ban-event', id: event.id, reason: '' }], CLI)
    expect(await store.has(event.id)).toBe(false)
    expect(moderation.lists().bannedEvents).toEqual({ [event.id]: '' })
  })

  test('an event that was on its way removes it in a later round, and an unbanned one stays', async () => {
    const { moderation, store } = await rig.start(ready)
    const event = await newAuthor().write()
    const put = () => store.put([Buffer.from(JSON.stringify(event))], rig.clock.nowSeconds())
    await moderation.change([{ do: 'ban-event', id: event.id, reason: '' }], CLI)
    await put()
    await moderation.refresh()
    expect(await store.has(event.id)).toBe(false)
    await moderation.change([{ do: 'unban-event', id: event.id }], CLI)
    await put()
    await moderation.refresh()
    expect(await store.has(event.id)).toBe(true)
  })

  test('a key removes what it has stored only when that is asked for', async () => {
    const { moderation, store } = await rig.start(ready)
    const [kept, purged] = [newAuthor(), newAuthor()]
    const events = [
      await kept.write(),
      ...(await Promise.all([purged.write(), purged.write(), purged.write()])),
    ]
    await store.put(
      events.map((event) => Buffer.from(JSON.stringify(event))),
      rig.clock.nowSeconds(),
    )
    await moderation.change([{ do: 'ban-pubkey', pubkey: kept.pubkey, reason: '' }], CLI)
    await moderation.change([{ do: 'ban-pubkey', pubkey: purged.pubkey, reason: '' }], {
      ...CLI,
      purge: true,
    })
    await moderation.refresh()
    expect(events.map(({ id }) => store.has(id))).toEqual([true, false, false, false])
  })

  test('forgets what it had to remove after a while', async () => {
    const { moderation } = await rig.start(ready)
    await moderation.change([{ do: 'ban-event', id: ALICE, reason: '' }], CLI)
    rig.clock.advanceSeconds(600)
    await moderation.refresh()
    expect(await database.db.selectFrom('moderation_removals').selectAll().execute()).toEqual([])
  })
})

describe('a start', () => {
  const saved = { ...EMPTY_ACCESS_LISTS, bannedPubkeys: { [ALICE]: 'from the file' } }

  test('has the file first, and takes over from the database when that comes up', async () => {
    const before = await rig.start(ready)
    await before.moderation.change([BAN_ALICE], CLI)
    await before.stop()
    // As a process that was down while another one went on.
    await saveAccessLists(rig.accessFile, saved)
    let current: Database | undefined
    const { moderation, relayLists } = await rig.start({ database: () => current })
    await moderation.refresh()
    expect(relayLists()).toEqual(saved)
    current = database
    await moderation.refresh()
    expect(relayLists().bannedPubkeys).toEqual({ [ALICE]: 'spam' })
    expect(await loadAccessLists(rig.accessFile)).toEqual(relayLists())
  })

  test('with file and database of one mind tells the relay nothing', async () => {
    const before = await rig.start(ready)
    await before.moderation.change(
      [BAN_ALICE, { do: 'allow-kind', kind: 7 }, { do: 'allow-kind', kind: 1 }],
      CLI,
    )
    await before.stop()
    const { moderation, orders } = await rig.start(ready)
    await moderation.refresh()
    expect(orders).toEqual([])
  })

  test('with a database that was made anew decides once more what the file says', async () => {
    await saveAccessLists(rig.accessFile, { ...saved, maintenance: true, levels: { [BOB]: { level: 4 } } })
    const { moderation, relayLists } = await rig.start(ready)
    await moderation.refresh()
    expect(moderation.lists()).toEqual(relayLists())
    // Nobody knows whether the level was set by hand.
    expect(relayLists()).toEqual({ ...saved, maintenance: true })
    expect((await auditOf(database)).map(({ actor }) => actor)).toEqual(['moderation', 'moderation'])
  })

  test.each(['', '{"version":1,"lis'])(
    'with a file of %j is closed until the database says who is banned',
    async (text) => {
      const before = await rig.start(ready)
      await before.moderation.change([BAN_ALICE], CLI)
      await before.stop()
      writeFileSync(rig.accessFile, text)
      const { moderation, relayLists } = await rig.start({ database: () => undefined })
      expect(relayLists()).toEqual({ ...EMPTY_ACCESS_LISTS, maintenance: true })
      await moderation.stop()
      const next = await rig.start(ready)
      await next.moderation.refresh()
      expect(next.relayLists().maintenance).toBe(false)
      expect(next.relayLists().bannedPubkeys).toEqual({ [ALICE]: 'spam' })
      expect(await loadAccessLists(rig.accessFile)).toEqual(next.relayLists())
      expect(readFileSync(`${rig.accessFile}.damaged`, 'utf8')).toBe(text)
    },
  )

  test('with a damaged file and an empty database stays closed until somebody decides', async () => {
    writeFileSync(rig.accessFile, 'x')
    const { moderation, relayLists } = await rig.start(ready)
    await moderation.refresh()
    expect(relayLists().maintenance).toBe(true)
    await moderation.change([BAN_ALICE], CLI)
    expect(relayLists()).toEqual({ ...EMPTY_ACCESS_LISTS, bannedPubkeys: { [ALICE]: 'spam' } })
  })

  test('after a kill between the row and the file takes over what was committed', async () => {
    expect(await crashChild(database.url, rig.folder, 'ban', ALICE)).toBe('committed')
    expect(await loadAccessLists(rig.accessFile)).toEqual(EMPTY_ACCESS_LISTS)
    const { moderation, relayLists } = await rig.start(ready)
    await moderation.refresh()
    expect(relayLists().bannedPubkeys).toEqual({ [ALICE]: 'spam' })
    expect(await loadAccessLists(rig.accessFile)).toEqual(relayLists())
    expect(await auditOf(database)).toHaveLength(1)
  })
})

describe('two processes on one database', () => {
  const second = () => ({ accessFile: join(rig.folder, 'second.json') })

  test('tell each other over the bus', async () => {
    const bus = createMemoryBus()
    const one = await rig.start({ ...ready, bus })
    const two = await rig.start({ ...ready, ...second(), bus })
    await Promise.all([one.moderation.refresh(), two.moderation.refresh()])
    await one.moderation.change([BAN_ALICE], CLI)
    await eventually(() => two.relayLists().bannedPubkeys[ALICE] === 'spam')
    await two.moderation.change([{ do: 'unban-pubkey', pubkey: ALICE }], CLI)
    await eventually(() => one.relayLists().bannedPubkeys[ALICE] === undefined)
    await one.moderation.disconnect({ pubkey: BOB }, { ...CLI, text: 'bye' })
    await eventually(() => two.orders.some((order) => order.do === 'disconnect'))
  })

  test('that decide at the same time end with the same lists, whatever the bus loses', async () => {
    const one = await rig.start(ready)
    const two = await rig.start({ ...ready, ...second() })
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => {
        const pubkey = String(index % 10).repeat(64)
        const { moderation } = index % 2 === 0 ? one : two
        return moderation.change(
          [
            index < 12
              ? { do: 'ban-pubkey', pubkey, reason: `${index}` }
              : { do: 'allow-pubkey', pubkey, reason: '' },
          ],
          CLI,
        )
      }),
    )
    await Promise.all([one.moderation.refresh(), two.moderation.refresh()])
    await Promise.all([one.moderation.refresh(), two.moderation.refresh()])
    expect(one.relayLists()).toEqual(two.relayLists())
    expect(one.moderation.lists()).toEqual(one.relayLists())
    expect(await loadAccessLists(rig.accessFile)).toEqual(one.relayLists())
    expect(await moderationVersion()).toBe(20n)
  })

  test.runIf(isRedisInstalled)('tell each other over Redis', async () => {
    const redis = await startTestRedis()
    const connect = (name: string) => openBus({ url: redis.url, prefix: 'test:', name })
    const [first, other] = [await connect('one'), await connect('two')]
    try {
      const one = await rig.start({ ...ready, bus: first })
      const two = await rig.start({ ...ready, ...second(), bus: other })
      await Promise.all([one.moderation.refresh(), two.moderation.refresh()])
      await one.moderation.change([BAN_ALICE], CLI)
      await eventually(() => two.relayLists().bannedPubkeys[ALICE] === 'spam')
      expect(two.relayLists()).toEqual(one.relayLists())
    } finally {
      await first.close()
      await other.close()
      await redis.dispose()
    }
  })

  async function moderationVersion(): Promise<bigint> {
    const row = await database.db.selectFrom('moderation_state').select('version').executeTakeFirstOrThrow()
    return row.version
  }
})

describe('a level', () => {
  test('from elsewhere is told to the relay, and is no decision of the database', async () => {
    const levels: Record<string, { level: 2 | 3 }> = { [ALICE]: { level: 2 } }
    const { moderation, relayLists } = await rig.start({ ...ready, levels: async () => levels })
    await moderation.refresh()
    expect(relayLists().levels).toEqual({ [ALICE]: { level: 2 } })
    levels[BOB] = { level: 3 }
    await moderation.changeLevels([{ do: 'set-level', pubkey: BOB, level: 3 }])
    expect(relayLists().levels).toEqual({ [ALICE]: { level: 2 }, [BOB]: { level: 3 } })
    expect(moderation.lists().levels).toEqual({})
    expect(await moderation.entries('level')).toEqual({ ok: true, value: [] })
  })

  test('of the file is good until the part that gave it knows better, and is never taken for a decision', async () => {
    const before = await rig.start({ ...ready, levels: async () => ({ [ALICE]: { level: 2 } }) })
    await before.moderation.refresh()
    await before.stop()
    let known: Record<string, { level: 2 }> | undefined
    const { moderation, relayLists } = await rig.start({ ...ready, levels: async () => known })
    await moderation.refresh()
    expect(relayLists().levels).toEqual({ [ALICE]: { level: 2 } })
    await moderation.change([BAN_ALICE], CLI)
    known = { [BOB]: { level: 2 } }
    await moderation.refresh()
    expect(relayLists().levels).toEqual(known)
    expect(await moderation.entries('level')).toEqual({ ok: true, value: [] })
  })

  test('by hand stands before one from elsewhere, until it is taken back or ends', async () => {
    const { moderation, relayLists } = await rig.start({
      ...ready,
      levels: async () => ({ [ALICE]: { level: 2 }, [BOB]: { level: 2 } }),
    })
    const expiresAtSeconds = rig.clock.nowSeconds() + 60
    await moderation.change(
      [
        { do: 'set-level', pubkey: ALICE, level: 4 },
        { do: 'set-level', pubkey: BOB, level: 0, expiresAtSeconds },
      ],
      CLI,
    )
    expect(relayLists().levels).toEqual({ [ALICE]: { level: 4 }, [BOB]: { level: 0, expiresAtSeconds } })
    await moderation.change([{ do: 'unset-level', pubkey: ALICE }], CLI)
    rig.clock.advanceSeconds(61)
    await moderation.refresh()
    expect(relayLists().levels).toEqual({ [ALICE]: { level: 2 }, [BOB]: { level: 2 } })
  })
})

test('closing connections is written down, and refused when it cannot be', async () => {
  const offline = await rig.start()
  const kick = { ...CLI, text: 'too loud' }
  expect(await offline.moderation.disconnect({ address: '10.0.0.1' }, kick)).toMatchObject({ ok: false })
  const { moderation, orders } = await rig.start(ready)
  await moderation.refresh()
  expect(await moderation.disconnect({ address: '10.0.0.1' }, kick)).toEqual({
    ok: true,
    value: { closed: 1 },
  })
  expect(orders).toEqual([{ do: 'disconnect', whom: { address: '10.0.0.1' }, text: 'too loud' }])
  expect(await auditOf(database)).toMatchObject([{ action: 'relay.disconnected', subject: '10.0.0.1' }])
})

function auditOf({ db }: Database) {
  return createAuditLog({ db, clock: systemClock }).list()
}
