import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAuditLog } from '../audit/index.ts'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import { testKey } from './testing/test-key.ts'
import { CLI, granted, type TestPeople, testPeople } from './testing/test-people.ts'

let database: Database
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

const password = 'correct horse battery'
const from = '192.0.2.1'

async function accountOf(people: TestPeople, email: string): Promise<string> {
  granted(await people.accounts.signUp({ email, password, from }))
  await people.accounts.settled()
  return granted(await people.accounts.confirmEmail(people.tokenFor(email))).accountId
}

test('a wrong password and an unknown address are answered in the same words', async () => {
  const people = testPeople(database)
  await accountOf(people, 'ann@example.org')
  const wrong = await people.accounts.signIn({ email: 'ann@example.org', password: 'wrong one', from })
  const unknown = await people.accounts.signIn({ email: 'nobody@example.org', password, from })
  expect(wrong).toMatchObject({ ok: false, refusal: { code: 'SIGN_IN_REFUSED' } })
  expect(unknown).toEqual(wrong)
})

test('ten wrong passwords from one address are enough, and the owner elsewhere still gets in', async () => {
  const people = testPeople(database)
  const email = 'bob@example.org'
  await accountOf(people, email)
  const attempt = (word: string, address: string) =>
    people.accounts.signIn({ email, password: word, from: address })
  for (let tries = 0; tries < 10; tries += 1) await attempt('a wrong one', '192.0.2.66')
  expect(await attempt(password, '192.0.2.66')).toMatchObject({
    ok: false,
    refusal: { code: 'RATE_LIMITED' },
  })
  expect(await attempt(password, '192.0.2.2')).toMatchObject({ ok: true })
  people.clock.advanceSeconds(90)
  expect(await attempt(password, '192.0.2.66')).toMatchObject({ ok: true })
})

test('a new password ends all sessions, and makes other links void', async () => {
  const people = testPeople(database)
  const { accounts, tokenFor } = people
  const email = 'carol@example.org'
  await accountOf(people, email)
  const session = granted(await accounts.signIn({ email, password, from }))
  granted(await accounts.requestReset({ email, from }))
  await accounts.settled()
  const firstLink = tokenFor(email)
  granted(await accounts.requestReset({ email, from }))
  await accounts.settled()
  granted(await accounts.resetPassword({ token: tokenFor(email), password: 'quite another one' }))
  await accounts.settled()
  expect(people.mails.at(-1)?.subject).toBe('Your password was changed')
  expect(await accounts.refresh(session.refreshToken)).toMatchObject({ ok: false })
  expect(await accounts.checkAccessToken(session.accessToken)).toMatchObject({ ok: false })
  expect(await accounts.resetPassword({ token: firstLink, password: 'of a thief, perhaps' })).toMatchObject({
    ok: false,
  })
  expect(await accounts.signIn({ email, password, from })).toMatchObject({ ok: false })
  expect(await accounts.signIn({ email, password: 'quite another one', from })).toMatchObject({ ok: true })
})

test('asking for a new password says nothing of whether there is an account', async () => {
  const people = testPeople(database)
  await accountOf(people, 'dave@example.org')
  const known = await people.accounts.requestReset({ email: 'dave@example.org', from })
  const unknown = await people.accounts.requestReset({ email: 'stranger@example.org', from })
  await people.accounts.settled()
  expect(unknown).toEqual(known)
  expect(people.mails.map(({ to }) => to)).not.toContain('stranger@example.org')
})

test('a link to confirm sets no password, and a link for a password confirms nothing', async () => {
  const people = testPeople(database)
  const { accounts, tokenFor } = people
  await accountOf(people, 'eve@example.org')
  granted(await accounts.requestReset({ email: 'eve@example.org', from }))
  granted(await accounts.signUp({ email: 'new@example.org', password, from }))
  await accounts.settled()
  expect(await accounts.confirmEmail(tokenFor('eve@example.org'))).toMatchObject({ ok: false })
  const misused = { token: tokenFor('new@example.org'), password: 'quite another one' }
  expect(await accounts.resetPassword(misused)).toMatchObject({ ok: false })
})

test('a NIP-98 event signs in once, whoever repeats it and however often at once', async () => {
  const people = testPeople(database)
  const auth = await people.httpAuth(testKey())
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => people.accounts.signInByHttpAuth(auth)))
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
})

