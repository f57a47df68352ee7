import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { sweepExpired } from '../sweep.ts'
import { testKey } from '../testing/test-key.ts'
import { granted, type TestPeople, testPeople } from '../testing/test-people.ts'

let database: Database
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

async function sessionOf(people: TestPeople) {
  return granted(await people.accounts.signInByHttpAuth(await people.httpAuth(testKey())))
}

test('a refresh token gives the next pair, time after time, until the session is too old', async () => {
  const people = testPeople(database)
  const { accounts, clock } = people
  let session = await sessionOf(people)
  const { refreshExpiresAtSeconds } = session
  for (let day = 0; day < 29; day += 1) {
    clock.advanceSeconds(86_400)
    session = granted(await accounts.refresh(session.refreshToken))
    expect(await accounts.checkAccessToken(session.accessToken)).toMatchObject({ ok: true })
  }
  expect(session.refreshExpiresAtSeconds).toBe(refreshExpiresAtSeconds)
  clock.advanceSeconds(86_400)
  expect(await accounts.refresh(session.refreshToken)).toMatchObject({ ok: false })
})

test('a stolen refresh token that is shown after its use ends the session for thief and owner', async () => {
  const people = testPeople(database)
  const { accounts, clock } = people
  const stolen = await sessionOf(people)
  const ofOwner = granted(await accounts.refresh(stolen.refreshToken))
  clock.advanceSeconds(11)
  expect(await accounts.refresh(stolen.refreshToken)).toMatchObject({
    ok: false,
    refusal: { code: 'TOKEN_INVALID' },
  })
  expect(await accounts.refresh(ofOwner.refreshToken)).toMatchObject({ ok: false })
  expect(await accounts.checkAccessToken(ofOwner.accessToken)).toMatchObject({ ok: false })
})

test('a token from two uses ago ends the session at once, however quick it was', async () => {
  const people = testPeople(database)
  const { accounts } = people
  const first = await sessionOf(people)
  const second = granted(await accounts.refresh(first.refreshToken))
  const third = granted(await accounts.refresh(second.refreshToken))
  expect(await accounts.refresh(first.refreshToken)).toMatchObject({ ok: false })
  expect(await accounts.refresh(third.refreshToken)).toMatchObject({ ok: false })
})

test('two tabs that refresh in the same moment do not end their session', async () => {
  const people = testPeople(database)
  const { accounts } = people
  const { refreshToken } = await sessionOf(people)
  const outcomes = await Promise.all([accounts.refresh(refreshToken), accounts.refresh(refreshToken)])
  const [next] = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : []))
  expect(outcomes.filter(({ ok }) => !ok)).toMatchObject([{ refusal: { code: 'REFRESH_RACE' } }])
  expect(await accounts.refresh(next?.refreshToken ?? '')).toMatchObject({ ok: true })
})

test('who has signed out has no token that works, and may sign out twice', async () => {
  const people = testPeople(database)
  const { accounts } = people
  const session = await sessionOf(people)
  await accounts.signOut(session.refreshToken)
  await accounts.signOut(session.refreshToken)
  expect(await accounts.refresh(session.refreshToken)).toMatchObject({ ok: false })
  expect(await accounts.checkAccessToken(session.accessToken)).toMatchObject({ ok: false })
})

test('an access token is good in another process, and until its time', async () => {
  const people = testPeople(database)
  const elsewhere = testPeople(database, { clock: people.clock })
  const { accessToken } = await sessionOf(people)
  people.clock.advanceSeconds(599)
  expect(await elsewhere.accounts.checkAccessToken(accessToken)).toMatchObject({ ok: true })
  people.clock.advanceSeconds(1)
  expect(await elsewhere.accounts.checkAccessToken(accessToken)).toMatchObject({ ok: false })
})

test('a process signs with a new key after a day, and tokens of both are good meanwhile', async () => {
  const people = testPeople(database)
  people.clock.advanceSeconds(1)
  const before = await sessionOf(people)
  people.clock.advanceSeconds(86_400 - 1)
  const old = granted(await people.accounts.refresh(before.refreshToken))
  people.clock.advanceSeconds(2)
  const fresh = granted(await people.accounts.refresh(old.refreshToken))
  const kidOf = (token: string) => Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()
  expect(kidOf(fresh.accessToken)).not.toBe(kidOf(old.accessToken))
  for (const { accessToken } of [old, fresh]) {
    expect(await people.accounts.checkAccessToken(accessToken)).toMatchObject({ ok: true })
  }
})

test('a token that was changed, signed by nobody, or no token at all lets nobody in', async () => {
  const people = testPeople(database)
  const { accounts } = people
  const { accessToken } = await sessionOf(people)
  const [head = '', claims = '', signature = ''] = accessToken.split('.')
  const ofAnother = Buffer.from(
    Buffer.from(claims, 'base64url')
      .toString()
      .replace(/"sid":"[0-9a-f]{4}/, '"sid":"ffff'),
  ).toString('base64url')
  const unsignedHead = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')
  for (const bad of [
    `${head}.${ofAnother}.${signature}`,
    `${unsignedHead}.${claims}.`,
    `${head}.${claims}.`,
    'nonsense',
    '',
    'x'.repeat(100_000),
  ]) {
    expect(await accounts.checkAccessToken(bad)).toMatchObject({ ok: false })
  }
})

test('the tables hold no token that could be used', async () => {
  const people = testPeople(database)
  const { accessToken, refreshToken } = await sessionOf(people)
  const rows = await database.db.selectFrom('account_sessions').selectAll().execute()
  const dump = JSON.stringify(rows, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  for (const part of [accessToken, ...refreshToken.split('.')]) expect(dump).not.toContain(part)
})

test('what has expired is swept, and what lives is not', async () => {
  const people = testPeople(database)
  const session = await sessionOf(people)
  await sweepExpired(database.db, people.clock.nowSeconds() + 86_400)
  expect(await people.accounts.refresh(session.refreshToken)).toMatchObject({ ok: true })
  await sweepExpired(database.db, people.clock.nowSeconds() + 31 * 86_400)
  const left = await database.db.selectFrom('account_sessions').select('id').execute()
  expect(left).toEqual([])
})
