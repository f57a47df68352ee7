import { describe, expect, test } from 'vitest'
import type { NostrEvent } from '../nostr/index.ts'
import type { RelayAuth, RelayLimits } from './settings.ts'
import { refuseWrite } from './write-policy.ts'

const NOW = 1_700_000_000
const alice = 'a'.repeat(64)
const bob = 'b'.repeat(64)

const openLimits: RelayLimits = {
  maxMessageBytes: 1 << 20,
  maxSubscriptions: 10,
  maxFilters: 10,
  maxFilterValues: 10,
  maxSubidLength: 64,
  maxLimit: 500,
  defaultLimit: 100,
  maxEventTags: 1_000,
  maxContentLength: 1_000,
  minPowDifficulty: 0,
  powRequiresCommitment: true,
  createdAtLowerLimitSeconds: 0,
  createdAtUpperLimitSeconds: 0,
}

const noAuth: RelayAuth = {
  requiredToRead: false,
  requiredToWrite: false,
  allowedPubkeys: [],
  windowSeconds: 600,
  maxFailuresPerMinute: 10,
}

function event(members: Partial<NostrEvent> = {}): NostrEvent {
  const defaults = {
    id: 'f'.repeat(64),
    pubkey: alice,
    created_at: NOW,
    kind: 1,
    tags: [],
    content: '',
    sig: '',
  }
  return { ...defaults, ...members }
}

function refusal(
  subject: NostrEvent,
  {
    limits = {},
    auth = {},
    pubkeys = [],
  }: {
    limits?: Partial<RelayLimits>
    auth?: Partial<RelayAuth>
    pubkeys?: readonly string[]
  } = {},
): string | undefined {
  return refuseWrite(subject, {
    limits: { ...openLimits, ...limits },
    auth: { ...noAuth, ...auth },
    pubkeys,
    nowSeconds: NOW,
  })
}

describe('every limit holds at its boundary', () => {
  test('tags', () => {
    const limits = { maxEventTags: 2 }
    const tags = (count: number) => Array.from({ length: count }, () => ['t', 'x'])
    expect(refusal(event({ tags: tags(2) }), { limits })).toBeUndefined()
    expect(refusal(event({ tags: tags(3) }), { limits })).toMatch(/^invalid: .*3 tags.*limit is 2/)
  })

  test('content, counted in characters and not in UTF-16 units', () => {
    const limits = { maxContentLength: 3 }
    expect(refusal(event({ content: '🙂🙂🙂' }), { limits })).toBeUndefined()
    expect(refusal(event({ content: '🙂🙂🙂x' }), { limits })).toMatch(/^invalid: /)
    expect(refusal(event({ content: 'abcd' }), { limits })).toMatch(/^invalid: /)
  })

  test('created_at, both ways', () => {
    const limits = { createdAtLowerLimitSeconds: 100, createdAtUpperLimitSeconds: 10 }
    expect(refusal(event({ created_at: NOW - 100 }), { limits })).toBeUndefined()
    expect(refusal(event({ created_at: NOW - 101 }), { limits })).toMatch(/^invalid: /)
    expect(refusal(event({ created_at: NOW + 10 }), { limits })).toBeUndefined()
    expect(refusal(event({ created_at: NOW + 11 }), { limits })).toMatch(/^invalid: /)
    expect(refusal(event({ created_at: 0 }))).toBeUndefined()
  })

  test('proof of work: the bits first, then the commitment to them', () => {
    const limits = { minPowDifficulty: 8 }
    const worked = `00${'f'.repeat(62)}`
    expect(refusal(event(), { limits })).toMatch(/^pow: difficulty 0 is less than 8/)
    expect(refusal(event({ id: worked }), { limits })).toMatch(/^pow: .*commit/)
    expect(refusal(event({ id: worked, tags: [['nonce', '1', '8']] }), { limits })).toBeUndefined()
    expect(
      refusal(event({ id: worked }), { limits: { ...limits, powRequiresCommitment: false } }),
    ).toBeUndefined()
  })

  test('expiration: the second that it names is too late', () => {
    expect(refusal(event({ tags: [['expiration', String(NOW + 1)]] }))).toBeUndefined()
    expect(refusal(event({ tags: [['expiration', String(NOW)]] }))).toMatch(/^invalid: /)
  })
})

describe('who may write', () => {
  test('AUTH events are never published', () => {
    expect(refusal(event({ kind: 22242 }))).toMatch(/^invalid: /)
  })

  test('where a key is required, none is auth-required and a strange one restricted', () => {
    const auth = { requiredToWrite: true, allowedPubkeys: [bob] }
    expect(refusal(event(), { auth })).toMatch(/^auth-required: /)
    expect(refusal(event(), { auth, pubkeys: [alice] })).toMatch(/^restricted: /)
    expect(refusal(event(), { auth, pubkeys: [alice, bob] })).toBeUndefined()
    expect(refusal(event(), { auth: { requiredToWrite: true }, pubkeys: [alice] })).toBeUndefined()
  })

  test('a protected event is taken from its author only', () => {
    const subject = event({ tags: [['-']] })
    expect(refusal(subject)).toMatch(/^auth-required: /)
    expect(refusal(subject, { pubkeys: [bob] })).toMatch(/^restricted: /)
    expect(refusal(subject, { pubkeys: [bob, alice] })).toBeUndefined()
  })

  test('a repost does not smuggle a protected event, not even its own author', () => {
    const embedded = JSON.stringify(event({ tags: [['-']] }))
    expect(refusal(event({ kind: 6, content: embedded }), { pubkeys: [alice] })).toMatch(/^blocked: /)
    expect(refusal(event({ kind: 6, content: '' }))).toBeUndefined()
  })
})
