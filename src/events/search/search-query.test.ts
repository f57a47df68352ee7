import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_SEARCH_WORDS, parseSearch } from './search-query.ts'

function termsOf(search: string): readonly string[] {
  return parseSearch(search).terms.map(({ text }) => text)
}

test('a search is its words, folded, each once', () => {
  const query = parseSearch('  Orange  PILL orange ')
  expect(query.terms).toEqual([
    { text: 'orange', isUnspaced: false },
    { text: 'pill', isUnspaced: false },
  ])
  expect(query.sequence).toEqual([0, 1, 0])
  expect(query.hasText).toBe(true)
})

test('key:value pairs are extensions and no words (Q-04, Q-05)', () => {
  const query = parseSearch('orange foo:bar include:spam domain:example.com Language:EN nsfw:false')
  expect(query.terms.map(({ text }) => text)).toEqual(['orange'])
  expect(query.includesSpam).toBe(true)
  expect(query.extensions).toEqual([
    { key: 'foo', value: 'bar' },
    { key: 'include', value: 'spam' },
    { key: 'domain', value: 'example.com' },
    { key: 'language', value: 'EN' },
    { key: 'nsfw', value: 'false' },
  ])
})

test('links, references, times, quoted pairs and a lone colon are text', () => {
  expect(termsOf('https://example.com')).toEqual(['example', 'com'])
  expect(termsOf(`nostr:npub1${'q'.repeat(58)}`)).toEqual([`npub1${'q'.repeat(58)}`])
  expect(termsOf('at 12:30')).toEqual(['at', '12', '30'])
  expect(termsOf('"foo:bar"')).toEqual(['foo', 'bar'])
  expect(termsOf('note: this')).toEqual(['note', 'this'])
})

test('without text a search has no condition; with text that holds no word, it has one that nothing fulfils', () => {
  expect(parseSearch('')).toMatchObject({ hasText: false, terms: [] })
  expect(parseSearch(' \t ')).toMatchObject({ hasText: false, terms: [] })
  expect(parseSearch('language:en')).toMatchObject({ hasText: false, terms: [] })
  expect(parseSearch('???')).toMatchObject({ hasText: true, terms: [] })
})

test('operators, quotes and the syntax of query languages are no error and mean nothing (Q-08)', () => {
  expect(termsOf('"lazy dog" -fox +cat (a OR b) c* & | ! <->')).toEqual([
    'lazy',
    'dog',
    'fox',
    'cat',
    'a',
    'or',
    'b',
    'c',
  ])
  expect(termsOf("'; DROP TABLE events; --")).toEqual(['drop', 'table', 'events'])
})

test('however much is typed, what is looked for stays small (Q-08)', () => {
  const long = Array.from({ length: 2_000 }, (_, n) => `word${n}`).join(' ')
  expect(parseSearch(long).terms).toHaveLength(MAX_SEARCH_WORDS)
  const run = parseSearch('京'.repeat(10_000))
  expect(run.terms.map(({ text }) => text.length)).toEqual([64])
  expect(parseSearch('a:b '.repeat(2_500)).extensions.length).toBeLessThanOrEqual(32)
})

test('whatever is typed is read, and its words are folded already', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (search) => {
      const { terms, sequence } = parseSearch(search)
      expect(new Set(sequence).size).toBe(terms.length)
      for (const { text } of terms) expect(text.length).toBeGreaterThan(0)
    }),
  )
})
