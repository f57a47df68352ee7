import { expect, test } from 'vitest'
import { isVanishRequest, vanishTargets } from './nip62.ts'

const OURS = ['wss://relay.example', 'ws://localhost:7777']

test('kind 62 alone is a request to vanish', () => {
  expect([62, 5, 61, 1062].map((kind) => isVanishRequest({ kind }))).toEqual([true, false, false, false])
})

test.each([
  [[['relay', 'wss://relay.example']]],
  [[['relay', 'WSS://Relay.Example:443/']]],
  [[['relay', 'ws://relay.example']]],
  [[['relay', 'ws://localhost:7777/']]],
  [[['relay', 'ALL_RELAYS']]],
  [
    [
      ['relay', 'wss://other.example'],
      ['relay', 'wss://relay.example'],
    ],
  ],
  [
    [
      ['relay', 'wss://other.example'],
      ['relay', 'ALL_RELAYS'],
    ],
  ],
])('%j means us', (tags) => {
  expect(vanishTargets({ tags }, OURS)).toBe('ours')
})

test.each([
  [[['relay', 'wss://other.example']]],
  [[['relay', 'wss://relay.example/other']]],
  [[['relay', 'relay.example']]],
  [[['relay', 'https://relay.example']]],
  [[['relay', 'all_relays']]],
  [[['relay', 'ALL_RELAYS ']]],
  [[['relay', 'wss://other.example', 'wss://relay.example']]],
])('%j means others', (tags) => {
  expect(vanishTargets({ tags }, OURS)).toBe('elsewhere')
})

test.each([
  [[]],
  [[['relay']]],
  [[['relay', '']]],
  [[['r', 'wss://relay.example']]],
  [[['RELAY', 'ALL_RELAYS']]],
])('%j means nobody', (tags) => {
  expect(vanishTargets({ tags }, OURS)).toBe('none')
})

test('a relay that has no address is meant only with all others', () => {
  expect(vanishTargets({ tags: [['relay', 'wss://relay.example']] }, [])).toBe('elsewhere')
  expect(vanishTargets({ tags: [['relay', 'ALL_RELAYS']] }, [])).toBe('ours')
})
