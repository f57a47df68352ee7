import fc from 'fast-check'
import { expect, test } from 'vitest'
import { testEvent } from '../testing/index.ts'
import { occurrencesIn, PHRASE_SCORE, termScore } from './impact.ts'
import { IndexedWords, indexHashesOf } from './index-words.ts'
import { relevanceOf } from './relevance.ts'
import { parseSearch, type SearchTerm } from './search-query.ts'
import type { SearchableEvent } from './searchable-text.ts'

const alphabet = [
  'a',
  'B',
  'é',
  'e\u0301',
  'ß',
  'я',
  ' ',
  '\n',
  '.',
  ':',
  '東',
  '京',
  '都',
  'ー',
  'ガ',
  '🍊',
  '𠮷',
  '한',
  'ก',
  '่',
  '\uD800',
]
const text = fc.array(fc.constantFrom(...alphabet), { maxLength: 30 }).map((parts) => parts.join(''))

const event: fc.Arbitrary<SearchableEvent> = fc
  .record({ content: text, title: text, kind: fc.constantFrom(1, 30023, 0, 7, 30000) })
  .map(({ content, title, kind }) =>
    testEvent({
      kind,
      content: kind === 0 ? JSON.stringify({ name: content }) : content,
      tags: [['title', title]],
    }),
  )

/** What an index would know of an event. */
function filedUnder(event: SearchableEvent): ReadonlyMap<number, number> {
  const words = new IndexedWords()
  words.read(event)
  return new Map(Array.from({ length: words.count }, (_, n) => [words.hashes[n]!, words.impactAt(n)]))
}

/** The most that an event can score by what the index knows; undefined when it proposes it not at all. */
function boundFor(terms: readonly SearchTerm[], filed: ReadonlyMap<number, number>): number | undefined {
  let bound = terms.length > 1 ? PHRASE_SCORE : 0
  for (const term of terms) {
    const impacts = indexHashesOf(term).map((hash) => filed.get(hash) ?? 0)
    const least = impacts.reduce((a, b) => (occurrencesIn(a) <= occurrencesIn(b) ? a : b))
    if (occurrencesIn(least) === 0) return undefined
    bound += termScore(least)
  }
  return bound
}

test('an index proposes every event that matches, and never for less than its score', () => {
  fc.assert(
    fc.property(event, text, (event, search) => {
      const query = parseSearch(search)
      fc.pre(query.terms.length > 0 && new Set(query.sequence).size === query.sequence.length)
      const score = relevanceOf(query, event)
      const bound = boundFor(query.terms, filedUnder(event))
      if (score !== undefined) expect(bound).toBeGreaterThanOrEqual(score)
    }),
    { numRuns: 2_000 },
  )
})

test('for one whole word the index knows the exact score', () => {
  fc.assert(
    fc.property(event, fc.constantFrom('a', 'b', 'e', 'ss', 'ab', '京', '東京', '🍊'), (event, search) => {
      const query = parseSearch(search)
      expect(boundFor(query.terms, filedUnder(event))).toBe(relevanceOf(query, event))
    }),
    { numRuns: 2_000 },
  )
})

test('words read one event after the other are those of each event alone', () => {
  const shared = new IndexedWords()
  const long = testEvent({ content: Array.from({ length: 3_000 }, (_, n) => `w${n}`).join(' ') })
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 5, arbitrary: event }, { weight: 1, arbitrary: fc.constant(long) }), {
        maxLength: 8,
      }),
      (events) => {
        for (const event of events) {
          shared.read(event)
          const read = Array.from({ length: shared.count }, (_, n) => [shared.hashes[n]!, shared.impactAt(n)])
          expect(new Map(read as [number, number][])).toEqual(filedUnder(event))
          expect(new Set(shared.hashes.subarray(0, shared.count)).size).toBe(shared.count)
        }
      },
    ),
  )
})
