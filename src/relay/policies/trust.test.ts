import { expect, test, vi } from 'vitest'
import { createMemoryStore } from '../../events/memory/index.ts'
import { encodeEvent, type NostrEvent } from '../../nostr/index.ts'
import type { RelaySettings } from '../settings.ts'
import { trustedKeys } from './follow-graph.ts'
import { NOW_SECONDS, testContext, testDeps, testEvent, testSettings } from './testing/policy-kit.ts'
import { createWritePolicies } from './write-policies.ts'

/** Keys that can be read: `key(3)` is 0303… */
const key = (number: number) => number.toString(16).padStart(2, '0').repeat(32)

async function storeOf(follows: Readonly<Record<number, readonly number[]>>) {
  const store = createMemoryStore()
  const lists = Object.entries(follows).map(([author, followed]) =>
    testEvent({
      kind: 3,
      pubkey: key(Number(author)),
      tags: [['p', 'no key'], ['t', key(99)], ...followed.map((number) => ['p', key(number)])],
    }),
  )
  await store.put(
    lists.map((event) => Buffer.from(encodeEvent(event))),
    NOW_SECONDS,
  )
  return store
}

const GRAPH = { 1: [2, 3, 3], 2: [4, 5], 3: [5, 6], 4: [7], 5: [7, 1], 8: [9] }

async function reached(rules: { depth: number; minFollowers: number }): Promise<readonly number[]> {
  const reader = {
    store: await storeOf(GRAPH),
    nowSeconds: NOW_SECONDS,
    signal: new AbortController().signal,
  }
  const keys = await trustedKeys({ seeds: [key(1)], ...rules }, reader)
  return [...keys].map((hex) => Number.parseInt(hex.slice(0, 2), 16)).toSorted((a, b) => a - b)
}

test('a key is trusted within so many steps, and farther off only with enough followers', async () => {
  expect(await reached({ depth: 1, minFollowers: 9 })).toEqual([1, 2, 3])
  expect(await reached({ depth: 2, minFollowers: 1 })).toEqual([1, 2, 3, 4, 5, 6])
  expect(await reached({ depth: 2, minFollowers: 2 })).toEqual([1, 2, 3, 5])
  expect(await reached({ depth: 3, minFollowers: 1 })).toEqual([1, 2, 3, 4, 5, 6, 7])
  expect(await reached({ depth: 3, minFollowers: 2 })).toEqual([1, 2, 3, 5])
  expect(await reached({ depth: 5, minFollowers: 1 })).not.toContain(9)
})

async function relayThatTrusts(trust: Partial<RelaySettings['policies']['trust']> = {}) {
  const deps = testDeps({ store: await storeOf(GRAPH) })
  const policies = createWritePolicies(
    testSettings({ policies: { trust: { seeds: [key(1)], ...trust } } }),
    deps,
  )
  const judge = (event: Partial<NostrEvent>, context = testContext()) =>
    policies.judgeLate(testEvent(event), context)
  return { policies, deps, judge }
}

const refused = expect.objectContaining({ do: 'refuse' })

test('authors outside of the web are refused; some kinds, members and allowed keys are not', async () => {
  const { policies, deps, judge } = await relayThatTrusts()
  await vi.waitFor(() =>
    expect(deps.notices).toMatchObject([{ event: 'policies.trust_built', facts: { keys: 6 } }]),
  )
  expect(judge({ pubkey: key(6) })).toBeUndefined()
  expect(judge({ pubkey: key(9) })).toEqual(refused)
  for (const kind of [0, 3, 10002, 10050, 1059, 23194, 62, 28934]) {
    expect(judge({ pubkey: key(9), kind })).toBeUndefined()
  }
  expect(judge({ pubkey: key(9) }, testContext({ level: 2, pubkeys: [key(9)] }))).toBeUndefined()
  deps.lists.apply({ do: 'allow-pubkey', pubkey: key(9), reason: '' })
  expect(judge({ pubkey: key(9) })).toBeUndefined()
  policies.close()
})

test('until the web is built, the operator says what happens', async () => {
  const accepting = await relayThatTrusts()
  expect(accepting.judge({ pubkey: key(9) })).toBeUndefined()
  accepting.policies.close()
  const refusing = await relayThatTrusts({ whenUnready: 'refuse' })
  expect(refusing.judge({ pubkey: key(6) })).toMatchObject({ text: expect.stringMatching(/^error: /) })
  refusing.policies.close()
})

test('a store that fails is told of, and nobody is shut out by it', async () => {
  const store = { query: () => ({ next: () => Promise.reject(new Error('disk')) }) }
  const deps = testDeps({ store })
  const policies = createWritePolicies(testSettings({ policies: { trust: { seeds: [key(1)] } } }), deps)
  await vi.waitFor(() => expect(deps.notices).toMatchObject([{ event: 'policies.trust_failed' }]))
  expect(policies.judgeLate(testEvent({ pubkey: key(9) }), testContext())).toBeUndefined()
  policies.close()
})
