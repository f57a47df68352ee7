import { expect } from 'vitest'
import type { Filter, NostrEvent } from '../../nostr/index.ts'
import { alice, bob, carol, NOW_SECONDS, pubkeyOf, testEvent } from '../testing/index.ts'
import type { Bench, Claim } from './claim.ts'

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'.split('')

const tagged = (name: string, ...values: readonly string[]): Filter => ({ tags: [{ name, values }] })

export function filterClaims(claim: Claim): void {
  conditionClaims(claim)
  tagClaims(claim)
  unionClaims(claim)
}

function conditionClaims(claim: Claim): void {
  const root = 'f'.repeat(64)
  const events = {
    old: testEvent({ created_at: NOW_SECONDS - 9 }),
    note: testEvent({
      tags: [
        ['t', 'x'],
        ['e', root],
      ],
      created_at: NOW_SECONDS - 3,
    }),
    reply: testEvent({
      pubkey: bob,
      tags: [
        ['e', root],
        ['p', alice],
      ],
      created_at: NOW_SECONDS - 2,
    }),
    reaction: testEvent({
      pubkey: carol,
      kind: 7,
      tags: [
        ['e', root],
        ['t', 'x'],
      ],
      created_at: NOW_SECONDS - 1,
    }),
    list: testEvent({ pubkey: bob, kind: 10_002 }),
  }
  type Name = keyof typeof events

  const matches: Readonly<Record<string, { readonly filter: Filter; readonly finds: readonly Name[] }>> = {
    'no condition finds all (F-16)': { filter: {}, finds: ['list', 'reaction', 'reply', 'note', 'old'] },
    ids: { filter: { ids: [events.old.id, root, events.list.id] }, finds: ['list', 'old'] },
    authors: { filter: { authors: [bob] }, finds: ['list', 'reply'] },
    'several authors': { filter: { authors: [carol, bob] }, finds: ['list', 'reaction', 'reply'] },
    kinds: { filter: { kinds: [7, 10_002, 65_535] }, finds: ['list', 'reaction'] },
    'a tag': { filter: tagged('e', root), finds: ['reaction', 'reply', 'note'] },
    'since, its own second included (F-14)': {
      filter: { since: NOW_SECONDS - 2 },
      finds: ['list', 'reaction', 'reply'],
    },
    'until, its own second included (F-14)': { filter: { until: NOW_SECONDS - 3 }, finds: ['note', 'old'] },
    'a single second': { filter: { since: NOW_SECONDS - 2, until: NOW_SECONDS - 2 }, finds: ['reply'] },
    'since after until (F-15)': { filter: { since: NOW_SECONDS, until: NOW_SECONDS - 9 }, finds: [] },
    'a time without events': { filter: { since: NOW_SECONDS - 8, until: NOW_SECONDS - 4 }, finds: [] },
    'all of time': {
      filter: { since: 0, until: Number.MAX_SAFE_INTEGER, kinds: [1] },
      finds: ['reply', 'note', 'old'],
    },
    'author and kind (F-02)': {
      filter: { authors: [bob, alice], kinds: [1] },
      finds: ['reply', 'note', 'old'],
    },
    'ids and another author': { filter: { ids: [events.old.id], authors: [bob] }, finds: [] },
    'ids and a kind': { filter: { ids: [events.old.id, events.list.id], kinds: [1] }, finds: ['old'] },
    'ids, out of time': { filter: { ids: [events.old.id], since: NOW_SECONDS }, finds: [] },
    'ids and a tag': {
      filter: { ids: [events.old.id, events.note.id], ...tagged('t', 'x') },
      finds: ['note'],
    },
    'tag and kind': { filter: { ...tagged('e', root), kinds: [1] }, finds: ['reply', 'note'] },
    'tag, author and kind': {
      filter: { ...tagged('e', root), authors: [bob], kinds: [1] },
      finds: ['reply'],
    },
    'tag and time': { filter: { ...tagged('e', root), until: NOW_SECONDS - 2 }, finds: ['reply', 'note'] },
    'two tags: both must match (F-04)': {
      filter: { tags: [...(tagged('e', root).tags ?? []), { name: 't', values: ['x', 'y'] }] },
      finds: ['reaction', 'note'],
    },
    'two tags of which one matches': {
      filter: { tags: [...(tagged('e', root).tags ?? []), { name: 't', values: ['y'] }] },
      finds: [],
    },
    'no ids at all (F-17)': { filter: { ids: [] }, finds: [] },
    'no authors at all (F-17)': { filter: { authors: [], kinds: [1] }, finds: [] },
    'no kinds at all (F-17)': { filter: { kinds: [], authors: [alice] }, finds: [] },
    'no tag values at all (F-17)': { filter: { ...tagged('e'), kinds: [1] }, finds: [] },
    'unknown author': { filter: { authors: [pubkeyOf('nobody')] }, finds: [] },
  }

  for (const [what, { filter, finds }] of Object.entries(matches)) {
    claim(`a filter finds exactly its matches: ${what}`, async ({ put, find, count }) => {
      await put(Object.values(events))
      expect(await find(filter)).toEqual(finds.map((name) => events[name].id))
      expect(await count(filter)).toBe(finds.length)
    })
  }

  claim(
    'a list longer than the store still holds, wherever the search begins',
    async ({ put, find, count }) => {
      await put(Object.values(events))
      const unknown = Array.from({ length: 50 }, (_, n) => pubkeyOf(`unknown ${n}`))
      for (const others of [
        {},
        { kinds: [1] },
        { authors: [alice] },
        { since: NOW_SECONDS - 9 },
        tagged('t', 'x'),
      ]) {
        const lists: readonly Filter[] = [
          { ids: [...unknown, events.note.id] },
          { ids: [...unknown, events.note.id], authors: [...unknown, alice], kinds: [1, 7] },
          { authors: [...unknown, alice], kinds: [1], until: NOW_SECONDS - 3, since: NOW_SECONDS - 3 },
          { tags: [{ name: 't', values: [...unknown, 'x'] }], authors: [...unknown, alice] },
        ]
        for (const list of lists) {
          const filter = { ...others, ...list }
          expect(await find(filter), JSON.stringify(filter)).toEqual([events.note.id])
          expect(await count(filter), JSON.stringify(filter)).toBe(1)
        }
        expect(await find({ ...others, ids: unknown })).toEqual([])
        expect(await count({ ...others, ids: unknown })).toBe(0)
      }
    },
  )

  claim('long lists are served: 2,500 authors, 500 ids, 20 kinds (F-27)', async ({ put, find, count }) => {
    const notes = Array.from({ length: 40 }, (_, n) =>
      testEvent({ pubkey: pubkeyOf(`author ${n * 100}`), kind: 1000 + n, created_at: NOW_SECONDS - n }),
    )
    await put(notes)
    const authors = Array.from({ length: 2_500 }, (_, n) => pubkeyOf(`author ${n}`))
    const kinds = Array.from({ length: 20 }, (_, n) => 1000 + n)
    const expected = notes.slice(0, 20).map(({ id }) => id)
    expect(await find({ authors, kinds })).toEqual(expected)
    expect(await find({ authors, kinds, limit: 7 })).toEqual(expected.slice(0, 7))
    const ids = [...expected, ...Array.from({ length: 480 }, (_, n) => pubkeyOf(`no such id ${n}`))]
    expect(await find({ ids, authors, kinds })).toEqual(expected)
    expect(await count({ ids, authors, kinds })).toBe(20)
  })
}

