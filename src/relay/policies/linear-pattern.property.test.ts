import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compileLinearPattern } from './linear-pattern.ts'

const atom = fc.constantFrom(
  'a',
  'b',
  'c',
  '.',
  '[ab]',
  '[^a]',
  '\\d',
  '\\w',
  '\\s',
  '\\b',
  '^',
  '$',
  '1',
  ' ',
)
const quantifier = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,2}', '{0,3}', '{2,}')

const fewer = fc.constantFrom('', '*', '?', '{2}')

/** Patterns that are short, so that the backtracking engine can be asked too. */
const pattern: fc.Arbitrary<string> = fc.letrec<{ pattern: string; part: string }>((tie) => ({
  pattern: fc.array(tie('part'), { maxLength: 3 }).map((parts) => parts.join('')),
  part: fc.oneof(
    { maxDepth: 2 },
    {
      weight: 4,
      arbitrary: fc
        .tuple(atom, quantifier)
        .map(([one, many]) => (/^(?:\\b|\^|\$)$/.test(one) ? one : one + many)),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(tie('pattern'), tie('pattern'), fewer).map(([a, b, many]) => `(${a}|${b})${many}`),
    },
  ),
})).pattern

const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '1', ' ', 'A', '_', '.'), maxLength: 6 })

test('a pattern finds what the engine of JavaScript finds', () => {
  fc.assert(
    fc.property(pattern, text, (source, subject) => {
      const compiled = compileLinearPattern(source)
      if (!compiled.ok) throw new Error(compiled.refusal.text)
      expect(compiled.value.test(subject)).toBe(new RegExp(source, 'iu').test(subject))
    }),
    { numRuns: 2_000 },
  )
})
