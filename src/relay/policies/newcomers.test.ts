import { expect, test } from 'vitest'
import { createMemoryStore } from '../../events/memory/index.ts'
import { encodeEvent, type NostrEvent } from '../../nostr/index.ts'
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

function relay() {
  const store = createMemoryStore()
  const deps = testDeps({ store })
  const policies = createWritePolicies(testSettings({ policies: { newcomers: { action: 'hold' } } }), deps)
  return {
    lists: deps.lists,
    judge: (event: Partial<NostrEvent>) => policies.judgeLate(testEvent(event), testContext()),
    keep: (event: NostrEvent) => store.put([Buffer.from(encodeEvent(event))], NOW_SECONDS),
  }
}

const held = { do: 'hold', why: expect.any(String) }

test('the posts of a key are held until one of them is stored', async () => {
  const { judge, keep } = relay()
  expect(await judge({})).toEqual(held)
  expect(await judge({})).toEqual(held)
  await keep(testEvent({ pubkey: BOB }))
  expect(await judge({})).toEqual(held)
  await keep(testEvent())
  expect(await judge({})).toBeUndefined()
  // From now on the key is known by heart.
  expect(judge({})).toBeUndefined()
})

test('a profile is no post: it is not held, and does not make its author known', async () => {
  const { judge, keep } = relay()
  expect(judge({ kind: 0 })).toBeUndefined()
  await keep(testEvent({ kind: 0 }))
  expect(await judge({ kind: 1 })).toEqual(held)
})

test('an allowed key need not wait', () => {
  const { judge, lists } = relay()
  lists.apply({ do: 'allow-pubkey', pubkey: ALICE, reason: '' })
  expect(judge({})).toBeUndefined()
})
