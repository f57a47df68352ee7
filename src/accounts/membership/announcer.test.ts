import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isProtected, joinRequest, KINDS, leaveRequest, type NostrEvent } from '../../nostr/index.ts'
import { eventually } from '../../platform/bus/testing/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { testKey } from '../testing/test-key.ts'
import {
  CLI,
  granted,
  NOW_SECONDS,
  type TestPeople,
  type TestRelay,
  testPeople,
  testRelay,
} from '../testing/test-people.ts'

let database: Database
let people: TestPeople | undefined
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(async () => {
  await people?.stop()
  await database.close()
})

async function listedIn(relay: TestRelay): Promise<readonly (readonly string[])[]> {
  const lists = await relay.find({ kinds: [KINDS.MEMBERSHIP_LIST] })
  expect(lists.length).toBeLessThanOrEqual(1)
  return (lists[0]?.tags ?? []).filter(([name]) => name === 'member').map(([, ...rest]) => rest)
}

const kindsOf = (events: readonly NostrEvent[]) => events.map(({ kind }) => kind)
const rolesIn = async (relay: TestRelay) => {
  const events = await relay.find({ kinds: [KINDS.ROLE_DEFINITION] })
  return events.map(({ tags }) => tags.find(([name]) => name === 'd')?.[1] ?? '').toSorted()
}

test('who joins and who leaves is published by itself and in the list, signed by the relay and protected', async () => {
  people = testPeople(database)
  const { membership, relay } = people
  const key = testKey()
  granted(await membership.createInvite({ code: 'welcome!', maxUses: 1 }, CLI))
  await membership.answer(await key.sign(joinRequest('welcome!', NOW_SECONDS)))
  await membership.flush()
  expect(await listedIn(relay)).toEqual([[key.publicKey]])
  await membership.answer(await key.sign(leaveRequest(NOW_SECONDS)))
  await membership.flush()
  expect(await listedIn(relay)).toEqual([])
  const { published } = relay
  expect(kindsOf(published)).toEqual([8000, 13534, 8001, 13534])
  expect(published.filter((event) => !isProtected(event))).toEqual([])
  expect(published.filter(({ pubkey }) => pubkey !== relay.key.publicKey)).toEqual([])
})

test('without anybody asking, a change is published soon', async () => {
  people = testPeople(database)
  await people.start()
  const { publicKey } = testKey()
  granted(await people.membership.addMembers([publicKey], CLI))
  const { relay } = people
  await eventually(async () => (await listedIn(relay)).length === 1)
})

test('many changes at once make one list', async () => {
  people = testPeople(database)
  const { membership, relay } = people
  const keys = Array.from({ length: 50 }, () => testKey().publicKey)
  for (const pubkey of keys.slice(0, 10)) granted(await membership.addMembers([pubkey], CLI))
  granted(await membership.addMembers(keys.slice(10), CLI))
  await membership.flush()
  expect(kindsOf(relay.published).filter((kind) => kind === 13534)).toHaveLength(1)
  expect(kindsOf(relay.published).filter((kind) => kind === 8000)).toHaveLength(50)
  expect((await listedIn(relay)).flat().toSorted()).toEqual(keys.toSorted())
})

test('where who came and went is not announced, the list is all that is published', async () => {
  people = testPeople(database, { settings: { announceMembers: false } })
  const { membership, relay } = people
  const { publicKey } = testKey()
  granted(await membership.addMembers([publicKey], CLI))
  granted(await membership.removeMembers([publicKey], CLI))
  granted(await membership.addMembers([publicKey], CLI))
  await membership.flush()
  expect(kindsOf(relay.published)).toEqual([13534])
})

test('a list that replaces one of the same second is the one that stays', async () => {
  people = testPeople(database)
  const { membership, relay } = people
  const keys = Array.from({ length: 8 }, () => testKey().publicKey)
  for (const [index, pubkey] of keys.entries()) {
    granted(await membership.addMembers([pubkey], CLI))
    await membership.flush()
    expect(await listedIn(relay)).toHaveLength(index + 1)
  }
})

test('roles are defined, changed, taken back and defined again, all within a second', async () => {
  people = testPeople(database)
  const { membership, relay } = people
  const { publicKey } = testKey()
  granted(await membership.addMembers([publicKey], CLI))
  for (const label of ['King', 'Queen']) {
    granted(await membership.putRole({ id: 'r1', label }, CLI))
    await membership.flush()
    const [definition] = await relay.find({ kinds: [KINDS.ROLE_DEFINITION] })
    expect(definition?.tags).toEqual([['-'], ['d', 'r1'], ['label', label]])
  }
  granted(await membership.assignRole({ pubkey: publicKey, roleId: 'r1' }, CLI))
  await membership.flush()
  expect(await listedIn(relay)).toEqual([[publicKey, 'r1']])
  granted(await membership.removeRole('r1', CLI))
  await membership.flush()
  expect(await listedIn(relay)).toEqual([[publicKey]])
  expect(await rolesIn(relay)).toEqual([])
  granted(await membership.putRole({ id: 'r1' }, CLI))
  await membership.flush()
  expect(await rolesIn(relay)).toEqual(['r1'])
})

