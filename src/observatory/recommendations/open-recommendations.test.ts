import { expect, test } from 'vitest'
import { createManualClock } from '../../kernel/index.ts'
import { type Filter, matchesFilter, type NostrEvent } from '../../nostr/index.ts'
import type { Snapshot } from '../snapshot.ts'
import { openRecommendations } from './index.ts'
import { relayFigures } from './testing/relay-figures.ts'

const key = (number: number) => number.toString(16).padStart(64, '0')
const ME = key(0xabcdef)

function event(
  kind: number,
  author: string,
  tags: readonly (readonly string[])[],
  created_at = 100,
): NostrEvent {
  const id = `${kind}${author.slice(-20)}${created_at}`.padStart(64, '0')
  return { id, pubkey: author, created_at, kind, tags, content: '', sig: '' }
}

function testRecommendations(events: readonly NostrEvent[], relays = [relayFigures('wss://a.example.com')]) {
  const asked: Filter[] = []
  const clock = createManualClock(1_800_000_000_000)
  const recommendations = openRecommendations({
    find: async (filter) => {
      asked.push(filter)
      return events.filter((one) => matchesFilter(filter, one))
    },
    source: {
      snapshot: async () =>
        relays.length === 0
          ? undefined
          : {
              snapshot: { relays, atSeconds: 1_800_000_000 } as unknown as Snapshot,
              from: 'engine',
              version: '1',
            },
    },
    clock,
  })
  return { recommendations, asked, clock }
}

const follow = (...numbers: number[]) =>
  event(
    3,
    ME,
    numbers.map((number) => ['p', key(number)]),
  )

test('follows come from the newest contact list, relays from the newest lists, read relays do not count', async () => {
  const { recommendations } = testRecommendations([
    event(3, ME, [['p', key(9)]], 50),
    event(
      3,
      ME,
      [
        ['p', key(1)],
        ['p', key(2)],
        ['p', ME],
        ['p', 'nonsense'],
      ],
      100,
    ),
    event(10002, key(1), [['r', 'wss://old.example.com']], 50),
    event(10002, key(1), [['r', 'wss://a.example.com', 'write']], 100),
    event(10002, key(2), [
      ['r', 'wss://a.example.com', 'read'],
      ['r', 'wss://a.example.com/'],
    ]),
  ])
  const outcome = await recommendations.recommend(ME)
  expect(outcome.ok && outcome.value).toMatchObject({
    follows: 2,
    follows_with_lists: 2,
    covered: 2,
    updated_at: '2027-01-15T08:00:00.000Z',
    relays: [{ url: 'wss://a.example.com', reaches: 2 }],
  })
})

test('three thousand follows are two thousand, and asked for in pages of five hundred', async () => {
  const { recommendations, asked } = testRecommendations([
    follow(...Array.from({ length: 3_000 }, (_, n) => n + 1)),
  ])
  const outcome = await recommendations.recommend(ME)
  expect(outcome.ok && outcome.value).toMatchObject({ follows: 2_000, follows_with_lists: 0, relays: [] })
  expect(asked.map(({ authors }) => authors?.length)).toEqual([1, 500, 500, 500, 500])
})

test('an answer is kept for five minutes, and one asked for twice at once is worked out once', async () => {
  const { recommendations, asked, clock } = testRecommendations([follow(1)])
  const [one, other] = await Promise.all([recommendations.recommend(ME), recommendations.recommend(ME)])
  expect(one).toEqual(other)
  await recommendations.recommend(ME)
  expect(asked).toHaveLength(2)
  clock.advanceSeconds(301)
  await recommendations.recommend(ME)
  expect(asked).toHaveLength(4)
})

test('refusals say what is missing', async () => {
  const nobody = testRecommendations([]).recommendations
  expect(await nobody.recommend(ME)).toMatchObject({ ok: false, refusal: { code: 'NO_FOLLOWS' } })
  expect(await nobody.recommend('npub1…')).toMatchObject({ ok: false, refusal: { code: 'NOT_A_KEY' } })
  const blind = testRecommendations([follow(1)], []).recommendations
  expect(await blind.recommend(ME)).toMatchObject({ ok: false, refusal: { code: 'NO_FIGURES' } })
})

test('a ninth key at once is refused, and a store that fails leaves nothing behind', async () => {
  let isBroken = true
  const clock = createManualClock(0)
  const recommendations = openRecommendations({
    find: async () => {
      if (isBroken) throw new Error('the store is away')
      return [follow(1)]
    },
    source: { snapshot: async () => undefined },
    clock,
  })
  const outcomes = await Promise.allSettled(
    Array.from({ length: 9 }, (_, n) => recommendations.recommend(key(n + 1))),
  )
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(8)
  expect(outcomes[8]).toMatchObject({ status: 'fulfilled', value: { ok: false, refusal: { code: 'BUSY' } } })
  isBroken = false
  expect(await recommendations.recommend(ME)).toMatchObject({ ok: false, refusal: { code: 'NO_FIGURES' } })
})
