import { describe, expect, test } from 'vitest'
import { readEventIdText, readPubkeyText } from './nip19.ts'

// The examples of NIP-19.
const HEX = '7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e'
const NPUB = 'npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg'
const PROFILE_HEX = '3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d'
const NPROFILE =
  'nprofile1qqsrhuxx8l9ex335q7he0f09aej04zpazpl0ne2cgukyawd24mayt8gpp4mhxue69uhhytnc9e3k7mgpz4mhxue69uhkg6nzv9ejuumpv34kytnrdaksjlyr9p'

describe('a key is read', () => {
  test.each([
    ['as hex', HEX, HEX],
    ['as hex in capitals', HEX.toUpperCase(), HEX],
    ['as npub', NPUB, HEX],
    ['as npub in capitals', NPUB.toUpperCase(), HEX],
    ['as a nostr: link with blanks around it', ` nostr:${NPUB} `, HEX],
    ['as nprofile', NPROFILE, PROFILE_HEX],
  ])('%s', (_how, text, hex) => {
    expect(readPubkeyText(text)).toEqual({ ok: true, value: hex })
  })
})

test('one character that was mistyped is noticed, wherever it is', () => {
  for (let at = 5; at < NPUB.length; at++) {
    const mistyped = NPUB.slice(0, at) + (NPUB[at] === 'q' ? 'p' : 'q') + NPUB.slice(at + 1)
    expect({ at, ok: readPubkeyText(mistyped).ok }).toEqual({ at, ok: false })
  }
})

test.each([
  '',
  'npub1',
  'npub',
  NPUB.slice(0, -1),
  `${NPUB.slice(0, 30)}${NPUB.slice(30).toUpperCase()}`,
  'é'.repeat(64),
  'ab'.repeat(31),
])('%j is no key', (text) => expect(readPubkeyText(text).ok).toBe(false))

test('a secret key is refused with a warning that does not repeat it', () => {
  const nsec = 'nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5'
  const read = readPubkeyText(nsec)
  expect(read).toMatchObject({ ok: false, refusal: expect.stringContaining('secret') })
  expect(JSON.stringify(read)).not.toContain(nsec.slice(5))
})

test('a key is no event id, though both are 32 bytes', () => {
  expect(readEventIdText(NPUB).ok).toBe(false)
  expect(readEventIdText(HEX)).toEqual({ ok: true, value: HEX })
})
