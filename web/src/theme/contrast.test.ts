import { expect, test } from 'vitest'
import { contrast, cssColour, type Rgb, readableOn, readHex } from './contrast.ts'

const white: Rgb = [255, 255, 255]
const black: Rgb = [0, 0, 0]

test('a colour is read from its hex digits, and from nothing else', () => {
  expect(readHex('#1d5f8a')).toEqual([29, 95, 138])
  expect(readHex('#FA0')).toEqual([255, 170, 0])
  expect(readHex('red;}')).toBeUndefined()
  expect(readHex('#12345')).toBeUndefined()
})

test('contrast is what WCAG computes', () => {
  expect(contrast(white, black)).toBeCloseTo(21)
  expect(contrast([118, 118, 118], white)).toBeCloseTo(4.54, 2)
})

test('a colour that can be read stays as it is, and a pale one becomes readable', () => {
  const yellow: Rgb = [255, 230, 0]
  expect(readableOn([29, 95, 138], white, black)).toEqual([29, 95, 138])
  expect(contrast(readableOn(yellow, white, black), white)).toBeGreaterThanOrEqual(4.5)
  expect(contrast(readableOn(white, white, black), white)).toBeGreaterThanOrEqual(4.5)
  expect(cssColour([1, 2, 3])).toBe('rgb(1 2 3)')
})
