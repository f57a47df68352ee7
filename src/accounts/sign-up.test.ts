import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import { granted, testPeople } from './testing/test-people.ts'

let database: Database
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

const password = 'correct horse battery'

test('an account is there when its mail was confirmed, and not before', async () => {
  const { accounts, tokenFor } = testPeople(database)
  const credentials = { email: ' Ann@Example.org ', password, from: '192.0.2.1' }
  expect(await accounts.signUp(credentials)).toEqual({ ok: true, value: undefined })
  await accounts.settled()
  expect(await accounts.signIn(credentials)).toMatchObject({
    ok: false,
    refusal: { code: 'SIGN_IN_REFUSED' },
  })
  expect(await accounts.confirmEmail(tokenFor('ann@example.org'))).toMatchObject({ ok: true })
  expect(await accounts.signIn(credentials)).toMatchObject({ ok: true })
})

test('a link confirms once, and not after its time', async () => {
  const { accounts, tokenFor, clock } = testPeople(database)
  await accounts.signUp({ email: 'bob@example.org', password, from: '192.0.2.1' })
  await accounts.settled()
  const token = tokenFor('bob@example.org')
  clock.advanceSeconds(24 * 3600)
  expect(await accounts.confirmEmail(token)).toMatchObject({ ok: false, refusal: { code: 'TOKEN_INVALID' } })
  await accounts.signUp({ email: 'bob@example.org', password, from: '192.0.2.1' })
  await accounts.settled()
  const outcomes = await Promise.all(
    Array.from({ length: 5 }, () => accounts.confirmEmail(tokenFor('bob@example.org'))),
  )
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
})

test('the answer to a sign-up is the same for an address that has an account; the mail is not', async () => {
  const { accounts, mails, tokenFor } = testPeople(database)
  const credentials = { email: 'carol@example.org', password, from: '192.0.2.1' }
  const first = await accounts.signUp(credentials)
  await accounts.settled()
  granted(await accounts.confirmEmail(tokenFor('carol@example.org')))
  expect(await accounts.signUp({ ...credentials, password: 'another password' })).toEqual(first)
  await accounts.settled()
  expect(mails.at(-1)?.subject).toBe('You have an account')
  expect(await accounts.signIn(credentials)).toMatchObject({ ok: true })
})

test('who signs up the address of somebody else has no password to what its owner makes of it', async () => {
  const { accounts, tokenFor } = testPeople(database)
  const email = 'victim@example.org'
  await accounts.signUp({ email, password: 'of the stranger', from: '192.0.2.66' })
  await accounts.settled()
  const tokenOfStranger = tokenFor(email)
  await accounts.signUp({ email, password: 'of the owner', from: '192.0.2.1' })
  await accounts.settled()
  granted(await accounts.confirmEmail(tokenFor(email)))
  expect(await accounts.confirmEmail(tokenOfStranger)).toMatchObject({ ok: false })
  const from = '192.0.2.66'
  expect(await accounts.signIn({ email, password: 'of the stranger', from })).toMatchObject({ ok: false })
  expect(await accounts.signIn({ email, password: 'of the owner', from })).toMatchObject({ ok: true })
})

test('closed is closed', async () => {
  const { accounts, mails } = testPeople(database, { settings: { signUp: 'closed' } })
  const credentials = { email: 'dave@example.org', password, from: '192.0.2.1' }
  expect(await accounts.signUp(credentials)).toMatchObject({ ok: false, refusal: { code: 'SIGN_UP_CLOSED' } })
  await accounts.settled()
  expect(mails).toEqual([])
})

test.each([
  ['no address', { email: 'nobody', password }],
  ['a second header', { email: 'a@example.org\r\nBcc: b@example.org', password }],
  ['two addresses', { email: 'a@example.org,b@example.org', password }],
  ['a short password', { email: 'a@example.org', password: 'short' }],
  ['an endless password', { email: 'a@example.org', password: 'x'.repeat(201) }],
])('%s is refused', async (_, credentials) => {
  const { accounts } = testPeople(database)
  const outcome = await accounts.signUp({ ...credentials, from: '192.0.2.1' })
  expect(outcome).toMatchObject({ ok: false, refusal: { code: 'INVALID' } })
})

test('nobody has a mailbox flooded: the fourth mail waits, from wherever it is asked', async () => {
  const { accounts, mails } = testPeople(database)
  const email = 'flooded@example.org'
  for (const from of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) {
    expect(await accounts.signUp({ email, password, from })).toMatchObject({ ok: true })
  }
  const fourth = await accounts.signUp({ email, password, from: '192.0.2.4' })
  expect(fourth).toMatchObject({ ok: false, refusal: { code: 'RATE_LIMITED', retryAfterSeconds: 1200 } })
  await accounts.settled()
  expect(mails).toHaveLength(3)
})