test('an event with a signature that does not hold signs nobody in, and is not used up by that', async () => {
  const people = testPeople(database)
  const auth = await people.httpAuth(testKey())
  const forged = { ...auth, event: { ...auth.event, sig: '0'.repeat(128) } }
  expect(await people.accounts.signInByHttpAuth(forged)).toMatchObject({ ok: false })
  expect(await people.accounts.signInByHttpAuth(auth)).toMatchObject({ ok: true })
})

test('a linked key signs in to its account, with the roles of all keys of that account', async () => {
  const people = testPeople(database)
  const { accounts } = people
  const accountId = await accountOf(people, 'frank@example.org')
  const [phone, laptop] = [testKey(), testKey()]
  for (const key of [phone, laptop]) {
    granted(await accounts.linkKey({ accountId, auth: await people.httpAuth(key) }, CLI))
    people.clock.advanceSeconds(1)
  }
  granted(await accounts.grantRole({ pubkey: phone.publicKey, role: 'moderator' }, CLI))
  const session = granted(await accounts.signInByHttpAuth(await people.httpAuth(laptop)))
  expect(await accounts.checkAccessToken(session.accessToken)).toMatchObject({
    ok: true,
    value: { via: 'session', accountId, pubkeys: [phone.publicKey, laptop.publicKey], roles: ['moderator'] },
  })
})

test('a single request that a key has signed has the roles of that key alone', async () => {
  const people = testPeople(database)
  const { accounts } = people
  const accountId = await accountOf(people, 'grace@example.org')
  const [owner, other] = [testKey(), testKey()]
  for (const key of [owner, other])
    granted(await accounts.linkKey({ accountId, auth: await people.httpAuth(key) }, CLI))
  granted(await accounts.grantRole({ pubkey: owner.publicKey, role: 'owner' }, CLI))
  people.clock.advanceSeconds(1)
  const principal = granted(await accounts.checkHttpAuth(await people.httpAuth(other)))
  expect(principal).toEqual({ via: 'http-auth', pubkeys: [other.publicKey], roles: [] })
})

test('a key has one account; unlinked, it ends the sessions that it had opened', async () => {
  const people = testPeople(database)
  const { accounts } = people
  const hers = await accountOf(people, 'heidi@example.org')
  const his = await accountOf(people, 'ivan@example.org')
  const key = testKey()
  granted(await accounts.linkKey({ accountId: hers, auth: await people.httpAuth(key) }, CLI))
  people.clock.advanceSeconds(1)
  const again = await accounts.linkKey({ accountId: his, auth: await people.httpAuth(key) }, CLI)
  expect(again).toMatchObject({ ok: false, refusal: { code: 'KEY_TAKEN' } })
  people.clock.advanceSeconds(1)
  const session = granted(await accounts.signInByHttpAuth(await people.httpAuth(key)))
  const byPassword = granted(await accounts.signIn({ email: 'heidi@example.org', password, from }))
  granted(await accounts.unlinkKey({ accountId: hers, pubkey: key.publicKey }, CLI))
  expect(await accounts.checkAccessToken(session.accessToken)).toMatchObject({ ok: false })
  expect(await accounts.checkAccessToken(byPassword.accessToken)).toMatchObject({ ok: true })
})

test('links are listed and noted once, and whoever has unlinked their last key still signs in by password', async () => {
  const people = testPeople(database)
  const { accounts, clock } = people
  const accountId = await accountOf(people, 'judy@example.org')
  const [first, second] = [testKey(), testKey()]
  for (const key of [first, second, first]) {
    granted(await accounts.linkKey({ accountId, auth: await people.httpAuth(key) }, CLI))
    clock.advanceSeconds(1)
  }
  expect((await accounts.listLinkedKeys(accountId)).map(({ pubkey }) => pubkey)).toEqual([
    first.publicKey,
    second.publicKey,
  ])
  for (const { publicKey: pubkey } of [first, second])
    granted(await accounts.unlinkKey({ accountId, pubkey }, CLI))
  expect(await accounts.listLinkedKeys(accountId)).toEqual([])
  const again = await accounts.unlinkKey({ accountId, pubkey: first.publicKey }, CLI)
  expect(again).toMatchObject({ ok: false, refusal: { code: 'NOT_FOUND' } })
  expect(await accounts.signIn({ email: 'judy@example.org', password, from })).toMatchObject({ ok: true })
  const audit = createAuditLog({ db: database.db, clock })
  expect(await audit.list({ subject: first.publicKey })).toMatchObject([
    { ...CLI, action: 'accounts.key_unlinked', before: { accountId } },
    { ...CLI, action: 'accounts.key_linked', after: { accountId } },
  ])
})
