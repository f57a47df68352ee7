import { expect, test } from 'vitest'
import { testEvent } from '../testing/index.ts'
import { matchesSearch, relevanceOf } from './relevance.ts'
import { parseSearch } from './search-query.ts'
import type { SearchableEvent } from './searchable-text.ts'

const note = (content: string, tags: readonly (readonly string[])[] = []) => testEvent({ content, tags })

function finds(search: string, event: SearchableEvent): boolean {
  return matchesSearch(parseSearch(search), event)
}

function scoreOf(search: string, event: SearchableEvent): number {
  return relevanceOf(parseSearch(search), event) ?? Number.NaN
}

test('every word has to be there, in any order', () => {
  const event = note('The orange pill is free')
  expect(finds('orange', event)).toBe(true)
  expect(finds('PILL Orange', event)).toBe(true)
  expect(finds('orange juice', event)).toBe(false)
  expect(finds('rang', event)).toBe(false)
})

test('accents make no difference, on either side (Q-11)', () => {
  expect(finds('cafe', note('un café crème'))).toBe(true)
  expect(finds('CAFÉ', note('un cafe'))).toBe(true)
})

test('in a script without spaces any part of a run is found, a single character too (Q-11)', () => {
  const event = note('我喜欢比特币和闪电网络')
  for (const search of ['比特币', '闪电', '币', '我喜欢比特币', '闪电 比特币'])
    expect(finds(search, event)).toBe(true)
  for (const search of ['币特', '比币', '京']) expect(finds(search, event)).toBe(false)
  expect(finds('비트코인', note('비트코인은 좋다'))).toBe(true)
})

test('of a profile, the names, the address and the description are searched, not its pictures', () => {
  const profile = testEvent({
    kind: 0,
    content: JSON.stringify({
      name: 'fiatjaf',
      display_name: 'Mr. Jaf',
      about: 'buy my merch',
      nip05: '_@fiatjaf.com',
      picture: 'https://example.org/cat.png',
    }),
  })
  for (const search of ['fiatjaf', 'jaf', 'merch', 'fiatjaf.com']) expect(finds(search, profile)).toBe(true)
  for (const search of ['picture', 'cat', 'name']) expect(finds(search, profile)).toBe(false)
})

test('a profile that is no JSON object has no words', () => {
  for (const content of ['orange', '"orange"', '["orange"]', 'null', '{"name":["orange"]}', '{"name":'])
    expect(finds('orange', testEvent({ kind: 0, content }))).toBe(false)
})

test('titles, summaries and hashtags are searched', () => {
  const article = testEvent({
    kind: 30023,
    content: 'text',
    tags: [['title', 'On Oranges'], ['summary', 'a fruit'], ['t', 'vitamins'], ['d', 'slug'], ['title']],
  })
  for (const search of ['oranges', 'fruit', 'vitamins', 'text oranges'])
    expect(finds(search, article)).toBe(true)
  expect(finds('slug', article)).toBe(false)
})

test('what is encrypted, ephemeral, a reaction or a repost is never found (Q-10)', () => {
  for (const kind of [3, 4, 6, 7, 13, 14, 16, 1059, 20_001, 21_059, 30_078, 9735])
    expect(finds('orange', testEvent({ kind, content: 'orange' })), `kind ${kind}`).toBe(false)
  expect(finds('orange', testEvent({ kind: 5050, content: 'orange', tags: [['encrypted']] }))).toBe(false)
})

test('of lists the titles are searched, not the content, which is private (NIP-51)', () => {
  const list = testEvent({ kind: 30_000, content: 'secret', tags: [['title', 'Bakers']] })
  expect(finds('bakers', list)).toBe(true)
  expect(finds('secret', list)).toBe(false)
})

test('without text every event matches, all alike; text without words matches none', () => {
  expect(relevanceOf(parseSearch('language:en'), note('x'))).toBe(0)
  expect(relevanceOf(parseSearch(''), testEvent({ kind: 4 }))).toBe(0)
  expect(relevanceOf(parseSearch('!?'), note('!?'))).toBeUndefined()
})

test('more occurrences, a shorter text, and a title make an event more relevant', () => {
  expect(scoreOf('orange', note('orange and orange again'))).toBeGreaterThan(
    scoreOf('orange', note('orange and apple again')),
  )
  expect(scoreOf('orange', note('orange'))).toBeGreaterThan(
    scoreOf('orange', note('orange in a long text here')),
  )
  const titled = testEvent({ kind: 30023, tags: [['title', 'orange']], content: 'a b c' })
  const untitled = testEvent({ kind: 30023, tags: [['title', 'a']], content: 'orange b c' })
  expect(scoreOf('orange', titled)).toBeGreaterThan(scoreOf('orange', untitled))
})

test('the words side by side as typed are more relevant than apart; across pieces they are apart', () => {
  const together = scoreOf('lightning network', note('the lightning network grows'))
  expect(together).toBeGreaterThan(scoreOf('lightning network', note('the network lightning grows')))
  const split = testEvent({ kind: 30023, tags: [['summary', 'lightning']], content: 'network it grows' })
  expect(together).toBeGreaterThan(scoreOf('lightning network', split))
  expect(scoreOf('la la land', note('oh la la la land ho'))).toBeGreaterThan(
    scoreOf('la la land', note('oh la land la la ho')),
  )
})

test('the score of an event is a whole number that stays as it is', () => {
  // Stored indexes hold what scores are made of: who changes these numbers must raise the version of the index files.
  expect(scoreOf('orange', note('an orange a day'))).toBe(526)
  expect(scoreOf('orange day', note('an orange a day'))).toBe(1_052)
  expect(scoreOf('an orange', note('an orange a day'))).toBe(1_352)
})

test('a word far behind in a very long text is not found, and the text costs no more than its beginning', () => {
  expect(finds('orange', note(`orange ${'x '.repeat(40_000)}`))).toBe(true)
  expect(finds('orange', note(`${'x '.repeat(40_000)} orange`))).toBe(false)
})