function tagClaims(claim: Claim): void {
  const finds = async ({ put, find, count }: Bench, event: NostrEvent, filter: Filter, found: boolean) => {
    await put([event])
    expect(await find(filter)).toEqual(found ? [event.id] : [])
    expect(await count(filter)).toBe(found ? 1 : 0)
  }

  claim('each of the 52 letters is found, upper and lower case apart (F-10)', async ({ put, find }) => {
    const value = 'a'.repeat(64)
    const notes = LETTERS.map((letter) => testEvent({ tags: [[letter, value]] }))
    await put(notes)
    for (const [n, letter] of LETTERS.entries()) {
      expect(await find(tagged(letter, value)), `#${letter}`).toEqual([notes[n]?.id])
    }
  })

  const values: Readonly<Record<string, string>> = {
    'the empty string': '',
    'a quote': 'say "x"',
    'a backslash': 'C:\\dir\\',
    'a backslash before a quote': '\\"',
    'control characters': '\u0000\n\t\u001f',
    'what looks like the end of a tag': '"],["t","x',
    'what looks like an escape': '\\u0041',
    'an astral character': '😀 𝒳',
    'an accent': 'é',
    'a line separator': '\u2028',
    '1 KB (F-29)': 'v'.repeat(1024),
    '10 KB (F-29)': 'é"'.repeat(3_500),
    'an address (F-28)': `30023:${alice}:slug`,
    'an address with a trailing colon (F-28)': `10002:${alice}:`,
    'a single space': ' ',
    'a decimal number': '1700000000',
  }
  for (const [what, value] of Object.entries(values)) {
    claim(`a tag value is found exactly: ${what}`, async (bench) => {
      const [note, decoy] = [testEvent({ tags: [['x', value]] }), testEvent({ tags: [['x', `${value}.`]] })]
      await bench.put([decoy])
      await finds(bench, note, tagged('x', value), true)
      expect(await bench.find(tagged('x', value, `${value}.`))).toHaveLength(2)
    })
  }

  claim('10 KB values that differ in the last character are told apart', async ({ put, find }) => {
    const [a, b] = ['a', 'b'].map((end) => testEvent({ tags: [['x', 'v'.repeat(10_240) + end]] }))
    await put([a!, b!])
    expect(await find(tagged('x', `${'v'.repeat(10_240)}b`))).toEqual([b?.id])
  })

  claim('the case of a value counts (F-09)', (bench) =>
    finds(bench, testEvent({ tags: [['t', 'Nostr']] }), tagged('t', 'nostr', 'NOSTR'), false),
  )

  claim('composed and decomposed accents are different', (bench) =>
    finds(bench, testEvent({ tags: [['t', 'e\u0301']] }), tagged('t', '\u00e9'), false),
  )

  claim('a part of a value is not the value (F-07)', (bench) =>
    finds(bench, testEvent({ tags: [['e', 'ab'.repeat(32)]] }), tagged('e', 'ab'.repeat(5)), false),
  )

  claim('only the first value of a tag is matched (F-11)', (bench) =>
    finds(bench, testEvent({ tags: [['t', 'a', 'b']] }), tagged('t', 'b'), false),
  )

  claim('a tag without a value is not found by the empty string (F-12)', (bench) =>
    finds(bench, testEvent({ tags: [['t']] }), tagged('t', ''), false),
  )

  claim('a tag with a longer name is not found by its first letter', (bench) =>
    finds(
      bench,
      testEvent({
        tags: [
          ['tt', 'x'],
          ['', 'x'],
          ['title', 'x'],
        ],
      }),
      tagged('t', 'x'),
      false,
    ),
  )

  claim('every tag of a name is found, not only the first', (bench) =>
    finds(
      bench,
      testEvent({
        tags: [
          ['t', 'a'],
          ['p', bob],
          ['t', 'b'],
        ],
      }),
      tagged('t', 'b'),
      true,
    ),
  )

  claim('an event with two of the values asked for is found once', (bench) =>
    finds(
      bench,
      testEvent({
        tags: [
          ['t', 'a'],
          ['t', 'b'],
          ['t', 'a'],
        ],
      }),
      tagged('t', 'a', 'b'),
      true,
    ),
  )

  claim('content that looks like a tag is not one', (bench) =>
    finds(bench, testEvent({ content: '","tags":[["t","x"]],"' }), tagged('t', 'x'), false),
  )

  claim('d, e, p and a tags are found on every kind', async ({ put, find }) => {
    const target = testEvent({ content: 'target' }).id
    const kinds = [1, 5, 0, 30_023, 1059]
    const tags = [
      ['e', target],
      ['p', bob],
      ['d', 'x'],
      ['a', `30023:${bob}:x`],
    ]
    await put(kinds.map((kind) => testEvent({ kind, tags })))
    for (const [name, value] of tags)
      expect(await find(tagged(name!, value!)), `#${name}`).toHaveLength(kinds.length)
  })
}

