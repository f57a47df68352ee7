import { afterEach, beforeEach, expect, test } from 'vitest'
import { createAuditLog, verifyAuditChain } from '../audit/index.ts'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import type { StaffRole } from './staff-roles.ts'
import { testKey } from './testing/test-key.ts'
import { CLI, granted, testPeople } from './testing/test-people.ts'

let database: Database
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.close())

const { publicKey: ann } = testKey()
const { publicKey: bob } = testKey()

test('a stranger has no role', async () => {
  expect(await testPeople(database).accounts.rolesOf(ann)).toEqual([])
})

test('each change is in the audit log once, with who made it', async () => {
  const { accounts, clock } = testPeople(database)
  const { db } = database
  const owner = { actor: bob, role: 'owner' }
  for (let times = 0; times < 2; times += 1) {
    granted(await accounts.grantRole({ pubkey: ann, role: 'moderator' }, owner))
  }
  granted(await accounts.revokeRole({ pubkey: ann, role: 'moderator' }, owner))
  expect(await accounts.revokeRole({ pubkey: ann, role: 'moderator' }, owner)).toMatchObject({ ok: false })
  expect(await createAuditLog({ db, clock }).list()).toMatchObject([
    { action: 'accounts.role_revoked', subject: ann, actor: bob, before: { role: 'moderator' } },
    { action: 'accounts.role_granted', subject: ann, actor: bob, after: { role: 'moderator' } },
  ])
  expect(await verifyAuditChain(db)).toMatchObject({ ok: true })
})

const grants: readonly (readonly [string, StaffRole, boolean])[] = [
  ['cli', 'owner', true],
  ['owner', 'owner', true],
  ['operator', 'owner', false],
  ['operator', 'operator', false],
  ['operator', 'moderator', true],
  ['moderator', 'moderator', false],
  ['member', 'service', false],
  ['service', 'service', false],
  ['constructor', 'owner', false],
]
test.each(grants)('whether a %s may make somebody %s: %s', async (byRole, role, isAllowed) => {
  const { accounts } = testPeople(database)
  const outcome = await accounts.grantRole({ pubkey: ann, role }, { actor: bob, role: byRole })
  expect(outcome.ok).toBe(isAllowed)
  expect(await accounts.rolesOf(ann)).toEqual(isAllowed ? [role] : [])
})

test('two owners who take the role from each other leave one', async () => {
  const { accounts } = testPeople(database)
  for (const pubkey of [ann, bob]) granted(await accounts.grantRole({ pubkey, role: 'owner' }, CLI))
  await Promise.all([
    accounts.revokeRole({ pubkey: ann, role: 'owner' }, { actor: bob, role: 'owner' }),
    accounts.revokeRole({ pubkey: bob, role: 'owner' }, { actor: ann, role: 'owner' }),
  ])
  const owners = await accounts.listStaff()
  expect(owners).toHaveLength(1)
  const last = { pubkey: owners[0]?.pubkey ?? '', role: 'owner' } as const
  expect(await accounts.revokeRole(last, CLI)).toMatchObject({ ok: true })
})
