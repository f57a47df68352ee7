import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_CLIENT_NAME_BYTES } from '../observation-batch.ts'
import { clientOf } from './client-tag.ts'

test('the client is what the first client tag names', () => {
  expect(
    clientOf([
      ['t', 'x'],
      ['client', ' noStrudel ', '31990:…'],
      ['client', 'other'],
    ]),
  ).toBe('noStrudel')
})

test('no tag, an empty one and one of control characters name nobody', () => {
  expect(clientOf([])).toBeUndefined()
  expect(clientOf([['client']])).toBeUndefined()
  expect(clientOf([['client', ' \u0000\u202e\n']])).toBeUndefined()
})

test('a long name is cut between characters', () => {
  expect(clientOf([['client', `a${'☂'.repeat(40)}`]])).toBe(`a${'☂'.repeat(21)}`)
  expect(clientOf([['client', `a${'😀'.repeat(400)}`]])).toBe(`a${'😀'.repeat(15)}`)
})

test('whatever is named fits, is well-formed and has no control characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (said) => {
      const name = clientOf([['client', said]])
      if (name === undefined) return
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(MAX_CLIENT_NAME_BYTES)
      expect(name.isWellFormed()).toBe(true)
      expect(name).not.toMatch(/\p{Cc}/u)
      expect(name).toBe(name.trim())
    }),
  )
})
