import { describe, expect, test } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import type { WriteContext } from './policy.ts'
import {
  ALICE,
  BOB,
  NOW_SECONDS,
  testContext,
  testDeps,
  testEvent,
  testSettings,
} from './testing/policy-kit.ts'
import { createWritePolicies } from './write-policies.ts'

type Overrides = Parameters<typeof testSettings>[0]

/** The text that the early policies refuse with, if they do. */
function refusal(event: NostrEvent, overrides: Overrides = {}, context: Partial<WriteContext> = {}) {
  const policies = createWritePolicies(testSettings(overrides), testDeps())
  const verdict = policies.judgeEarly(event, testContext(context))
  policies.close()
  return verdict?.do === 'refuse' ? verdict.text : verdict
}

describe('every limit holds at its boundary', () => {
  test('tags', () => {
    const limits = { maxEventTags: 2 }
    const tags = (count: number) => Array.from({ length: count }, () => ['t', 'x'])
    expect(refusal(testEvent({ tags: tags(2) }), { limits })).toBeUndefined()
    expect(refusal(testEvent({ tags: tags(3) }), { limits })).toMatch(/^invalid: .*3 tags.*limit is 2/)
  })

  test('content, counted in characters and not in UTF-16 units', () => {
    const limits = { maxContentLength: 3 }
    expect(refusal(testEvent({ content: '🙂🙂🙂' }), { limits })).toBeUndefined()
    expect(refusal(testEvent({ content: '🙂🙂🙂x' }), { limits })).toMatch(/^invalid: /)
    expect(refusal(testEvent({ content: 'abcd' }), { limits })).toMatch(/^invalid: /)
  })

  test('created_at, both ways', () => {
    const limits = { createdAtLowerLimitSeconds: 100, createdAtUpperLimitSeconds: 10 }
    const at = (offsetSeconds: number) => testEvent({ created_at: NOW_SECONDS + offsetSeconds })
    expect(refusal(at(-100), { limits })).toBeUndefined()
    expect(refusal(at(-101), { limits })).toMatch(/^invalid: /)
    expect(refusal(at(10), { limits })).toBeUndefined()
    expect(refusal(at(11), { limits })).toMatch(/^invalid: /)
    expect(refusal(testEvent({ created_at: 0 }))).toBeUndefined()
  })

  test('a gift wrap may be dated back two days, and what other relays bring any time', () => {
    const limits = { createdAtLowerLimitSeconds: 100 }
    const old = { created_at: NOW_SECONDS - 2 * 86_400 }
    expect(refusal(testEvent({ kind: 1059, ...old }), { limits })).toBeUndefined()
    expect(refusal(testEvent({ kind: 1059, created_at: old.created_at - 1 }), { limits })).toMatch(
      /^invalid: /,
    )
    expect(refusal(testEvent(old), { limits }, { origin: 'mirror' })).toBeUndefined()
    expect(refusal(testEvent(old), { limits })).toMatch(/^invalid: /)
  })

  test('proof of work: the bits first, then the commitment to them', () => {
    const limits = { minPowDifficulty: 8 }
    const worked = `00${'f'.repeat(62)}`
    expect(refusal(testEvent({ id: 'f'.repeat(64) }), { limits })).toMatch(
      /^pow: difficulty 0 is less than 8/,
    )
    expect(refusal(testEvent({ id: worked }), { limits })).toMatch(/^pow: .*commit/)
    expect(refusal(testEvent({ id: worked, tags: [['nonce', '1', '8']] }), { limits })).toBeUndefined()
    expect(
      refusal(testEvent({ id: worked }), { limits: { ...limits, powRequiresCommitment: false } }),
    ).toBeUndefined()
  })

  test('expiration: the second that it names is too late', () => {
    expect(refusal(testEvent({ tags: [['expiration', String(NOW_SECONDS + 1)]] }))).toBeUndefined()
    expect(refusal(testEvent({ tags: [['expiration', String(NOW_SECONDS)]] }))).toMatch(/^invalid: /)
  })

  test('of one kind: content, tags and bytes', () => {
    const limited = (rule: string) => ({ policies: { kindLimits: { rules: [rule] } } })
    const event = testEvent({ content: 'abc', tags: [['t', 'x']] })
    const { id, pubkey, created_at, kind, tags, content, sig } = event
    const bytes = Buffer.byteLength(JSON.stringify({ id, pubkey, created_at, kind, tags, content, sig }))
    expect(refusal(event, limited(`1: content=3 tags=1 bytes=${bytes}`))).toBeUndefined()
    expect(refusal(event, limited('1: content=2'))).toMatch(/^invalid: .*at most 2 characters/)
    expect(refusal(event, limited('0-2: tags=0'))).toMatch(/^invalid: .*at most 0 tags/)
    expect(refusal(event, limited(`1: bytes=${bytes - 1}`))).toMatch(/^invalid: .*bytes/)
    expect(refusal(event, limited('2: content=2'))).toBeUndefined()
  })
})

