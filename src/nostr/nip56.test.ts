import { expect, test } from 'vitest'
import { parseReport, REPORT_TYPES } from './nip56.ts'
import { ALICE, BOB, testEvent } from './testing.ts'

const NOTE = 'e0'.repeat(32)
const BLOB = 'bb'.repeat(32)

function parse(tags: string[][], content = '') {
  return parseReport(testEvent({ kind: 1984, tags, content }))
}

test('a person is reported', () => {
  expect(
    parse(
      [
        ['p', BOB, 'nudity'],
        ['L', 'social.nos.ontology'],
      ],
      'look',
    ),
  ).toEqual({
    ok: true,
    value: {
      reporter: ALICE,
      targets: [{ subject: 'person', pubkey: BOB, type: 'nudity' }],
      people: [BOB],
      comment: 'look',
    },
  })
})

test('an event is reported, and its author only named', () => {
  expect(
    parse([
      ['e', NOTE, 'illegal'],
      ['p', BOB],
    ]),
  ).toMatchObject({
    value: { targets: [{ subject: 'event', id: NOTE, type: 'illegal' }], people: [BOB] },
  })
})

test('a blob is reported with the event that shows it', () => {
  expect(
    parse([
      ['x', BLOB, 'malware'],
      ['e', NOTE, 'malware'],
      ['server', 'https://x.example'],
    ]),
  ).toMatchObject({
    value: {
      targets: [
        { subject: 'blob', sha256: BLOB, type: 'malware' },
        { subject: 'event', id: NOTE, type: 'malware' },
      ],
      people: [],
    },
  })
})

test.each(REPORT_TYPES)('the type %s is known, in upper case too', (type) => {
  for (const spelled of [type, type.toUpperCase()]) {
    expect(parse([['p', BOB, spelled]])).toMatchObject({ value: { targets: [{ type }] } })
  }
})

test('a type of somebody’s own is other', () => {
  expect(parse([['p', BOB, 'rudeness']])).toMatchObject({ value: { targets: [{ type: 'other' }] } })
})

test('when no tag says a type, the things are meant rather than the people', () => {
  expect(
    parse([
      ['p', BOB],
      ['e', NOTE, 'wss://relay.example'],
    ]),
  ).toMatchObject({
    value: { targets: [{ subject: 'event', id: NOTE, type: 'other' }], people: [BOB] },
  })
  expect(parse([['p', BOB, '']])).toMatchObject({
    value: { targets: [{ subject: 'person', type: 'other' }] },
  })
})

test('said twice is said once', () => {
  expect(
    parse([
      ['p', BOB, 'spam'],
      ['p', BOB, 'spam'],
      ['p', BOB, 'illegal'],
    ]),
  ).toMatchObject({
    value: { targets: [{ type: 'spam' }, { type: 'illegal' }], people: [BOB] },
  })
})

test.each([
  ['no tags', []],
  ['only malformed keys', [['p', 'npub1xyz', 'spam'], ['e', NOTE.toUpperCase(), 'spam'], ['p']]],
  [
    'other tags',
    [
      ['t', BOB, 'spam'],
      ['E', NOTE, 'spam'],
    ],
  ],
])('a report with %s is refused', (_, tags) => {
  expect(parse(tags)).toMatchObject({ ok: false, refusal: expect.stringMatching(/p, e or x tag/) })
})

test('another kind is no report', () => {
  expect(parseReport(testEvent({ kind: 1, tags: [['p', BOB, 'spam']] }))).toMatchObject({ ok: false })
})

test('100 targets are read, 101 are refused', () => {
  const tagsOf = (count: number) =>
    Array.from({ length: count }, (_, index) => ['e', index.toString(16).padStart(64, '0'), 'spam'])
  expect(parse(tagsOf(100))).toMatchObject({ ok: true })
  expect(parse(tagsOf(101))).toMatchObject({
    ok: false,
    refusal: expect.stringMatching(/100 targets, not 101/),
  })
})
