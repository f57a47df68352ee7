import { expect, test } from 'vitest'
import { isEphemeral } from './kinds.ts'
import {
  invite,
  isMembershipRequest,
  joinRequest,
  leaveRequest,
  MEMBERSHIP_EXCHANGE_KINDS,
  memberAdded,
  memberRemoved,
  membershipList,
  parseMembershipRequest,
  RELAY_SIGNED_KINDS,
  roleDefinition,
} from './nip43.ts'
import { isProtected } from './nip70.ts'
import { ALICE, BOB, testEvent } from './testing.ts'

const NOW = 1_700_000_000

test('the membership list has a tag for each member, with its roles', () => {
  const members = [
    { pubkey: ALICE, roles: ['king', 'poet'] },
    { pubkey: BOB, roles: [] },
  ]
  expect(membershipList(members, NOW)).toEqual({
    kind: 13534,
    created_at: NOW,
    tags: [['-'], ['member', ALICE, 'king', 'poet'], ['member', BOB]],
    content: '',
  })
})

test('a role is defined by its d tag, and says of itself only what is known', () => {
  const role = { id: 'r1', label: 'King', description: 'rules', color: 37, order: -1 }
  expect(roleDefinition(role, NOW)).toMatchObject({
    kind: 33534,
    tags: [['-'], ['d', 'r1'], ['label', 'King'], ['description', 'rules'], ['color', '37'], ['order', '-1']],
  })
  expect(roleDefinition({ id: 'r2', label: undefined, color: 0 }, NOW).tags).toEqual([
    ['-'],
    ['d', 'r2'],
    ['color', '0'],
  ])
})

test.each([
  ['memberAdded', memberAdded(ALICE, NOW), 8000, ['p', ALICE]],
  ['memberRemoved', memberRemoved(ALICE, NOW), 8001, ['p', ALICE]],
  ['invite', invite('code', NOW), 28935, ['claim', 'code']],
])('%s', (_, template, kind, tag) => {
  expect(template).toEqual({ kind, created_at: NOW, tags: [['-'], tag], content: '' })
})

test('everything that is made here is protected', () => {
  const templates = [
    membershipList([], NOW),
    roleDefinition({ id: 'r' }, NOW),
    memberAdded(ALICE, NOW),
    memberRemoved(ALICE, NOW),
    invite('c', NOW),
    joinRequest('c', NOW),
    leaveRequest(NOW),
  ]
  expect(templates.filter((template) => !isProtected(template))).toEqual([])
  const ofRelay = templates.slice(0, 5).map(({ kind }) => kind)
  expect(new Set(ofRelay)).toEqual(new Set(RELAY_SIGNED_KINDS))
})

test('what passes between a client and the relay alone is of ephemeral kinds', () => {
  expect(MEMBERSHIP_EXCHANGE_KINDS).toEqual([28934, 28935, 28936])
  expect(MEMBERSHIP_EXCHANGE_KINDS.every(isEphemeral)).toBe(true)
})

test('a request to join is read with its code, one to leave without', () => {
  expect(parse(testEvent(joinRequest('welcome', NOW)))).toEqual({
    ok: true,
    value: { type: 'join', pubkey: ALICE, claim: 'welcome' },
  })
  expect(parse(testEvent(leaveRequest(NOW)))).toEqual({ ok: true, value: { type: 'leave', pubkey: ALICE } })
})

test('a request to join need not be protected, one to leave must be', () => {
  expect(parse(testEvent({ ...joinRequest('c', NOW), tags: [['claim', 'c']] }))).toMatchObject({ ok: true })
  expect(parse(testEvent({ ...leaveRequest(NOW), tags: [] }))).toMatchObject({
    ok: false,
    refusal: expect.stringMatching(/"-" tag/),
  })
})

test.each([
  ['no code', { tags: [['-']] }, /invite code/],
  ['an empty code', { tags: [['-'], ['claim', '']] }, /invite code/],
  ['a tag without code', { tags: [['-'], ['claim']] }, /invite code/],
  ['a code without end', { tags: [['-'], ['claim', 'x'.repeat(257)]] }, /256 characters/],
  ['an old request', { created_at: NOW - 301 }, /within 300 seconds/],
  ['one from the future', { created_at: NOW + 301 }, /within 300 seconds/],
  ['another kind', { kind: 28935 }, /kind 28935/],
])('%s is refused', (_, members, text) => {
  expect(parse(testEvent({ ...joinRequest('c', NOW), ...members }))).toEqual({
    ok: false,
    refusal: expect.stringMatching(text),
  })
})

test.each([-300, 300])('made %d seconds from now, both are accepted', (offset) => {
  for (const template of [joinRequest('c', NOW + offset), leaveRequest(NOW + offset)]) {
    expect(parse(testEvent(template))).toMatchObject({ ok: true })
  }
})

test('the invite itself is no request, for nobody but the relay makes one', () => {
  expect([28934, 28935, 28936, 1].map((kind) => isMembershipRequest({ kind }))).toEqual([
    true,
    false,
    true,
    false,
  ])
})

function parse(event: ReturnType<typeof testEvent>) {
  return parseMembershipRequest(event, { nowSeconds: NOW })
}