test('what the store of the relay lost, or has too much, is made good at the next start', async () => {
  const relay = testRelay()
  const before = testPeople(database, { relay })
  granted(await before.membership.putRole({ id: 'kept' }, CLI))
  granted(await before.membership.addMembers([testKey().publicKey], CLI))
  await before.membership.flush()
  const otherStore = testRelay(relay.key)
  const stale = await otherStore.key.sign({
    kind: 33534,
    created_at: 1,
    tags: [['-'], ['d', 'stale']],
    content: '',
  })
  await otherStore.publish(stale)
  people = testPeople(database, { relay: otherStore })
  await people.membership.start()
  await people.membership.flush()
  expect(await listedIn(otherStore)).toHaveLength(1)
  expect(await rolesIn(otherStore)).toEqual(['kept'])
})

test('a start publishes nothing when nothing differs', async () => {
  const relay = testRelay()
  const before = testPeople(database, { relay })
  granted(await before.membership.putRole({ id: 'r1', label: 'One' }, CLI))
  granted(await before.membership.addMembers([testKey().publicKey, testKey().publicKey], CLI))
  await before.membership.flush()
  const count = relay.published.length
  people = testPeople(database, { relay })
  await people.membership.start()
  await people.membership.flush()
  expect(relay.published).toHaveLength(count)
})

test('a relay that never had a member says nothing of it', async () => {
  people = testPeople(database)
  await people.membership.start()
  await people.membership.flush()
  expect(people.relay.published).toEqual([])
})

test('what the relay refuses is kept, and published when it takes it', async () => {
  const relay = testRelay()
  let isDown = true
  const publish: TestRelay['publish'] = async (event) =>
    isDown ? { isAccepted: false, text: 'error: disk full' } : relay.publish(event)
  people = testPeople(database, { relay: { ...relay, publish } })
  granted(await people.membership.addMembers([testKey().publicKey], CLI))
  await expect(people.membership.flush()).rejects.toMatchObject({ code: 'ACCOUNTS_ANNOUNCEMENT_REFUSED' })
  isDown = false
  await people.membership.flush()
  expect(kindsOf(relay.published)).toEqual([8000, 13534])
})

test('once started, it tries again by itself what the relay refused', async () => {
  const relay = testRelay()
  let refusals = 1
  const publish: TestRelay['publish'] = async (event) => {
    refusals -= 1
    return refusals >= 0 ? { isAccepted: false, text: 'error: disk full' } : relay.publish(event)
  }
  people = testPeople(database, { relay: { ...relay, publish } })
  granted(await people.membership.addMembers([testKey().publicKey], CLI))
  await people.membership.start()
  await eventually(async () => (await listedIn(relay)).length === 1)
})

test('what changes while a round is under way is published soon, too', async () => {
  const relay = testRelay()
  const underWay = Promise.withResolvers<void>()
  const slow = Promise.withResolvers<void>()
  const publish: TestRelay['publish'] = async (event) => {
    underWay.resolve()
    await slow.promise
    return relay.publish(event)
  }
  people = testPeople(database, { relay: { ...relay, publish } })
  granted(await people.membership.addMembers([testKey().publicKey], CLI))
  await people.membership.start()
  await underWay.promise
  granted(await people.membership.addMembers([testKey().publicKey], CLI))
  // Long enough for its timer to have rung in the middle of the round.
  await delay(20)
  slow.resolve()
  await eventually(async () => (await listedIn(relay)).length === 2)
  await eventually(async () => (await relay.find({ kinds: [KINDS.MEMBER_ADDED] })).length === 2)
})

test('two processes that publish at once leave the list of all', async () => {
  const relay = testRelay()
  people = testPeople(database, { relay })
  const other = testPeople(database, { relay, clock: people.clock })
  const keys = Array.from({ length: 20 }, () => testKey().publicKey)
  await Promise.all(
    keys.map(async (pubkey, index) => {
      const { membership } = index % 2 === 0 ? other : people!
      granted(await membership.addMembers([pubkey], CLI))
      await membership.flush()
    }),
  )
  expect((await listedIn(relay)).flat().toSorted()).toEqual(keys.toSorted())
})
