import { expect, test } from 'vitest'
import { embedsProtected, isProtected } from './nip70.ts'
import { testEvent } from './testing.ts'

test.each([[[['-']]], [[['-', 'x']]], [[['t', 'x'], ['-']]]])('tags %j protect', (tags) => {
  expect(isProtected({ tags })).toBe(true)
})

test.each([[[]], [[['t', '-']]], [[['--']]]])('tags %j do not protect', (tags) => {
  expect(isProtected({ tags })).toBe(false)
})

const protectedJson = JSON.stringify(testEvent({ tags: [['t', 'x'], ['-']] }))

test.each([6, 16])('a kind %d that carries a protected event is seen', (kind) => {
  expect(embedsProtected({ kind, content: protectedJson })).toBe(true)
})

test.each([
  '',
  'text',
  '{',
  'null',
  '[]',
  '{}',
  '{"tags":null}',
  '{"tags":[null,5,"-",["t","-"]]}',
  JSON.stringify(testEvent()),
  '['.repeat(100_000),
])('a repost of %j carries nothing protected', (content) => {
  expect(embedsProtected({ kind: 6, content })).toBe(false)
})

test('other kinds may quote what they like', () => {
  expect(embedsProtected({ kind: 1, content: protectedJson })).toBe(false)
})
