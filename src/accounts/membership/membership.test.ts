import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createAuditLog } from '../../audit/index.ts'
import { isProtected, joinRequest, KINDS, leaveRequest } from '../../nostr/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { type TestKey, testKey } from '../testing/test-key.ts'
import { CLI, granted, NOW_SECONDS, type TestPeople, testPeople } from '../testing/test-people.ts'

let database: Database
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.close())

const CODE = 'welcome-to-the-stoa'

async function join(people: TestPeople, key: TestKey, code = CODE) {
  return people.membership.answer(await key.sign(joinRequest(code, people.clock.nowSeconds())))
}

async function leave(people: TestPeople, key: TestKey) {
  return people.membership.answer(await key.sign(leaveRequest(people.clock.nowSeconds())))
}

async function withInvite(options: Parameters<typeof testPeople>[1] = {}, invite = {}): Promise<TestPeople> {
  const people = testPeople(database, options)
  granted(await people.membership.createInvite({ code: CODE, maxUses: 10, ...invite }, CLI))
  return people
}

describe('joining (J-03 to J-07)', () => {
  test('a good code makes a member, of whom the relay knows when the answer is given', async () => {
    const people = await withInvite()
    const key = testKey()
    expect(await join(people, key)).toEqual({ isAccepted: true, text: 'info: welcome' })
    expect(people.told).toEqual([{ do: 'set-level', pubkey: key.publicKey, level: 2 }])
    expect(await people.membership.listMembers()).toEqual([
      { pubkey: key.publicKey, sinceSeconds: NOW_SECONDS, invitedBy: 'cli', inviteCode: CODE, roles: [] },
    ])
    expect(await people.accounts.rolesOf(key.publicKey)).toEqual(['member'])
  })

  test('whoever is a member already is told so, and no use of the code is taken', async () => {
    const people = await withInvite()
    const key = testKey()
    await join(people, key)
    expect(await join(people, key)).toMatchObject({
      isAccepted: true,
      text: expect.stringMatching(/^duplicate: /),
    })
    expect(await people.membership.listInvites()).toMatchObject([{ uses: 1 }])
  })

  test('unknown, expired, revoked and used-up codes are refused in the same words', async () => {
    const people = testPeople(database)
    const { membership, clock } = people
    const expiresAtSeconds = NOW_SECONDS + 10
    granted(await membership.createInvite({ code: 'expired-code', maxUses: 1, expiresAtSeconds }, CLI))
    granted(await membership.createInvite({ code: 'revoked-code', maxUses: 1 }, CLI))
    granted(await membership.createInvite({ code: 'used-up-code', maxUses: 1 }, CLI))
    granted(await membership.revokeInvite('revoked-code', CLI))
    await join(people, testKey(), 'used-up-code')
    clock.advanceSeconds(10)
    const answers = []
    for (const code of ['unknown-code', 'expired-code', 'revoked-code', 'used-up-code', '\0', 'x']) {
      answers.push(await join(people, testKey(), code))
    }
    expect(answers[0]).toMatchObject({ isAccepted: false, text: expect.stringMatching(/^restricted: /) })
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    expect(await membership.countMembers()).toBe(1)
  })

  test.each([
    ['without a code', { ...joinRequest(CODE, NOW_SECONDS), tags: [['-']] }],
    ['from ten minutes ago', joinRequest(CODE, NOW_SECONDS - 600)],
    ['from the future', joinRequest(CODE, NOW_SECONDS + 600)],
  ])('a request %s is invalid', async (_, template) => {
    const people = await withInvite()
    const answer = await people.membership.answer(await testKey().sign(template))
    expect(answer).toMatchObject({ isAccepted: false, text: expect.stringMatching(/^invalid: /) })
  })

  test('of many who want the last use of a code at once, exactly one gets it (J-12)', async () => {
    const people = await withInvite({}, { maxUses: 3 })
    const elsewhere = testPeople(database, { clock: people.clock })
    const keys = Array.from({ length: 12 }, () => testKey())
    const answers = await Promise.all(
      keys.map((key, index) => join(index % 2 === 0 ? people : elsewhere, key)),
    )
    expect(answers.filter(({ isAccepted }) => isAccepted)).toHaveLength(3)
    expect(await people.membership.countMembers()).toBe(3)
    expect(await people.membership.listInvites()).toMatchObject([{ uses: 3, maxUses: 3 }])
  })

  test('one key that joins many times at once is one member, and takes one use', async () => {
    const people = await withInvite()
    const key = testKey()
    const answers = await Promise.all(Array.from({ length: 6 }, () => join(people, key)))
    expect(answers.filter(({ text }) => text === 'info: welcome')).toHaveLength(1)
    expect(await people.membership.listInvites()).toMatchObject([{ uses: 1 }])
  })

  test('when all places are taken nobody joins, by code or by an operator', async () => {
    const people = await withInvite({ settings: { maxMembers: 1 } })
    await join(people, testKey())
    expect(await join(people, testKey())).toMatchObject({ isAccepted: false })
    expect(await people.membership.addMembers([testKey().publicKey], CLI)).toMatchObject({
      ok: false,
      refusal: { code: 'LIMIT_REACHED' },
    })
  })
})

