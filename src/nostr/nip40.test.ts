import { expect, test } from 'vitest'
import { expirationOf, isExpired } from './nip40.ts'

test.each([
  [[], undefined],
  [[['expiration', '1600000000']], 1600000000],
  [[['expiration', '0']], 0],
  [[['expiration', '9007199254740991']], 9007199254740991],
  [[['expiration', '9007199254740992']], undefined],
  [[['expiration', '9'.repeat(1000)]], undefined],
  [[['expiration']], undefined],
  [[['expiration', '']], undefined],
  [[['expiration', '-1']], undefined],
  [[['expiration', '+1']], undefined],
  [[['expiration', ' 1']], undefined],
  [[['expiration', '1.5']], undefined],
  [[['expiration', '0x10']], undefined],
  [[['expiration', '1e9']], undefined],
  [[['expiration', '١٢']], undefined],
  [
    [
      ['expiration', '5'],
      ['expiration', '3'],
    ],
    5,
  ],
  [
    [
      ['expiration', 'soon'],
      ['expiration', '3'],
    ],
    undefined,
  ],
  [[['Expiration', '5']], undefined],
])('with tags %j the event expires at %s', (tags, expiresAtSeconds) => {
  expect(expirationOf({ tags })).toBe(expiresAtSeconds)
})

test('an event expires in the very second that its tag names', () => {
  const event = { tags: [['expiration', '100']] }
  expect(isExpired(event, 99)).toBe(false)
  expect(isExpired(event, 100)).toBe(true)
  expect(isExpired({ tags: [] }, 100)).toBe(false)
})
