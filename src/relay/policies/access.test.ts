import { describe, expect, test } from 'vitest'
import { AccessLists } from '../access-lists.ts'
import type { PolicySettings } from '../settings.ts'
import type { WriteContext } from './policy.ts'
import { ALICE, BOB, CAROL, testContext, testDeps, testEvent, testSettings } from './testing/policy-kit.ts'
import { createWritePolicies } from './write-policies.ts'

function relayWith(access: Partial<PolicySettings['access']> = {}) {
  const lists = new AccessLists()
  const policies = createWritePolicies(testSettings({ policies: { access } }), testDeps({ lists }))
  return {
    lists,
    early: (event: Parameters<typeof testEvent>[0], context?: Partial<WriteContext>) =>
      policies.judgeEarly(testEvent(event), testContext(context)),
    late: (event: Parameters<typeof testEvent>[0]) => policies.judgeLate(testEvent(event), testContext()),
  }
}

const blocked = expect.objectContaining({ text: expect.stringMatching(/^blocked: /) })
const restricted = expect.objectContaining({ text: expect.stringMatching(/^restricted: /) })

describe('bans', () => {
  test('of a key take its events and whatever it brings, from the moment they are made', () => {
    const { lists, early } = relayWith()
    expect(early({ pubkey: BOB })).toBeUndefined()
    lists.apply({ do: 'ban-pubkey', pubkey: BOB, reason: 'rude' })
    expect(early({ pubkey: BOB })).toEqual(blocked)
    expect(early({ pubkey: ALICE }, { pubkeys: [CAROL, BOB] })).toEqual(blocked)
    expect(early({ pubkey: ALICE }, { pubkeys: [CAROL] })).toBeUndefined()
    lists.apply({ do: 'unban-pubkey', pubkey: BOB })
    expect(early({ pubkey: BOB })).toBeUndefined()
  })

  test('of an event hold for its id alone', () => {
    const { lists, early } = relayWith()
    lists.apply({ do: 'ban-event', id: 'e'.repeat(64), reason: '' })
    expect(early({ id: 'e'.repeat(64) })).toEqual(blocked)
    expect(early({})).toBeUndefined()
  })

  test('in the configuration hold as well', () => {
    const { early } = relayWith({ bannedPubkeys: [BOB] })
    expect(early({ pubkey: BOB })).toEqual(blocked)
  })
})

describe('kinds', () => {
  test('an allow list leaves out the others, a deny list what it names', () => {
    const allowing = relayWith({ allowedKinds: [1, '30000-39999'] })
    expect(allowing.early({ kind: 30_023 })).toBeUndefined()
    expect(allowing.early({ kind: 40_000 })).toEqual(blocked)
    const denying = relayWith({ deniedKinds: ['5000-7000'] })
    expect(denying.early({ kind: 7000 })).toEqual(blocked)
    expect(denying.early({ kind: 7001 })).toBeUndefined()
  })

  test('what an operator decides while running wins over the configuration', () => {
    const { lists, early } = relayWith({ allowedKinds: [1] })
    lists.apply({ do: 'allow-kind', kind: 7 })
    lists.apply({ do: 'disallow-kind', kind: 1 })
    expect(early({ kind: 7 })).toBeUndefined()
    expect(early({ kind: 1 })).toEqual(blocked)
    lists.apply({ do: 'forget-kind', kind: 1 })
    expect(early({ kind: 1 })).toBeUndefined()
  })

  test('allowing a kind on a relay that takes all of them shuts nobody out', () => {
    const { lists, early } = relayWith()
    lists.apply({ do: 'allow-kind', kind: 7 })
    expect(early({ kind: 1 })).toBeUndefined()
  })
})

describe('allowed authors', () => {
  test('are those of the configuration and those allowed while running', () => {
    const { lists, early } = relayWith({ allowedPubkeys: [ALICE] })
    expect(early({ pubkey: ALICE })).toBeUndefined()
    expect(early({ pubkey: BOB })).toEqual(restricted)
    lists.apply({ do: 'allow-pubkey', pubkey: BOB, reason: '' })
    expect(early({ pubkey: BOB })).toBeUndefined()
  })

  test('allowing a key on a relay that is open shuts nobody out, but on one that says so it does', () => {
    const open = relayWith()
    open.lists.apply({ do: 'allow-pubkey', pubkey: BOB, reason: '' })
    expect(open.early({ pubkey: ALICE })).toBeUndefined()
    expect(relayWith({ onlyAllowedPubkeys: true }).early({ pubkey: ALICE })).toEqual(restricted)
  })
})

test('a shadowed author is pretended to after the signature check, and only then', () => {
  const { lists, early, late } = relayWith({ shadowPubkeys: [BOB] })
  lists.apply({ do: 'shadow-pubkey', pubkey: CAROL, reason: 'bot' })
  for (const pubkey of [BOB, CAROL]) {
    expect(early({ pubkey })).toBeUndefined()
    expect(late({ pubkey })).toEqual({ do: 'pretend' })
  }
  expect(late({ pubkey: ALICE })).toBeUndefined()
})
