import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type FollowedList, MAX_RECOMMENDED, recommendRelays } from './recommend-relays.ts'
import { relayFigures } from './testing/relay-figures.ts'

const PUBKEY = 'e'.repeat(64)
const NOW = 1_800_000_000
const RELAYS = Array.from({ length: 16 }, (_, index) => `wss://r${index}.example.com`)

const lists = fc
  .array(fc.uniqueArray(fc.constantFrom(...RELAYS), { maxLength: 5 }), { maxLength: 30 })
  .map((all): readonly FollowedList[] =>
    all.map((writeRelays, index) => ({ pubkey: index.toString(16).padStart(64, '0'), writeRelays })),
  )
const condition = fc.record({
  uptime: fc.constantFrom(0, 0.01, 0.5, 0.99, 1),
  healthScore: fc.integer({ min: 1, max: 100 }),
  latencyP50Ms: fc.option(fc.integer({ min: 1, max: 5000 }), { nil: undefined }),
})
const figures = fc
  .array(fc.option(condition), { minLength: RELAYS.length, maxLength: RELAYS.length })
  .map((conditions) =>
    conditions.flatMap((one, index) => (one === null ? [] : [relayFigures(RELAYS[index]!, one)])),
  )
const world = fc.record({ lists, figures })

const recommend = (question: {
  lists: readonly FollowedList[]
  figures: ReturnType<typeof relayFigures>[]
}) => recommendRelays({ pubkey: PUBKEY, now: NOW, ...question })

test('the order of follows, of their relays and of the figures makes no difference', () => {
  fc.assert(
    fc.property(
      world.chain(({ lists: some, figures: of }) =>
        fc.record({
          before: fc.constant({ lists: some, figures: of }),
          after: fc.record({
            lists: fc
              .shuffledSubarray([...some], { minLength: some.length })
              .map((all) =>
                all.map(({ pubkey, writeRelays }) => ({ pubkey, writeRelays: writeRelays.toReversed() })),
              ),
            figures: fc.shuffledSubarray(of, { minLength: of.length }),
          }),
        }),
      ),
      ({ before, after }) => {
        expect(recommend(after)).toEqual(recommend(before))
      },
    ),
  )
})

test('coverage only grows: what each adds makes up what all cover, and scores fall', () => {
  fc.assert(
    fc.property(world, (question) => {
      const body = recommend(question)
      expect(body.relays.length).toBeLessThanOrEqual(MAX_RECOMMENDED)
      expect(body.relays.reduce((sum, { adds }) => sum + adds, 0)).toBe(body.covered)
      expect(body.relays.every(({ adds, reaches }) => adds >= 0 && adds <= reaches)).toBe(true)
      const scores = body.relays.map(({ score }) => score)
      expect(scores).toEqual(scores.toSorted((a, b) => b - a))
      const reached = new Set(body.relays.map(({ url }) => url))
      const people = question.lists.filter(({ writeRelays }) => writeRelays.some((url) => reached.has(url)))
      expect(body.covered).toBe(people.length)
    }),
  )
})

test('as long as there are no more relays than are recommended, everybody with a living relay is covered', () => {
  const few = RELAYS.slice(0, MAX_RECOMMENDED)
  fc.assert(
    fc.property(world, ({ lists: some, figures: all }) => {
      const known = all.filter(({ url }) => few.includes(url))
      const dead = new Set(known.filter(({ uptime }) => uptime! < 0.05).map(({ url }) => url))
      const cut = some.map(({ pubkey, writeRelays }) => ({
        pubkey,
        writeRelays: writeRelays.filter((url) => few.includes(url)),
      }))
      // Well enough that nobody is left out for being worth too little.
      const well = known.map((one) => (dead.has(one.url) ? one : relayFigures(one.url)))
      const reachable = cut.filter(({ writeRelays }) => writeRelays.some((url) => !dead.has(url)))
      expect(recommend({ lists: cut, figures: well }).covered).toBe(reachable.length)
    }),
  )
})

test('a dead relay is never recommended', () => {
  fc.assert(
    fc.property(world, (question) => {
      const dead = new Set(question.figures.filter(({ uptime }) => uptime! < 0.05).map(({ url }) => url))
      expect(recommend(question).relays.filter(({ url }) => dead.has(url))).toEqual([])
    }),
  )
})

test('the choice gives at least 63 % of what the best choice of as many relays gives', () => {
  const few = RELAYS.slice(0, 8)
  const small = fc
    .array(fc.uniqueArray(fc.constantFrom(...few), { minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 12,
    })
    .map((all): readonly FollowedList[] =>
      all.map((writeRelays, index) => ({ pubkey: index.toString(16).padStart(64, '0'), writeRelays })),
    )
  fc.assert(
    fc.property(small, fc.integer({ min: 1, max: 3 }), (some, count) => {
      const alive = few.map((url) => relayFigures(url))
      const chosen = recommend({ lists: some, figures: alive }).relays.slice(0, count)
      const urls = chosen.map(({ url }) => url)
      const best = Math.max(...subsets(few, count).map((subset) => worth(subset, some)))
      expect(worth(urls, some)).toBeGreaterThanOrEqual((1 - 1 / Math.E) * best - 1e-9)
    }),
  )
})

/** The plain meaning of what the greedy choice goes after, with all relays equally good. */
function worth(urls: readonly string[], some: readonly FollowedList[]): number {
  return some.reduce((sum, { writeRelays }) => {
    const times = writeRelays.filter((url) => urls.includes(url)).length
    return sum + Array.from({ length: times }, (_, n) => 1 / 4 ** n).reduce((a, b) => a + b, 0)
  }, 0)
}

function subsets(items: readonly string[], count: number): readonly (readonly string[])[] {
  if (count === 0) return [[]]
  return items.flatMap((item, index) =>
    subsets(items.slice(index + 1), count - 1).map((rest) => [item, ...rest]),
  )
}
