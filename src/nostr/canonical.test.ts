import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { canonicalize, computeEventId, encodeEvent, serializeForId } from './canonical.ts'
import type { NostrEvent } from './event.ts'
import { parseEvent } from './parse-event.ts'

interface SerializationVectors {
  readonly cases: readonly {
    readonly name: string
    /** The id if control characters other than the seven of NIP-01 are hashed as `\u00xx`. */
    readonly id_json_stringify: string
    /** The id if they are hashed raw. */
    readonly id_nip01_verbatim: string
    readonly event: NostrEvent
  }[]
}

const vectors: SerializationVectors = JSON.parse(
  readFileSync(new URL('./vectors/serialization.json', import.meta.url), 'utf8'),
)

test('there are 33 vectors', () => {
  expect(vectors.cases).toHaveLength(33)
})

describe.each(vectors.cases)('$name', ({ event, id_json_stringify, id_nip01_verbatim }) => {
  test('the id is the hash in the form of JSON.stringify', () => {
    expect(computeEventId(event)).toBe(id_json_stringify)
    expect(event.id).toBe(id_json_stringify)
  })

  test('where raw control characters would hash otherwise, the id is not that one', () => {
    const hasEscapedControl = /\\u00[01]/.test(serializeForId(event))
    expect(computeEventId(event) === id_nip01_verbatim).toBe(!hasEscapedControl)
  })

  test('the event is accepted and its canonical JSON gives the same seven values', () => {
    expect(parseEvent(event)).toEqual({ ok: true, value: event })
    expect(JSON.parse(encodeEvent(event))).toEqual(event)
    expect(canonicalize(event)).toEqual({ id: event.id, json: encodeEvent(event) })
  })
})

test('the preimage has no whitespace and escapes neither slashes nor what is not ASCII', () => {
  const preimage = serializeForId({
    pubkey: 'ab',
    created_at: 5,
    kind: 1,
    tags: [['r', 'https://é/\u2028']],
    content: '\u007f"\\\n\u0001',
  })
  expect(preimage).toBe('[0,"ab",5,1,[["r","https://é/\u2028"]],"\u007f\\"\\\\\\n\\u0001"]')
})

test('the claimed id is kept in the JSON and the right one returned beside it', () => {
  const event = { ...vectors.cases[0]!.event, id: 'f'.repeat(64) }
  const { id, json } = canonicalize(event)
  expect(id).toBe(vectors.cases[0]!.event.id)
  expect(JSON.parse(json)).toEqual(event)
})

test('the hash is over UTF-8', () => {
  const event = { pubkey: '', created_at: 0, kind: 0, tags: [], content: '🤙' }
  expect(computeEventId(event)).toBe(hash('sha256', Buffer.from('[0,"",0,0,[],"🤙"]', 'utf8')))
})
