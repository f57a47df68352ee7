import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Filter, NostrEvent } from '../nostr/index.ts'
import { matchesLive } from './live-match.ts'
import { SubscriptionIndex } from './subscription-index.ts'

// Few different values, so that events and filters meet.
const hex = fc.constantFrom(...Array.from('0123456', (digit) => digit.repeat(64)))
const kind = fc.integer({ min: 0, max: 4 })
const tagName = fc.constantFrom('e', 'p', 't', 'T')
const tagValue = fc.constantFrom('', 'a', 'b', 'c', 'd')
const seconds = fc.integer({ min: 0, max: 20 })
const manyAuthors = Array.from({ length: 600 }, (_, index) => index.toString(16).padStart(64, '0')).concat(
  '3'.repeat(64),
)

const filter: fc.Arbitrary<Filter> = fc.record(
  {
    ids: fc.uniqueArray(hex, { maxLength: 3 }),
    authors: fc.oneof(
      { weight: 9, arbitrary: fc.uniqueArray(hex, { maxLength: 4 }) },
      { weight: 1, arbitrary: fc.constant(manyAuthors) },
    ),
    kinds: fc.array(kind, { maxLength: 4 }),
    tags: fc.uniqueArray(fc.record({ name: tagName, values: fc.array(tagValue, { maxLength: 3 }) }), {
      selector: ({ name }) => name,
      maxLength: 3,
    }),
    since: seconds,
    until: seconds,
    search: fc.constantFrom('stoa', 'agora stoa', 'stoa include:spam', ''),
    spamFrom: fc.constant(60),
    limit: fc.nat(10),
  },
  { requiredKeys: [] },
)

const event: fc.Arbitrary<NostrEvent> = fc.record({
  id: hex,
  pubkey: hex,
  created_at: seconds,
  kind,
  tags: fc.array(fc.oneof(fc.tuple(tagName, tagValue), fc.tuple(tagName)), { maxLength: 5 }),
  content: fc.constantFrom('', 'the stoa', 'stoa and agora', 'stoa airdrop https://t.me/x'),
  sig: fc.constant(''),
})

const subscriber = fc.nat(60)
type Step = { add: number; filters: Filter[] } | { remove: number } | { event: NostrEvent }
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ add: subscriber, filters: fc.array(filter, { maxLength: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ remove: subscriber }) },
  { weight: 3, arbitrary: fc.record({ event }) },
)

test('an event reaches exactly the subscriptions that a walk over all of them finds', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
      const index = new SubscriptionIndex<number>()
      const all = new Map<number, Filter[]>()
      for (const each of steps) {
        if ('add' in each) {
          index.add(each.add, each.filters)
          all.set(each.add, each.filters)
        } else if ('remove' in each) {
          index.remove(each.remove)
          all.delete(each.remove)
        } else {
          const found: number[] = []
          index.forEachMatch(each.event, (subscriber) => found.push(subscriber))
          const expected = [...all].filter(([, filters]) =>
            filters.some((filter) => matchesLive(filter, each.event)),
          )
          expect(new Set(found)).toEqual(new Set(expected.map(([subscriber]) => subscriber)))
          expect(found).toHaveLength(expected.length)
        }
      }
      expect(index.size).toBe(all.size)
    }),
    { numRuns: 300 },
  )
})