describe('leaving (J-09)', () => {
  test('who leaves is a stranger again, before the answer is given', async () => {
    const people = await withInvite()
    const key = testKey()
    await join(people, key)
    expect(await leave(people, key)).toMatchObject({ isAccepted: true })
    expect(people.told.at(-1)).toEqual({ do: 'unset-level', pubkey: key.publicKey })
    expect(await people.membership.countMembers()).toBe(0)
  })

  test('a request to leave without its "-" tag changes nothing', async () => {
    const people = await withInvite()
    const key = testKey()
    await join(people, key)
    const unprotected = await key.sign({ ...leaveRequest(NOW_SECONDS), tags: [] })
    expect(await people.membership.answer(unprotected)).toMatchObject({
      isAccepted: false,
      text: expect.stringMatching(/^invalid: /),
    })
    expect(await people.membership.countMembers()).toBe(1)
  })
})

describe('fresh invites (J-08)', () => {
  test('a member is given one, signed by the relay and protected, and it works once', async () => {
    const people = await withInvite()
    const member = testKey()
    await join(people, member)
    const event = await people.membership.invite([testKey().publicKey, member.publicKey])
    expect(event).toMatchObject({ kind: KINDS.INVITE, pubkey: people.relay.key.publicKey })
    expect(isProtected(event ?? { tags: [] })).toBe(true)
    const code = event?.tags.find(([name]) => name === 'claim')?.[1] ?? ''
    expect(await join(people, testKey(), code)).toMatchObject({ isAccepted: true })
    expect(await join(people, testKey(), code)).toMatchObject({ isAccepted: false })
    const [invited] = (await people.membership.listMembers()).filter(({ inviteCode }) => inviteCode === code)
    expect(invited?.invitedBy).toBe(member.publicKey)
  })

  test('strangers are given none, and members none where only staff may invite', async () => {
    const people = await withInvite({ settings: { invitesBy: 'staff' } })
    const [member, moderator] = [testKey(), testKey()]
    await join(people, member)
    granted(await people.accounts.grantRole({ pubkey: moderator.publicKey, role: 'moderator' }, CLI))
    expect(await people.membership.invite([testKey().publicKey])).toBeUndefined()
    expect(await people.membership.invite([member.publicKey])).toBeUndefined()
    expect(await people.membership.invite([])).toBeUndefined()
    expect(await people.membership.invite([moderator.publicKey])).toBeDefined()
  })

  test('a member has twenty open invites, and more when those are past', async () => {
    const people = await withInvite()
    const member = testKey()
    await join(people, member)
    const ask = () => people.membership.invite([member.publicKey])
    for (let count = 0; count < 20; count += 1) expect(await ask()).toBeDefined()
    expect(await ask()).toBeUndefined()
    people.clock.advanceSeconds(7 * 86_400)
    expect(await ask()).toBeDefined()
  })
})

describe('what operators do', () => {
  test('members that they add or remove are told to the relay and written into the audit log', async () => {
    const people = testPeople(database)
    const { membership, clock } = people
    const [ann, bob] = [testKey().publicKey, testKey().publicKey]
    expect(await membership.addMembers([ann, bob, ann], CLI)).toMatchObject({ ok: true })
    expect(await membership.addMembers([ann], CLI)).toEqual({ ok: true, value: [] })
    expect(await membership.removeMembers([ann, testKey().publicKey], CLI)).toEqual({
      ok: true,
      value: [ann],
    })
    expect(people.told.at(-1)).toEqual({ do: 'unset-level', pubkey: ann })
    expect(await createAuditLog({ db: database.db, clock }).list()).toMatchObject([
      { action: 'accounts.members_removed', subject: ann, before: { pubkeys: [ann] } },
      { action: 'accounts.members_added', subject: '2 keys', actor: 'cli' },
    ])
  })

  test('an invite code is not in the audit log', async () => {
    const people = await withInvite()
    granted(await people.membership.revokeInvite(CODE, CLI))
    const entries = await createAuditLog({ db: database.db, clock: people.clock }).list()
    expect(entries.map(({ action }) => action)).toEqual([
      'accounts.invite_revoked',
      'accounts.invite_created',
    ])
    expect(JSON.stringify(entries)).not.toContain(CODE)
  })

  test('a role that is removed is taken from its members', async () => {
    const people = testPeople(database)
    const { membership } = people
    const pubkey = testKey().publicKey
    granted(await membership.addMembers([pubkey], CLI))
    granted(await membership.putRole({ id: 'poet', label: 'Poet', order: 2 }, CLI))
    granted(await membership.putRole({ id: 'king', color: 37, order: 1 }, CLI))
    for (const roleId of ['poet', 'king']) granted(await membership.assignRole({ pubkey, roleId }, CLI))
    expect(await membership.listMembers()).toMatchObject([{ roles: ['king', 'poet'] }])
    granted(await membership.removeRole('king', CLI))
    expect(await membership.listMembers()).toMatchObject([{ roles: ['poet'] }])
    expect(await membership.assignRole({ pubkey, roleId: 'king' }, CLI)).toMatchObject({ ok: false })
    expect(await membership.assignRole({ pubkey: testKey().publicKey, roleId: 'poet' }, CLI)).toMatchObject({
      ok: false,
    })
  })

  test.each([
    ['a short code', { code: 'short', maxUses: 1 }],
    ['a code with a space', { code: 'with a space', maxUses: 1 }],
    ['no use', { maxUses: 0 }],
    ['a past time', { maxUses: 1, expiresAtSeconds: NOW_SECONDS }],
  ])('an invite with %s is refused', async (_, invite) => {
    const { membership } = testPeople(database)
    expect(await membership.createInvite(invite, CLI)).toMatchObject({
      ok: false,
      refusal: { code: 'INVALID' },
    })
  })
})