function unionClaims(claim: Claim): void {
  const notes = Array.from({ length: 12 }, (_, n) =>
    testEvent({
      pubkey: n % 2 === 0 ? alice : bob,
      kind: n % 3 === 0 ? 7 : 1,
      tags: [['t', n % 4 === 0 ? 'x' : 'y']],
      created_at: NOW_SECONDS - n,
    }),
  )
  const idsAt = (...numbers: readonly number[]) => numbers.map((n) => notes[n]?.id)

  claim('several filters find the union, newest first (F-05)', async ({ put, find }) => {
    await put(notes)
    const filters = [
      { authors: [alice], kinds: [7] },
      { authors: [bob], kinds: [1] },
    ]
    expect(await find(filters)).toEqual(idsAt(0, 1, 5, 6, 7, 11))
  })

  claim('an event that matches two filters comes once (F-06)', async ({ put, find, count }) => {
    await put(notes)
    const filters: readonly Filter[] = [
      { kinds: [7] },
      { authors: [alice] },
      tagged('t', 'x'),
      { kinds: [7] },
    ]
    expect(await find(filters)).toEqual(idsAt(0, 2, 3, 4, 6, 8, 9, 10))
    expect(await count(filters)).toBe(8)
  })

  claim('each filter has its own limit (F-26)', async ({ put, find }) => {
    await put(notes)
    expect(
      await find([
        { kinds: [7], limit: 1 },
        { authors: [bob], limit: 2 },
      ]),
    ).toEqual(idsAt(0, 1, 3))
    // What one filter finds of another's matches does not count against the other's limit.
    expect(await find([{ limit: 3 }, { authors: [alice], limit: 3 }])).toEqual(idsAt(0, 1, 2, 4))
    expect(await find([{ limit: 0 }, { kinds: [7], limit: 1 }])).toEqual(idsAt(0))
    expect(
      await find([
        { kinds: [7], limit: 2 },
        { kinds: [7], limit: 1 },
      ]),
    ).toEqual(idsAt(0, 3))
  })

  claim('count ignores limits and counts each event once (NIP-45)', async ({ put, count }) => {
    await put(notes)
    expect(await count({ limit: 1 })).toBe(12)
    expect(await count({ kinds: [7], limit: 0 })).toBe(4)
    expect(
      await count([
        { kinds: [7], limit: 1 },
        { authors: [alice], limit: 2 },
      ]),
    ).toBe(8)
    expect(await count([{ ids: [notes[0]!.id] }, { ids: [notes[0]!.id, notes[1]!.id] }])).toBe(2)
  })

  claim('no filter finds nothing', async ({ put, find, count }) => {
    await put(notes)
    expect(await find([])).toEqual([])
    expect(await count([])).toBe(0)
  })
}
