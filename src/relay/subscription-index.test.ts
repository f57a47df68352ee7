import { describe, expect, test } from 'vitest'
import type { Filter, NostrEvent } from '../nostr/index.ts'
import { SubscriptionIndex } from './subscription-index.ts'

const alice = 'a1'.repeat(32)
const bob = 'b0'.repeat(32)

function event(members: Partial<NostrEvent> = {}): NostrEvent {
  return {
    id: '1'.repeat(64),
    pubkey: alice,
    created_at: 1_000,
    kind: 1,
    tags: [],
    content: '',
    sig: '',
    ...members,
  }
}

function indexOf(subscriptions: Record<string, Filter[]>): SubscriptionIndex<string> {
  const index = new SubscriptionIndex<string>()
  for (const [name, filters] of Object.entries(subscriptions)) index.add(name, filters)
  return index
}

function reachedBy(index: SubscriptionIndex<string>, reaching: NostrEvent): string[] {
  const reached: string[] = []
  index.forEachMatch(reaching, (name) => reached.push(name))
  return reached.sort()
}

test('an event reaches the subscriptions that name its id, author, kind or tag, and those that name nothing', () => {
  const index = indexOf({
    id: [{ ids: ['1'.repeat(64)] }],
    author: [{ authors: [bob, alice] }],
    authorAndKind: [{ authors: [alice], kinds: [0, 1] }],
    kind: [{ kinds: [1] }],
    tag: [{ kinds: [1], tags: [{ name: 't', values: ['nostr'] }] }],
    all: [{}],
    otherId: [{ ids: ['2'.repeat(64)] }],
    otherAuthor: [{ authors: [bob] }],
    otherKind: [{ authors: [alice], kinds: [7] }],
    otherTag: [{ tags: [{ name: 't', values: ['bitcoin'] }] }],
    otherTagName: [{ tags: [{ name: 'T', values: ['nostr'] }] }],
    later: [{ kinds: [1], since: 1_001 }],
  })
  expect(reachedBy(index, event({ tags: [['t', 'nostr']] }))).toEqual([
    'all',
    'author',
    'authorAndKind',
    'id',
    'kind',
    'tag',
  ])
})

test('a subscription that matches in several ways is visited once', () => {
  const index = indexOf({
    one: [{ kinds: [1, 1] }, { authors: [alice] }, { tags: [{ name: 't', values: ['a', 'b', 'a'] }] }],
  })
  const tags = [
    ['t', 'a'],
    ['t', 'b'],
    ['t', 'a'],
  ]
  expect(reachedBy(index, event({ tags }))).toEqual(['one'])
})

test('a filter with an empty list matches nothing, but the filters beside it do', () => {
  const index = indexOf({
    nothing: [{ ids: [] }, { authors: [] }, { kinds: [] }, { tags: [{ name: 't', values: [] }] }],
    something: [{ kinds: [] }, { kinds: [1] }],
    none: [],
  })
  expect(reachedBy(index, event())).toEqual(['something'])
})

test('adding again replaces', () => {
  const index = indexOf({ one: [{ kinds: [1] }] })
  index.add('one', [{ kinds: [2] }])
  expect(index.size).toBe(1)
  expect(reachedBy(index, event())).toEqual([])
  expect(reachedBy(index, event({ kind: 2 }))).toEqual(['one'])
})

describe('while an event is fanned out', () => {
  const names = Array.from({ length: 100 }, (_, index) => `${index}`)

  test('a visited subscription may remove itself, and all others are still visited once', () => {
    const index = indexOf(Object.fromEntries(names.map((name) => [name, [{ kinds: [1] }]])))
    const reached: string[] = []
    index.forEachMatch(event(), (name) => {
      reached.push(name)
      index.remove(name)
    })
    expect(reached.sort()).toEqual([...names].sort())
    expect(reachedBy(index, event())).toEqual([])
  })

  test('one that is removed before its turn is not visited', () => {
    const index = indexOf(Object.fromEntries(names.map((name) => [name, [{ kinds: [1] }]])))
    const reached: string[] = []
    index.forEachMatch(event(), (name) => {
      reached.push(name)
      for (const other of names) if (other !== name) index.remove(other)
    })
    expect(reached).toHaveLength(1)
    expect(reachedBy(index, event())).toEqual(reached)
  })
})

test('a tag whose value is missing is no match for an empty value', () => {
  const index = indexOf({ one: [{ tags: [{ name: 'd', values: [''] }] }] })
  expect(reachedBy(index, event({ tags: [['d']] }))).toEqual([])
  expect(reachedBy(index, event({ tags: [['d', '']] }))).toEqual(['one'])
})

test('of thousands that want the same, those that stay are visited once and those that left are not', () => {
  const index = new SubscriptionIndex<number>()
  const subscribers = Array.from({ length: 3_000 }, (_, subscriber) => subscriber)
  for (const subscriber of subscribers) index.add(subscriber, [{ kinds: [1] }])
  const staying = subscribers.filter((subscriber) => subscriber % 5 === 0)
  for (const subscriber of subscribers) {
    // The order of leaving jumps about: 7 and 3,000 have no common divisor.
    const leaving = (subscriber * 7) % 3_000
    if (leaving % 5 !== 0) index.remove(leaving)
  }
  const reached: number[] = []
  index.forEachMatch(event(), (subscriber) => reached.push(subscriber))
  expect(reached.sort((a, b) => a - b)).toEqual(staying)
})

test('nothing is left of 20,000 subscriptions that came and went', () => {
  const index = new SubscriptionIndex<number>()
  const filtersOf = (subscriber: number): Filter[] => [
    { ids: [`${subscriber}`] },
    { authors: [`${subscriber}`, `${subscriber % 7}`], kinds: [subscriber % 3] },
    { authors: [`${subscriber}`] },
    { kinds: [subscriber % 5] },
    { tags: [{ name: 'e', values: [`${subscriber}`] }] },
    {},
  ]
  for (let subscriber = 0; subscriber < 20_000; subscriber++) index.add(subscriber, filtersOf(subscriber))
  for (let subscriber = 0; subscriber < 20_000; subscriber++) index.remove(subscriber)
  expect(countReachable(index)).toBe(countReachable(new SubscriptionIndex<number>()))
})

/** How many objects and map entries can be reached from a value. */
function countReachable(root: unknown): number {
  const seen = new Set<unknown>()
  const open: unknown[] = [root]
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value !== 'object' || value === null || seen.has(value)) continue
    seen.add(value)
    if (value instanceof Map) open.push(...[...value].flat(), ...[...value.keys()].map((key) => ({ key })))
    else open.push(...Object.values(value))
  }
  return seen.size
}
