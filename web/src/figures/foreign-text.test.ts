import { expect, test } from 'vitest'
import { foreignText } from './foreign-text.ts'

test('what people write stays as it is, in any language', () => {
  for (const text of ['The Agora', 'رله نوستر', 'ノストル', 'Việt Nam', 'สวัสดี', '👩‍👩‍👧 family'])
    expect(foreignText(text)).toBe(text)
})

test('nothing turns the direction of what stands beside it, and nothing is invisible', () => {
  expect(foreignText('\u202egnp.exe\u2066\u200f safe\u0000\u001b[31m\n')).toBe('gnp.exe  safe [31m')
  expect(foreignText('half \ud83d of an emoji')).toBe('half   of an emoji')
})

test('what is long is cut, between characters, and says so', () => {
  expect(foreignText('x'.repeat(100_000), 10)).toBe('xxxxxxxxxx…')
  expect(foreignText('🔥'.repeat(50_000), 5)).toBe('🔥🔥…')
  expect(foreignText('exactly 10', 10)).toBe('exactly 10')
  expect(foreignText(`${'\u202e'.repeat(100)}far away`, 10)).toBe('…')
})

test('accents do not grow into the lines above', () => {
  expect(foreignText(`a${'\u0301'.repeat(40)}b`)).toBe('a\u0301\u0301\u0301b')
})
