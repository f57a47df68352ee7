import { expect, test } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { AccessLists } from '../access-lists.ts'
import type { PolicySettings } from '../settings.ts'
import { ALICE, testContext, testDeps, testEvent, testSettings } from './testing/policy-kit.ts'
import { createWritePolicies } from './write-policies.ts'

function judge(
  event: Partial<NostrEvent>,
  keywords: Partial<PolicySettings['keywords']>,
  lists = new AccessLists(),
) {
  const policies = createWritePolicies(testSettings({ policies: { keywords } }), testDeps({ lists }))
  return policies.judgeLate(testEvent(event), testContext())
}

const blocked = expect.objectContaining({ text: expect.stringMatching(/^blocked: /) })

test.each([
  ['casino', 'The CASINO opens', true],
  ['casino', 'The casinos open', false],
  ['casino', 'casino', true],
  ['free money', 'Really free money!', true],
  ['赌博', '网上赌博平台', true],
  ['/wa\\.me\\/\\d+/', 'write to wa.me/123', true],
  ['/wa\\.me\\/\\d+/', 'write to wa.me/abc', false],
])('%s in %j: %s', (word, content, isFound) => {
  expect(judge({ content }, { words: [word] })).toEqual(isFound ? blocked : undefined)
})

test('titles and hashtags are read too, and what is encrypted is not', () => {
  const words = ['casino']
  expect(judge({ tags: [['title', 'My casino']] }, { words })).toEqual(blocked)
  expect(judge({ tags: [['t', 'casino']] }, { words })).toEqual(blocked)
  expect(judge({ tags: [['r', 'casino']] }, { words })).toBeUndefined()
  expect(judge({ kind: 1059, content: 'casino' }, { words })).toBeUndefined()
})

test('the operator chooses what happens', () => {
  const words = ['casino']
  expect(judge({ content: 'casino' }, { words, action: 'pretend' })).toEqual({ do: 'pretend' })
  expect(judge({ content: 'casino' }, { words, action: 'hold' })).toMatchObject({ do: 'hold' })
})

test('an allowed author may say anything', () => {
  const lists = new AccessLists()
  lists.apply({ do: 'allow-pubkey', pubkey: ALICE, reason: '' })
  expect(judge({ content: 'casino' }, { words: ['casino'] }, lists)).toBeUndefined()
})
