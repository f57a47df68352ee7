import { expect, test } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import {
  Discovery,
  MAX_RELAYS_PER_EVENT,
  MAX_RELAYS_PER_HOST,
  MAX_RELAYS_PER_LIST_AUTHOR,
  MAX_RELAYS_PER_NAMING_HOST,
} from './discovery.ts'

const PUBLIC = { allowPrivate: false, allowOnion: false }

function relayList(author: string, urls: readonly string[]): NostrEvent {
  return {
    id: '',
    pubkey: author,
    created_at: 0,
    kind: 10_002,
    tags: urls.map((url) => ['r', url]),
    content: '',
    sig: '',
  }
}

function discovery(known: readonly string[] = []) {
  return new Discovery({ rules: PUBLIC, isKnown: (url) => known.includes(url) })
}

const hosts = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => `wss://relay${from + index}.example.org`)

test('relays of relay lists and monitors are learnt once, in one spelling, when they are not known', () => {
  const found = discovery(['wss://known.example.org'])
  found.note(
    relayList('a', ['wss://One.example.org/', 'wss://known.example.org', 'ws://127.0.0.1', 'nonsense']),
    0,
  )
  found.note(relayList('b', ['wss://one.example.org']), 0)
  found.note({ ...relayList('c', []), kind: 30_166, tags: [['d', 'wss://two.example.org/']] }, 0)
  found.note({ ...relayList('d', ['wss://three.example.org']), kind: 1 }, 0)
  expect(found.take(10)).toEqual([
    { url: 'wss://one.example.org', origin: 'relay-list' },
    { url: 'wss://two.example.org', origin: 'monitor' },
  ])
  expect(found.take(10)).toEqual([])
})

test('one event, and one author in a day, cannot fill the directory', () => {
  const found = discovery()
  found.note(relayList('a', hosts(0, 1_000)), 0)
  expect(found.take(5_000)).toHaveLength(MAX_RELAYS_PER_EVENT)
  for (let event = 1; event < 100; event++) found.note(relayList('a', hosts(event * 1_000, 10)), 0)
  expect(found.take(5_000)).toHaveLength(MAX_RELAYS_PER_LIST_AUTHOR - MAX_RELAYS_PER_EVENT)
  found.note(relayList('a', hosts(200_000, 10)), 86_400)
  expect(found.take(5_000)).toHaveLength(10)
})

test('one host cannot fill the directory with paths, however many authors name them', () => {
  const found = discovery()
  for (let author = 0; author < 200; author++)
    found.note(relayList(`${author}`, [`wss://evil.example.org/${author}`]), 0)
  expect(found.take(5_000)).toHaveLength(MAX_RELAYS_PER_HOST)
})

test('relays that the information of others names come by the same bounds', () => {
  const found = discovery(['wss://known.example.org'])
  const from = 'wss://naming.example.org/inbox'
  found.noteNamed(from, ['wss://One.example.org/', 'wss://known.example.org', 'ws://10.0.0.1'], 0)
  expect(found.take(10)).toEqual([{ url: 'wss://one.example.org', origin: 'information' }])
  for (let hour = 0; hour < 20; hour++) found.noteNamed(from, hosts(hour * 100, 16), 0)
  expect(found.take(5_000)).toHaveLength(MAX_RELAYS_PER_NAMING_HOST - 1)
})

test('an address that the directory did not take is brought to it once a day, however often it is named', () => {
  const found = discovery()
  const name = (author: string, seconds: number) => {
    found.note(relayList(author, ['wss://dead.example.org']), seconds)
    return found.take(10).length
  }
  expect(['a', 'b', 'c'].map((author) => name(author, 0))).toEqual([1, 0, 0])
  expect(['a', 'b'].map((author) => name(author, 86_400))).toEqual([1, 0])
})
