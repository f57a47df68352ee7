import { expect, test } from 'vitest'
import { KINDS } from './kinds.ts'
import { deletionTargets, mayDelete } from './nip09.ts'
import { ALICE, BOB, testEvent } from './testing.ts'

const ID = '12'.repeat(32)
const deletionBy = (pubkey: string, tags: string[][] = []) =>
  testEvent({ kind: KINDS.DELETION, pubkey, tags })

test('e tags name ids and a tags addresses, each once', () => {
  const address = `30023:${ALICE}:a:b`
  const tags = [
    ['e', ID],
    ['e', ID, 'wss://relay'],
    ['a', address],
    ['a', address],
    ['k', '30023'],
  ]
  expect(deletionTargets(deletionBy(ALICE, tags))).toEqual({ ids: [ID], addresses: [address] })
})

test('malformed values are passed over beside good ones', () => {
  const tags = [
    ['e'],
    ['e', 'short'],
    ['e', ID.replace('1', 'X')],
    ['a'],
    ['a', `10002:${ALICE}`],
    ['a', '::'],
    ['E', ID],
    ['e', ID],
    ['a', `10002:${ALICE}:`],
  ]
  expect(deletionTargets(deletionBy(ALICE, tags))).toEqual({ ids: [ID], addresses: [`10002:${ALICE}:`] })
})

test("another author's address is passed over", () => {
  expect(deletionTargets(deletionBy(ALICE, [['a', `30023:${BOB}:x`]])).addresses).toEqual([])
})

test('an author may delete their own events and nobody else may', () => {
  expect(mayDelete(deletionBy(ALICE), testEvent({ pubkey: ALICE }))).toBe(true)
  expect(mayDelete(deletionBy(BOB), testEvent({ pubkey: ALICE }))).toBe(false)
  expect(mayDelete(deletionBy(BOB), testEvent({ pubkey: ALICE, tags: [['p', BOB]] }))).toBe(false)
})

test.each([KINDS.DELETION, KINDS.VANISH])('kind %d cannot be deleted', (kind) => {
  expect(mayDelete(deletionBy(ALICE), testEvent({ kind, pubkey: ALICE }))).toBe(false)
})

test('a gift wrap goes by its recipient or its author', () => {
  const wrap = testEvent({ kind: KINDS.GIFT_WRAP, pubkey: ALICE, tags: [['p', BOB]] })
  expect(mayDelete(deletionBy(BOB), wrap)).toBe(true)
  expect(mayDelete(deletionBy(ALICE), wrap)).toBe(true)
  expect(mayDelete(deletionBy(ID), wrap)).toBe(false)
  expect(
    mayDelete(deletionBy(BOB), {
      ...wrap,
      tags: [
        ['P', BOB],
        ['q', BOB],
      ],
    }),
  ).toBe(false)
})

test('only a kind 5 deletes', () => {
  expect(mayDelete(testEvent({ kind: 1, pubkey: ALICE }), testEvent({ pubkey: ALICE }))).toBe(false)
})
