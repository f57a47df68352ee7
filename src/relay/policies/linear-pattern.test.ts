import { describe, expect, test } from 'vitest'
import { compileLinearPattern } from './linear-pattern.ts'

function finds(source: string, text: string): boolean {
  const compiled = compileLinearPattern(source)
  if (!compiled.ok) throw new Error(compiled.refusal.text)
  return compiled.value.test(text)
}

test.each([
  ['free .{0,9}coins?', 'get FREE shiny coin now', true],
  ['free .{0,9}coins?', 'free, but nothing in reach: coin', false],
  ['^buy', 'do not buy', false],
  ['^buy', 'Buy this', true],
  ['now$', 'buy now', true],
  ['now$', 'buy now!', false],
  ['\\bcat\\b', 'concatenate', false],
  ['\\bcat\\b', 'a cat.', true],
  ['\\D\\d{3}\\D', 'a123b', true],
  ['\\D\\d{3}\\D', 'a1234b', false],
  ['[^a-z ]', 'only letters', false],
  ['[a\\]-]', ']', true],
  ['(?:ab|cd)+e', 'abcdabe', true],
  ['\\u4e2d\\u{6587}', '中文', true],
  ['🙂{2}', '🙂🙂', true],
  ['\\\\D', 'c:\\d', true],
  ['a||b', '', true],
  ['', 'anything', true],
])('/%s/ in %j: %s', (source, text, isFound) => {
  expect(finds(source, text)).toBe(isFound)
})

describe('refused is', () => {
  test.each([
    ['(?=a)', 'look-around'],
    ['(?<name>a)', 'named groups'],
    ['(a)\\1', '\\1'],
    ['a**', 'repetition of a repetition'],
    ['*a', 'repeats nothing'],
    ['(a', 'not closed'],
    ['a)', 'closes nothing'],
    ['[a', 'too early'],
    ['a\\', 'too early'],
    ['a{3,1}', 'from 3 to 1'],
    ['a{', 'no repetition'],
    ['(a{100}){100}', 'steps'],
    ['[z-a]', 'range'],
    ['\\p{L}', '\\p'],
    ['('.repeat(60) + ')'.repeat(60), 'deep'],
  ])('/%s/: %s', (source, why) => {
    const compiled = compileLinearPattern(source)
    expect(compiled).toMatchObject({ ok: false, refusal: { text: expect.stringContaining(why) } })
  })
})

test('the work grows with the text and not with the ways through the pattern', () => {
  // A backtracking engine needs 2^40 steps for this.
  expect(finds('(a|a)*(a|a)*(a*)*b', 'a'.repeat(5_000))).toBe(false)
})