describe('who may write', () => {
  test('AUTH events are never published', () => {
    expect(refusal(testEvent({ kind: 22242 }))).toMatch(/^invalid: /)
  })

  test('where a key is required, none is auth-required and a strange one restricted', () => {
    const auth = { requiredToWrite: true, allowedPubkeys: [BOB] }
    expect(refusal(testEvent(), { auth })).toMatch(/^auth-required: /)
    expect(refusal(testEvent(), { auth }, { pubkeys: [ALICE] })).toMatch(/^restricted: /)
    expect(refusal(testEvent(), { auth }, { pubkeys: [ALICE, BOB] })).toBeUndefined()
    expect(refusal(testEvent(), { auth: { requiredToWrite: true } }, { pubkeys: [ALICE] })).toBeUndefined()
  })

  test('a level below the minimum is auth-required without a key and restricted with one', () => {
    const levels = { write: 2 }
    expect(refusal(testEvent(), { levels })).toMatch(/^auth-required: /)
    expect(refusal(testEvent(), { levels }, { pubkeys: [ALICE], level: 1 })).toMatch(
      /^restricted: .*member.*stranger/,
    )
    expect(refusal(testEvent(), { levels }, { pubkeys: [ALICE], level: 2 })).toBeUndefined()
  })

  test.each([10002, 13194, 23194, 23197, 28934, 28936])('kind %i takes no level', (kind) => {
    expect(refusal(testEvent({ kind }), { levels: { write: 4 } })).toBeUndefined()
    expect(refusal(testEvent({ kind }), { auth: { requiredToWrite: true } })).toBeUndefined()
    expect(refusal(testEvent({ kind }), { policies: { access: { allowedPubkeys: [BOB] } } })).toBeUndefined()
  })

  test('a protected event is taken from its author only', () => {
    const subject = testEvent({
      tags: [
        ['t', 'x'],
        ['-', 'whatever'],
      ],
    })
    expect(refusal(subject)).toMatch(/^auth-required: /)
    expect(refusal(subject, {}, { pubkeys: [BOB] })).toMatch(/^restricted: /)
    expect(refusal(subject, {}, { pubkeys: [BOB, ALICE] })).toBeUndefined()
  })

  test('a mirror brings no protected events, an import does', () => {
    const subject = testEvent({ tags: [['-']] })
    expect(refusal(subject, {}, { origin: 'mirror' })).toMatch(/^blocked: /)
    expect(refusal(subject, {}, { origin: 'import' })).toBeUndefined()
  })

  test('a repost does not smuggle a protected event, not even its own author', () => {
    const embedded = JSON.stringify(testEvent({ tags: [['-']] }))
    expect(refusal(testEvent({ kind: 6, content: embedded }), {}, { pubkeys: [ALICE] })).toMatch(/^blocked: /)
    const escaped = embedded.replace('["-"]', '["\\u002D"]')
    expect(refusal(testEvent({ kind: 16, content: escaped }), {}, { pubkeys: [ALICE] })).toMatch(/^blocked: /)
    expect(refusal(testEvent({ kind: 6, content: JSON.stringify(testEvent()) }))).toBeUndefined()
    expect(refusal(testEvent({ kind: 6, content: '' }))).toBeUndefined()
  })

  test('what belongs in a gift wrap is not taken by itself, unless that is switched off', () => {
    const open = { policies: { privateMessages: { refuseUnwrapped: false } } }
    for (const kind of [13, 14, 15, 444]) {
      expect(refusal(testEvent({ kind }))).toMatch(/^blocked: /)
      expect(refusal(testEvent({ kind }), open)).toBeUndefined()
    }
  })

  test('a gift wrap needs an authenticated sender only where that is asked for, whoever it is', () => {
    const asked = { policies: { privateMessages: { senderMustAuthenticate: true } } }
    expect(refusal(testEvent({ kind: 1059 }))).toBeUndefined()
    expect(refusal(testEvent({ kind: 1059 }), asked)).toMatch(/^auth-required: /)
    expect(refusal(testEvent({ kind: 1059 }), asked, { pubkeys: [BOB] })).toBeUndefined()
  })
})

