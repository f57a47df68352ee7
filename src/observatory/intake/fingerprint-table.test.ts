import { expect, test } from 'vitest'
import { FingerprintTable } from './fingerprint-table.ts'

/** The same fingerprint for the same number, no two alike: the factor is odd. */
const highOf = (number: number) => Math.imul(number, 0x9e3779b1) >>> 0
const lowOf = (number: number) => number % 7

test('every row is found while the table grows to its bound, and nothing else is', () => {
  const rows = 10_000
  const table = new FingerprintTable(rows, 3)
  for (let number = 0; number < rows; number++) {
    expect(table.isFull).toBe(false)
    table.words[table.add(highOf(number), lowOf(number)) + 2] = number
    if ((number & (number - 1)) !== 0) continue
    for (let earlier = 0; earlier <= number; earlier++)
      if (table.words[table.find(highOf(earlier), lowOf(earlier)) + 2] !== earlier)
        expect.fail(`${earlier} of ${number}`)
    expect(table.find(highOf(number + 1), lowOf(number + 1))).toBe(-1)
    expect(table.find(highOf(number), lowOf(number) + 1)).toBe(-1)
  }
  expect([table.count, table.isFull]).toEqual([rows, true])
  for (let number = 0; number < rows; number++)
    if (table.words[table.find(highOf(number), lowOf(number)) + 2] !== number) expect.fail(`${number}`)
})

test('a table that was emptied knows nothing of before', () => {
  const table = new FingerprintTable(2_000, 2)
  for (let round = 0; round < 3; round++) {
    for (let number = 0; number < 2_000; number++) table.add(highOf(number), round)
    expect(table.find(highOf(5), round)).not.toBe(-1)
    table.clear()
    expect([table.count, table.find(highOf(5), round)]).toEqual([0, -1])
  }
})
