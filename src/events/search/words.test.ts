import { expect, test } from 'vitest'
import { MAX_WORD_UNITS, readableText, WordReader } from './words.ts'

function wordsOf(text: string): readonly string[] {
  const reader = new WordReader()
  reader.open(readableText(text))
  const words: string[] = []
  while (reader.next()) words.push(reader.text.slice(reader.start, reader.end))
  return words
}

test('words are runs of letters and digits, in lower case', () => {
  expect(wordsOf('GM, #Nostr! 21 million… don’t_panic')).toEqual([
    'gm',
    'nostr',
    '21',
    'million',
    'don',
    't',
    'panic',
  ])
})

test('a text without words has none', () => {
  for (const text of ['', '   ', '?!… — „“', '\u0000\n\t', '\uD800']) expect(wordsOf(text)).toEqual([])
})

const sameWord: readonly (readonly [string, string])[] = [
  ['café', 'CAFE\u0301'],
  ['Straße', 'STRASSE'],
  ['Łódź', 'lodz'],
  ['İstanbul', 'istanbul'],
  ['ışık', 'IŞIK'],
  ['ΟΔΥΣΣΕΥΣ', 'οδυσσευς'],
  ['Ёлка', 'елка'],
  ['ｂｉｔｃｏｉｎ', 'bitcoin'],
  ['ﬁat', 'fiat'],
  ['𝕓𝕚𝕥', 'bit'],
  ['كِتَاب', 'كتاب'],
  ['كتـــاب', 'كتاب'],
  ['ی', 'ي'],
  ['שָׁלוֹם', 'שלום'],
  ['co\u00ADop', 'coop'],
  ['ガ', 'ｶﾞ'],
  ['한글', '한글'.normalize('NFD')],
]

for (const [one, other] of sameWord) {
  test(`${one} and ${other} are the same word`, () => {
    expect(wordsOf(one)).toEqual(wordsOf(other))
    expect(wordsOf(one)).toHaveLength(1)
  })
}

test('vowel signs of Indic scripts tell words apart', () => {
  expect(wordsOf('की')).not.toEqual(wordsOf('के'))
  expect(wordsOf('बिटकॉइन खरीदें')).toHaveLength(2)
})

test('runs of a script without spaces come whole, apart from what stands beside them', () => {
  expect(wordsOf('我喜欢bitcoin和闪电网络。')).toEqual(['我喜欢', 'bitcoin', '和闪电网络'])
  expect(wordsOf('ビットコインを買う')).toEqual(['ビットコインを買う'])
  expect(wordsOf('สวัสดีชาวโลก ok')).toEqual(['สวัสดีชาวโลก', 'ok'])
  expect(wordsOf('비트코인은 좋다')).toEqual(['비트코인은', '좋다'])
  expect(wordsOf('𠮷野家')).toEqual(['𠮷野家'])
})

test('a picture is a word by itself', () => {
  expect(wordsOf('gm🍊🍊 ☕️')).toEqual(['gm', '🍊', '🍊', '☕'])
})

test('of a link the scheme is no word, and of a nostr: reference neither', () => {
  expect(wordsOf('see https://nostr.build/i/cat.jpg')).toEqual(['see', 'nostr', 'build', 'i', 'cat', 'jpg'])
  const key = `npub1${'q'.repeat(58)}`
  expect(wordsOf(`hi nostr:${key}!`)).toEqual(['hi', key])
  expect(wordsOf('Nostr: a protocol')).toEqual(['nostr', 'a', 'protocol'])
})

test('a long word is what its first characters are', () => {
  const [word] = wordsOf('a'.repeat(10_000))
  expect(word).toBe('a'.repeat(MAX_WORD_UNITS))
  expect(wordsOf(`${'a'.repeat(10_000)} b`)).toHaveLength(2)
})
