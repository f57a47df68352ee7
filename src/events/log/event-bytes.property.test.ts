import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressOf, encodeEvent, expirationOf, type NostrEvent, parseAddress } from '../../nostr/index.ts'
import { testEvent } from '../testing/index.ts'
import { EventView, idPrefixAt } from './event-bytes.ts'
import { escapeTagValue } from './index-key.ts'

/** Anything that a tag or a content may hold: escapes, quotes, brackets, what looks like the members around it. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({
    unit: fc.constantFrom('"', '\\', '[', ']', ',', ':', '{', '}', '\u0000', '\n', 'é', '😀', 'a'),
  }),
  fc.constantFrom('', '"],["d","x', '\\"', '\\', '],"content":"', '","sig":"', '\u2028', '\u007f', '\ud7ff'),
)
const tagName = fc.oneof(
  fc.constantFrom(
    'd',
    'e',
    'p',
    'a',
    't',
    'D',
    'Z',
    'expiration',
    'expiratio',
    'expirationn',
    'dd',
    '',
    '1',
    '-',
    'é',
  ),
  text,
)
const seconds = fc.oneof(
  fc.constantFrom(
    '0',
    '1',
    '-1',
    '+1',
    ' 1',
    '1.0',
    '1e3',
    '',
    '007',
    '9007199254740991',
    '9007199254740992',
  ),
  fc.nat({ max: 2_000_000_000 }).map(String),
  text,
)
const tag = fc.oneof(
  fc.tuple(tagName, fc.array(text, { maxLength: 3 })).map(([name, values]) => [name, ...values]),
  fc.tuple(fc.constant('expiration'), seconds).map(([name, value]) => [name, value]),
  fc.constantFrom(['expiration'], ['d'], ['e']),
)
const event: fc.Arbitrary<NostrEvent> = fc
  .record({
    created_at: fc.oneof(fc.constantFrom(0, Number.MAX_SAFE_INTEGER), fc.maxSafeNat()),
    kind: fc.oneof(fc.constantFrom(0, 65_535, 30_023), fc.nat({ max: 65_535 })),
    tags: fc.oneof(
      { weight: 9, arbitrary: fc.array(tag, { maxLength: 8 }) },
      { weight: 1, arbitrary: manyTags() },
    ),
    content: text,
  })
  .map(testEvent)

/** More single-letter tags than a view has room for at first. */
function manyTags() {
  return fc.array(tag, { minLength: 65, maxLength: 200, size: 'max' })
}

test('an event read from its bytes is the event that parsing makes of them', () => {
  // One view for all, as in the store: nothing of an earlier event may stay behind.
  const view = new EventView()
  fc.assert(
    fc.property(event, fc.nat({ max: 9 }), (given, offset) => {
      const json = Buffer.from(encodeEvent(given))
      // Something that is not the event lies before and behind it.
      const bytes = Buffer.concat([Buffer.alloc(offset, '['), json, Buffer.from('[["d","behind"]]')])
      view.read(bytes, offset, offset + json.length)
      expect({
        id: view.id,
        pubkey: view.pubkey,
        created_at: view.createdAt,
        kind: view.kind,
        tags: view.tags(),
        content: contentOf(view),
      }).toEqual({
        id: given.id,
        pubkey: given.pubkey,
        created_at: given.created_at,
        kind: given.kind,
        tags: given.tags,
        content: given.content,
      })
      // 0 means none, and an event that expires at 0 has expired for good before it could be stored.
      expect(view.expiration).toBe(expirationOf(given) ?? 0)
      expect(lettersOf(view)).toEqual(expectedLetters(given))
      expect(identifierOf(view)).toBe(expectedIdentifier(given))
    }),
    { numRuns: 2_000 },
  )
})

test('a tag is found by letter and value, and by no other', () => {
  const view = new EventView()
  fc.assert(
    fc.property(event, tagName, text, (given, name, value) => {
      const json = Buffer.from(encodeEvent(given))
      view.read(json, 0, json.length)
      for (const [ownName, ownValue] of given.tags) {
        if (!isLetter(ownName!) || ownValue === undefined) continue
        expect(view.hasTag(ownName!.charCodeAt(0), escapeTagValue(ownValue))).toBe(true)
      }
      if (!isLetter(name)) return
      const isThere = given.tags.some((tag) => tag[0] === name && tag[1] === value)
      expect(view.hasTag(name.charCodeAt(0), escapeTagValue(value))).toBe(isThere)
    }),
    { numRuns: 1_000 },
  )
})

test('the prefix of an id is its first four bytes as an unsigned number', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (id) => {
      const bytes = Buffer.from(id)
      expect(idPrefixAt(Buffer.from(`..${bytes.toString('hex')}`), 2)).toBe(bytes.readUInt32BE(0))
    }),
  )
})

function contentOf({ bytes, contentStart, contentEnd }: EventView): unknown {
  return JSON.parse(`"${bytes.toString('utf8', contentStart, contentEnd)}"`)
}

function lettersOf(view: EventView) {
  return Array.from({ length: view.tagCount }, (_, index) => [
    String.fromCharCode(view.tagLetters[index]!),
    JSON.parse(`"${view.bytes.toString('utf8', view.tagStarts[index], view.tagEnds[index])}"`),
  ])
}

function expectedLetters({ tags }: NostrEvent) {
  return tags.filter((tag) => isLetter(tag[0]!) && tag.length > 1).map((tag) => tag.slice(0, 2))
}

function identifierOf({ bytes, identifierStart, identifierEnd }: EventView): unknown {
  return JSON.parse(`"${bytes.toString('utf8', identifierStart, identifierEnd)}"`)
}

function expectedIdentifier(given: NostrEvent): string | undefined {
  const address = addressOf({ ...given, kind: 30_000 })
  return address === undefined ? undefined : parseAddress(address)?.identifier
}

function isLetter(name: string): boolean {
  return /^[a-zA-Z]$/.test(name)
}
