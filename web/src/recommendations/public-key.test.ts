import { expect, test } from 'vitest'
import { readPublicKey } from './public-key.ts'

/** The example of NIP-19. */
const npub = 'npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg'
const hex = '7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e'

test('a key is read from its hex digits and from npub, with or without nostr:', () => {
  expect(readPublicKey(npub)).toEqual({ ok: true, pubkey: hex })
  expect(readPublicKey(` nostr:${npub.toUpperCase()} `)).toEqual({ ok: true, pubkey: hex })
  expect(readPublicKey(hex.toUpperCase())).toEqual({ ok: true, pubkey: hex })
})

test('one wrong letter is noticed', () => {
  expect(readPublicKey(npub.replace('elf', 'elg'))).toEqual({ ok: false, refusal: 'mistyped' })
  expect(readPublicKey(npub.slice(0, -1))).toEqual({ ok: false, refusal: 'mistyped' })
  expect(readPublicKey('npub1b')).toEqual({ ok: false, refusal: 'mistyped' })
})

test('a secret key is not read at all', () => {
  expect(readPublicKey('nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5')).toEqual({
    ok: false,
    refusal: 'secret',
  })
  expect(readPublicKey('hello')).toEqual({ ok: false, refusal: 'not-a-key' })
  expect(readPublicKey('  ')).toEqual({ ok: false, refusal: 'empty' })
})
