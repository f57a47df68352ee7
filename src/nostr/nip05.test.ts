import { expect, test } from 'vitest'
import { isNip05Name, nip05Document, parseNip05Name } from './nip05.ts'
import { ALICE, BOB } from './testing.ts'

test.each(['bob', '_', 'a.b-c_d', '0', 'x'.repeat(64), '__proto__'])('%s is a name', (name) => {
  expect(isNip05Name(name)).toBe(true)
})

test.each(['', 'Bob', 'bob smith', 'bob@example', 'bób', 'bob\n', '*', 'x'.repeat(65)])(
  '%j is no name',
  (name) => {
    expect(isNip05Name(name)).toBe(false)
  },
)

test('what people type is lowered, and refused if it is no name then', () => {
  expect(parseNip05Name('Bob')).toEqual({ ok: true, value: 'bob' })
  // The Kelvin sign lowers to a plain k, and the dotted capital I to two characters, one of them no letter.
  expect(parseNip05Name('\u212Aim')).toEqual({ ok: true, value: 'kim' })
  expect(parseNip05Name('\u0130m')).toMatchObject({ ok: false, refusal: expect.stringMatching(/a-z/) })
  expect(parseNip05Name('')).toMatchObject({ ok: false })
})

test('the document names keys, and relays of those who have some', () => {
  const people = [
    { name: 'alice', pubkey: ALICE, relays: ['wss://relay.example'] },
    { name: 'bob', pubkey: BOB, relays: [] },
  ]
  expect(nip05Document(people)).toEqual({
    names: { alice: ALICE, bob: BOB },
    relays: { [ALICE]: ['wss://relay.example'] },
  })
})

test('nobody is an answer too', () => {
  expect(nip05Document([])).toEqual({ names: {}, relays: {} })
})

test('a name that objects have from birth is a name like any other', () => {
  const json = JSON.stringify(nip05Document([{ name: '__proto__', pubkey: ALICE, relays: [] }]))
  expect(json).toBe(`{"names":{"__proto__":"${ALICE}"},"relays":{}}`)
})
