import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import { testKey } from './testing/test-key.ts'
import { CLI, granted, testPeople } from './testing/test-people.ts'

let database: Database
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

const { publicKey: pubkey } = testKey()

test('a name that was given is in the document, in whatever case it is asked for (Z-02)', async () => {
  const { names } = testPeople(database)
  granted(await names.set({ name: 'Ann', pubkey, relays: ['wss://relay.example'] }, CLI))
  const document = { names: { ann: pubkey }, relays: { [pubkey]: ['wss://relay.example'] } }
  expect(await names.document('ann')).toEqual(document)
  expect(await names.document('ANN')).toEqual(document)
})

test('a name that nobody has, or that is none, gives an empty document', async () => {
  const { names } = testPeople(database)
  for (const name of ['nobody', '', '__proto__', "'; DROP TABLE accounts; --", '\0']) {
    expect(await names.document(name)).toEqual({ names: {}, relays: {} })
  }
})

test('a name is given to somebody else by giving it again, and gone when it is removed', async () => {
  const { names } = testPeople(database)
  const { publicKey: other } = testKey()
  granted(await names.set({ name: 'shared', pubkey, relays: [] }, CLI))
  granted(await names.set({ name: 'shared', pubkey: other, relays: [] }, CLI))
  expect((await names.document('shared')).names).toEqual({ shared: other })
  granted(await names.remove('shared', CLI))
  expect((await names.document('shared')).names).toEqual({})
  expect(await names.remove('shared', CLI)).toMatchObject({ ok: false })
})

test.each([
  ['a name with a space', { name: 'ann b', relays: [] }],
  ['a relay that is none', { name: 'ann', relays: ['https://relay.example'] }],
])('%s is refused', async (_, person) => {
  const { names } = testPeople(database)
  expect(await names.set({ ...person, pubkey }, CLI)).toMatchObject({
    ok: false,
    refusal: { code: 'INVALID' },
  })
})
