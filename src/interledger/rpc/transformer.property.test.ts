import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { transformer } from './transformer.ts'

const overTheWire = (value: unknown): unknown => {
  const text = JSON.stringify(transformer.serialize(value))
  return text === undefined ? undefined : transformer.deserialize(JSON.parse(text))
}
const key = fc.oneof(
  fc.string(),
  fc.constantFrom('$bigint', '$$bigint', '$bytes', '$', '$$', '__proto__', 'constructor'),
)
const tree = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.bigInt({ min: -(2n ** 256n), max: 2n ** 256n }),
    fc.string(),
    fc.constantFrom('12', '-0', '', 'ff'),
    fc.boolean(),
    fc.constant(null),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value')),
    fc.array(fc.tuple(key, tie('value'))).map((entries) => Object.fromEntries(entries)),
  ),
})).value

test('what comes out at the other end is what went in, whatever its keys are called', () => {
  fc.assert(
    fc.property(tree, (value) => {
      // Not expect: it takes a key named constructor for the constructor.
      if (!isDeepStrictEqual(overTheWire(value), value)) throw new Error('it changed')
    }),
    { numRuns: 3_000 },
  )
})

test('no JSON from outside is taken for something that was never sent: it is refused, or goes out as it came', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(key, fc.jsonValue()), { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
      (json) => {
        let read: unknown
        try {
          read = transformer.deserialize(json)
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError)
          return
        }
        expect(JSON.parse(JSON.stringify(transformer.serialize(read)))).toEqual(
          JSON.parse(JSON.stringify(json)),
        )
      },
    ),
    { numRuns: 3_000 },
  )
})

test.each([
  '{"$bigint":"1e3"}',
  '{"$bigint":"007"}',
  '{"$bigint":12}',
  `{"$bigint":"${'9'.repeat(101)}"}`,
  '{"$bytes":"f"}',
  '{"$date":"1"}',
])('%s is refused', (text) => {
  expect(() => transformer.deserialize(JSON.parse(text))).toThrow(TypeError)
})

test('lists in lists without end are refused, both ways', () => {
  const deep = JSON.parse('['.repeat(5_000) + ']'.repeat(5_000)) as unknown
  expect(() => transformer.deserialize(deep)).toThrow(RangeError)
  expect(() => transformer.serialize(deep)).toThrow(RangeError)
})

test('what JSON would silently change is not sent', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, new Date(), new Map(), () => 1, 10n ** 100n]) {
    expect(() => transformer.serialize({ value })).toThrow()
  }
})
