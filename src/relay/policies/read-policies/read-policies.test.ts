import { describe, expect, test } from 'vitest'
import { mayRead } from '../../../events/index.ts'
import type { Filter } from '../../../nostr/index.ts'
import { ALICE, BOB, CAROL, testEvent, testSettings } from '../testing/policy-kit.ts'
import { createReadPolicies } from './read-policies.ts'
import type { ReadContext } from './read-policy.ts'

type Overrides = Parameters<typeof testSettings>[0]

const stranger: ReadContext = { action: 'read', pubkeys: [], level: 0 }
const asAlice: ReadContext = { action: 'read', pubkeys: [ALICE], level: 1 }

function refusal(filters: readonly Filter[], context: ReadContext, overrides: Overrides = {}) {
  return createReadPolicies(testSettings(overrides)).refuseRead(filters, context)
}

const to = (...pubkeys: readonly string[]) => [{ name: 'p', values: pubkeys }]

describe('a filter for private kinds alone', () => {
  test.each([4, 1059, 21_059, 31_234, 10_013])('is auth-required for a stranger: kind %i', (kind) => {
    expect(refusal([{ kinds: [kind] }], stranger)).toMatch(/^auth-required: /)
    expect(refusal([{ kinds: [1] }, { kinds: [kind] }], stranger)).toMatch(/^auth-required: /)
  })

  test('is served to whom it concerns, and to who leaves that open', () => {
    expect(refusal([{ kinds: [1059], tags: to(ALICE) }], asAlice)).toBeUndefined()
    expect(refusal([{ kinds: [1059], tags: to(BOB, ALICE) }], asAlice)).toBeUndefined()
    expect(refusal([{ kinds: [4, 1059] }], asAlice)).toBeUndefined()
    expect(refusal([{ kinds: [4], authors: [ALICE], tags: to(BOB) }], asAlice)).toBeUndefined()
    expect(refusal([{ kinds: [4], authors: [BOB], tags: to(ALICE) }], asAlice)).toBeUndefined()
    expect(refusal([{ kinds: [31_234], authors: [ALICE] }], asAlice)).toBeUndefined()
  })

  test('is restricted when it asks for the messages of others', () => {
    expect(refusal([{ kinds: [1059], tags: to(BOB) }], asAlice)).toMatch(/^restricted: /)
    expect(refusal([{ kinds: [4], authors: [CAROL], tags: to(BOB) }], asAlice)).toMatch(/^restricted: /)
    expect(refusal([{ kinds: [31_234], authors: [BOB] }], asAlice)).toMatch(/^restricted: /)
  })
})

describe('a filter that asks for other kinds too', () => {
  test.each<readonly [string, Filter]>([
    ['mixed kinds', { kinds: [1, 1059] }],
    ['no kinds', { tags: to(BOB) }],
    ['an id', { ids: ['e'.repeat(64)] }],
    ['everything', {}],
  ])('is served, and the private ones are left out: %s', (_name, filter) => {
    expect(refusal([filter], stranger)).toBeUndefined()
  })

  test.each<readonly [string, readonly string[], boolean]>([
    ['a stranger', [], false],
    ['somebody else', [CAROL], false],
    ['the recipient', [CAROL, ALICE], true],
    ['the author', [BOB], true],
  ])('a message is shown to %s: %s', (_name, pubkeys, isShown) => {
    const audience = createReadPolicies(testSettings()).audienceFor({ pubkeys, level: 1 })
    for (const kind of [4, 1059, 21_059]) {
      const message = testEvent({ kind, pubkey: BOB, tags: [['p', ALICE]] })
      expect(audience !== undefined && mayRead(audience, message)).toBe(isShown)
    }
  })

  test('a draft is shown to its author, and not to those it names', () => {
    const { audienceFor } = createReadPolicies(testSettings())
    const draft = testEvent({ kind: 31_234, pubkey: BOB, tags: [['p', ALICE]] })
    expect(mayRead(audienceFor({ pubkeys: [ALICE], level: 4 })!, draft)).toBe(false)
    expect(mayRead(audienceFor({ pubkeys: [BOB], level: 1 })!, draft)).toBe(true)
  })
})

test('a kind that takes a level is hidden below it', () => {
  const { audienceFor } = createReadPolicies(
    testSettings({ policies: { reading: { kindLevels: ['1984: 4'] } } }),
  )
  const report = testEvent({ kind: 1984 })
  expect(mayRead(audienceFor({ pubkeys: [ALICE], level: 3 })!, report)).toBe(false)
  expect(mayRead(audienceFor({ pubkeys: [ALICE], level: 4 })!, report)).toBe(true)
})

test('where nothing is private, nobody needs to be told apart', () => {
  const reading = { privateKinds: [], authorOnlyKinds: [] }
  const policies = createReadPolicies(testSettings({ policies: { reading } }))
  expect(policies.audienceFor({ pubkeys: [], level: 0 })).toBeUndefined()
  expect(policies.refuseRead([{ kinds: [1059] }], stranger)).toBeUndefined()
})

describe('a minimum level', () => {
  const levels = { read: 2, count: 3 }

  test('holds for REQ and COUNT each by itself', () => {
    expect(refusal([{ kinds: [1] }], stranger, { levels })).toMatch(/^auth-required: /)
    expect(refusal([{ kinds: [1] }], asAlice, { levels })).toMatch(/^restricted: .*read.*member/)
    expect(refusal([{ kinds: [1] }], { ...asAlice, level: 2 }, { levels })).toBeUndefined()
    expect(refusal([{ kinds: [1] }], { action: 'count', pubkeys: [ALICE], level: 2 }, { levels })).toMatch(
      /^restricted: .*count.*subscriber/,
    )
  })

  test('does not hold for filters that ask only for exempt kinds', () => {
    expect(refusal([{ kinds: [10002] }, { kinds: [23194, 23195] }], stranger, { levels })).toBeUndefined()
    expect(refusal([{ kinds: [10002] }, { kinds: [1] }], stranger, { levels })).toMatch(/^auth-required: /)
    expect(refusal([{}], stranger, { levels })).toMatch(/^auth-required: /)
  })
})

test('where keys are required to read, none is auth-required and a strange one restricted', () => {
  const auth = { requiredToRead: true, allowedPubkeys: [BOB] }
  expect(refusal([{ kinds: [1] }], stranger, { auth })).toMatch(/^auth-required: /)
  expect(refusal([{ kinds: [1] }], asAlice, { auth })).toMatch(/^restricted: /)
  expect(refusal([{ kinds: [1] }], { ...asAlice, pubkeys: [ALICE, BOB] }, { auth })).toBeUndefined()
})

test('a filter that names nothing is refused only where that is asked for', () => {
  const overrides = { policies: { reading: { refuseWideFilters: true } } }
  const wide: readonly Filter[] = [{}, { since: 5, limit: 10 }]
  for (const filter of wide) {
    expect(refusal([filter], stranger)).toBeUndefined()
    expect(refusal([filter], stranger, overrides)).toMatch(/^restricted: /)
  }
  for (const filter of [{ kinds: [1] }, { authors: [] }, { tags: to(BOB) }, { search: 'x' }]) {
    expect(refusal([filter], stranger, overrides)).toBeUndefined()
  }
})
