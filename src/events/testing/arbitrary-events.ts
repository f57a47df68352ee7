import fc from 'fast-check'
import type { NostrEvent } from '../../nostr/index.ts'
import { bob, carol, NOW_SECONDS, testEvent } from './test-event.ts'
import {
  addressNaming,
  author,
  contents,
  createdAt,
  dValues,
  kinds,
  nearNow,
  pick,
  picked,
  pickedEvents,
  sometimes,
  topics,
} from './universe.ts'

/**
 * Events of a small universe, so that they meet: they share addresses and seconds, and later ones reply to,
 * replace or delete earlier ones. What comes first here need not arrive first.
 */
export function arbitraryPool(): fc.Arbitrary<readonly NostrEvent[]> {
  return fc.array(eventRecipe, { minLength: 1, maxLength: 30, size: 'max' }).map(cookPool)
}

const kind = fc.constantFrom(...kinds, 1, 1, 5, 10002, 30023, 30023, 1059)

/** How an event is made once the events before it are known. */
type EventRecipe = (earlier: readonly NostrEvent[]) => NostrEvent
/** How a tag is made once the events before its own are known. */
type TagRecipe = (earlier: readonly NostrEvent[]) => readonly string[]

const plainTag: fc.Arbitrary<TagRecipe> = fc
  .oneof(
    fc.constantFrom(...dValues).map((value) => ['d', value]),
    fc.constant(['d']),
    fc.constantFrom(...topics).map((value) => ['t', value]),
    fc.constant(['t']),
    fc
      .tuple(fc.constantFrom(...topics), fc.constantFrom(...topics))
      .map(([first, second]) => ['t', first, second]),
    fc.constantFrom(...topics).map((value) => ['T', value]),
    author.map((pubkey) => ['p', pubkey]),
    fc.constantFrom('', 'soon', '-1', '1.5').map((value) => ['expiration', value]),
    fc.constantFrom('e', 'a').map((name) => [name, 'nonsense']),
    fc.constantFrom('e', 'a').map((name) => [name]),
  )
  .map((tag) => () => tag)

const referringTag: fc.Arbitrary<TagRecipe> = fc.oneof(
  pick.map(
    (n): TagRecipe =>
      (earlier) => ['e', picked(earlier, n)?.id ?? 'none'],
  ),
  pick.map(
    (n): TagRecipe =>
      (earlier) => ['a', addressNaming(picked(earlier, n))],
  ),
  pick.map(
    (n): TagRecipe =>
      (earlier) => ['E', picked(earlier, n)?.id ?? 'none'],
  ),
)

const expiration = fc
  .integer({ min: -1, max: 6 })
  .map((seconds) => ['expiration', String(NOW_SECONDS + seconds)])

const anyEvent: fc.Arbitrary<EventRecipe> = fc
  .record({
    pubkey: author,
    kind,
    created_at: createdAt,
    content: fc.constantFrom(...contents),
    tags: fc.array(fc.oneof(plainTag, referringTag), { maxLength: 4 }),
    expiring: sometimes(expiration),
  })
  .map(({ tags, expiring, ...fields }) => {
    return (earlier) => {
      const others = tags.map((tag) => tag(earlier))
      return testEvent({ ...fields, tags: expiring === undefined ? others : [...others, expiring] })
    }
  })

/** Another version of an earlier event: same author, kind and tags, so the same address if it has one. */
const anotherVersion: fc.Arbitrary<EventRecipe> = fc
  .record({ original: pick, created_at: createdAt, content: fc.constantFrom(...contents) })
  .map(({ original, ...fields }) => {
    return (earlier) => {
      const { pubkey, kind, tags } = picked(earlier, original) ?? testEvent()
      return testEvent({ pubkey, kind, tags, ...fields })
    }
  })

/** A deletion that names earlier events by `e`, `a` or both, mostly with the right to. */
const deletionOfEarlier: fc.Arbitrary<EventRecipe> = fc
  .record({
    targets: fc.array(pick, { minLength: 1, maxLength: 3 }),
    by: fc.constantFrom('author', 'author', 'recipient', 'stranger'),
    names: fc.constantFrom<readonly string[]>(['e'], ['a'], ['e', 'a']),
    created_at: nearNow,
  })
  .map(({ targets, by, names, created_at }) => {
    return (earlier) => {
      const victims = pickedEvents(earlier, targets)
      const [first = testEvent()] = victims
      const recipient = first.tags.find(([name, value]) => name === 'p' && value !== undefined)?.[1]
      const pubkey = by === 'author' ? first.pubkey : by === 'recipient' ? (recipient ?? bob) : carol
      const tags = victims.flatMap((victim) =>
        names.map((name) => [name, name === 'e' ? victim.id : addressNaming(victim)]),
      )
      return testEvent({ kind: 5, pubkey, created_at, tags })
    }
  })

/** To one of the few authors, so that recipients who vanish or read meet some. */
const giftWrap: fc.Arbitrary<EventRecipe> = fc
  .record({ pubkey: author, recipient: author, created_at: nearNow })
  .map(({ recipient, ...fields }) => {
    return () => testEvent({ kind: 1059, tags: [['p', recipient]], ...fields })
  })

const requestToVanish: fc.Arbitrary<EventRecipe> = fc
  .record({ pubkey: author, created_at: nearNow, expiring: sometimes(expiration) })
  .map(({ expiring, ...fields }) => {
    const relay = ['relay', 'ALL_RELAYS']
    return () =>
      testEvent({ kind: 62, tags: expiring === undefined ? [relay] : [relay, expiring], ...fields })
  })

const eventRecipe: fc.Arbitrary<EventRecipe> = fc.oneof(
  { weight: 12, arbitrary: anyEvent },
  { weight: 6, arbitrary: anotherVersion },
  { weight: 4, arbitrary: deletionOfEarlier },
  { weight: 2, arbitrary: giftWrap },
  { weight: 1, arbitrary: requestToVanish },
)

function cookPool(recipes: readonly EventRecipe[]): readonly NostrEvent[] {
  const pool: NostrEvent[] = []
  for (const recipe of recipes) pool.push(recipe(pool))
  return pool
}
