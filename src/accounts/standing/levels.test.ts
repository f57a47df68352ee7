import { afterEach, beforeEach, expect, test } from 'vitest'
import { createMemoryBus } from '../../platform/bus/index.ts'
import { eventually } from '../../platform/bus/testing/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { testKey } from '../testing/test-key.ts'
import { CLI, granted, NOW_SECONDS, testPeople } from '../testing/test-people.ts'

let database: Database
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.close())

const { publicKey: pubkey } = testKey()
const untilSeconds = NOW_SECONDS + 100

test('a subscriber gets level 3 with its end, a member who subscribes without one', async () => {
  const { subscriptions, membership, told } = testPeople(database)
  granted(await subscriptions.set({ pubkey, untilSeconds }, CLI))
  expect(told).toEqual([{ do: 'set-level', pubkey, level: 3, expiresAtSeconds: untilSeconds }])
  granted(await membership.addMembers([pubkey], CLI))
  expect(told.at(-1)).toEqual({ do: 'set-level', pubkey, level: 3 })
})

test('a member whose subscription ends is a member again, and nobody loses the level before its end', async () => {
  const { subscriptions, membership, levels, clock, told } = testPeople(database)
  granted(await membership.addMembers([pubkey], CLI))
  granted(await subscriptions.set({ pubkey, untilSeconds }, CLI))
  clock.advanceSeconds(99)
  await levels.refresh()
  expect(told.at(-1)).toEqual({ do: 'set-level', pubkey, level: 3 })
  clock.advanceSeconds(1)
  await levels.refresh()
  expect(told.at(-1)).toEqual({ do: 'set-level', pubkey, level: 2 })
  expect(await subscriptions.list()).toEqual([])
})

test('trust counts above all, and what is below it comes back when it goes', async () => {
  const { subscriptions, trusted, told } = testPeople(database)
  granted(await trusted.add({ pubkey, reason: 'writes well' }, CLI))
  granted(await subscriptions.set({ pubkey, untilSeconds }, CLI))
  expect(told).toEqual([{ do: 'set-level', pubkey, level: 4 }])
  expect(await trusted.list()).toMatchObject([{ pubkey, reason: 'writes well', addedBy: 'cli' }])
  granted(await trusted.remove(pubkey, CLI))
  expect(told.at(-1)).toMatchObject({ level: 3 })
  expect(await trusted.remove(pubkey, CLI)).toMatchObject({ ok: false })
})

test('all levels are there for a start, and what was told is not told again', async () => {
  const before = testPeople(database)
  granted(await before.membership.addMembers([pubkey], CLI))
  const { currentLevels, levels, told } = testPeople(database)
  expect(await currentLevels()).toEqual([{ do: 'set-level', pubkey, level: 2 }])
  await levels.refresh()
  expect(told).toEqual([])
})

test('what the relay could not be told is told by the next look', async () => {
  let isDown = true
  const heard: unknown[] = []
  const onLevels = async (changes: readonly unknown[]) => {
    if (isDown) throw new Error('no relay')
    heard.push(...changes)
  }
  const { membership, levels } = testPeople(database, { deps: { onLevels } })
  granted(await membership.addMembers([pubkey], CLI))
  isDown = false
  await levels.refresh()
  expect(heard).toEqual([{ do: 'set-level', pubkey, level: 2 }])
})

test('a slow relay is told in the order of what happened', async () => {
  const heard: string[] = []
  const telling = Promise.withResolvers<void>()
  const slow = Promise.withResolvers<void>()
  const onLevels = async (changes: readonly { readonly do: string }[]) => {
    telling.resolve()
    await slow.promise
    heard.push(...changes.map((change) => change.do))
  }
  const { membership } = testPeople(database, { deps: { onLevels } })
  const adding = membership.addMembers([pubkey], CLI)
  await telling.promise
  const removing = membership.removeMembers([pubkey], CLI)
  await eventually(async () => (await membership.countMembers()) === 0)
  slow.resolve()
  await Promise.all([adding, removing])
  expect(heard).toEqual(['set-level', 'unset-level'])
})

test('what one process changes, another one tells its relay', async () => {
  const bus = createMemoryBus()
  const [here, there] = [testPeople(database, { bus }), testPeople(database, { bus })]
  await there.start()
  granted(await here.membership.addMembers([pubkey], CLI))
  await eventually(() => there.told.length > 0)
  expect(there.told).toEqual([{ do: 'set-level', pubkey, level: 2 }])
  await there.stop()
})

test('time that is bought twice adds up, and with the same key it counts once', async () => {
  const { subscriptions, clock } = testPeople(database)
  const extend = (key: string, seconds: number) =>
    database.db.transaction().execute((tx) => subscriptions.extend(tx, { pubkey, seconds, key }))
  await extend('payment-1', 100)
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => extend('payment-2', 50)))
  expect(new Set(outcomes.map((outcome) => outcome.untilSeconds))).toEqual(new Set([NOW_SECONDS + 150]))
  clock.advanceSeconds(1000)
  expect(await extend('payment-3', 10)).toEqual({ pubkey, untilSeconds: NOW_SECONDS + 1010 })
})

test('an extension is there exactly when what it follows is', async () => {
  const { subscriptions } = testPeople(database)
  const rolledBack = database.db.transaction().execute(async (tx) => {
    await subscriptions.extend(tx, { pubkey, seconds: 100, key: 'payment-1' })
    throw new Error('the payment failed')
  })
  await expect(rolledBack).rejects.toThrow('the payment failed')
  expect(await subscriptions.of(pubkey)).toBeUndefined()
})