test('a request to vanish is heard from an author who may do nothing else', () => {
  const shut = {
    auth: { requiredToWrite: true },
    levels: { write: 4, exemptKinds: [] },
    limits: { minPowDifficulty: 30 },
    policies: {
      access: { bannedPubkeys: [ALICE], allowedPubkeys: [BOB], allowedKinds: [1], shadowPubkeys: [ALICE] },
      keywords: { words: ['farewell'] },
      trust: { seeds: [BOB], whenUnready: 'refuse' as const },
    },
  }
  const policies = createWritePolicies(testSettings(shut), testDeps())
  const judge = (event: NostrEvent) => [
    policies.judgeEarly(event, testContext()),
    policies.judgeLate(event, testContext()),
  ]
  expect(judge(testEvent({ kind: 62, content: 'farewell' }))).toEqual([undefined, undefined])
  expect(judge(testEvent({ kind: 1, content: 'farewell' }))).not.toContain(undefined)
  policies.close()
  // Its form is judged like that of any other event.
  expect(refusal(testEvent({ kind: 62, content: 'abc' }), { limits: { maxContentLength: 2 } })).toMatch(
    /^invalid: /,
  )
})

describe('new settings', () => {
  const rated = (burst: number) =>
    testSettings({ rates: { eventsPerSecond: 1, eventsBurst: burst, exemptIps: [] } })

  test('a policy whose settings stay the same keeps what it knows', () => {
    const policies = createWritePolicies(rated(1), testDeps())
    expect(policies.judgeEarly(testEvent(), testContext())).toBeUndefined()
    policies.reload({ ...rated(1), limits: { ...rated(1).limits, maxContentLength: 1 } })
    expect(policies.judgeEarly(testEvent(), testContext())).toMatchObject({
      text: expect.stringMatching(/^rate-limited/),
    })
    policies.reload(rated(2))
    expect(policies.judgeEarly(testEvent(), testContext())).toBeUndefined()
    policies.close()
  })

  test('what they switch on holds at once, and what they switch off does not any more', () => {
    const policies = createWritePolicies(testSettings(), testDeps())
    policies.reload(testSettings({ levels: { write: 1 } }))
    expect(policies.judgeEarly(testEvent(), testContext())).toMatchObject({ do: 'refuse' })
    policies.reload(testSettings())
    expect(policies.judgeEarly(testEvent(), testContext())).toBeUndefined()
    policies.close()
  })

  test('when something in them is not possible, nothing changes', () => {
    const policies = createWritePolicies(testSettings({ levels: { write: 1 } }), testDeps())
    const broken = testSettings({ policies: { keywords: { words: ['/(?=x)/'] } } })
    expect(() => policies.reload(broken)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    expect(policies.judgeEarly(testEvent(), testContext())).toMatchObject({ do: 'refuse' })
    policies.close()
  })
})

test('by default there is nothing to wait for', () => {
  const policies = createWritePolicies(testSettings(), testDeps())
  expect(policies.judgeLate(testEvent(), testContext())).toBeUndefined()
  policies.close()
})

test('every policy counts what it let pass and what it stopped, over reloads too', () => {
  const settings = testSettings({ policies: { access: { bannedPubkeys: [BOB] } } })
  const policies = createWritePolicies(settings, testDeps())
  policies.judgeEarly(testEvent(), testContext())
  policies.judgeEarly(testEvent({ pubkey: BOB }), testContext())
  policies.reload(testSettings())
  policies.judgeEarly(testEvent(), testContext())
  expect(policies.stats().bans).toEqual({ passed: 2, refused: 1, pretended: 0, held: 0 })
  expect(policies.stats().protected).toEqual({ passed: 2, refused: 0, pretended: 0, held: 0 })
  policies.close()
})
