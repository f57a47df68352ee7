import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { schnorr } from '@noble/curves/secp256k1.js'
import { expect, test } from 'vitest'
import { createSchnorrSigner, randomSecretKey } from './schnorr-signer.ts'
import { faultOf } from './testing.ts'

test('what it signs, its public key confirms', async () => {
  const signer = createSchnorrSigner(randomSecretKey())
  const hash = randomBytes(32)
  const signature = await signer.signSchnorr(hash)
  expect(schnorr.verify(signature, hash, Buffer.from(signer.publicKey, 'hex'))).toBe(true)
  expect(schnorr.verify(signature, randomBytes(32), Buffer.from(signer.publicKey, 'hex'))).toBe(false)
})

test.each([0, 31, 33, 64])('%d bytes are no hash, and are not signed', async (length) => {
  const signer = createSchnorrSigner(randomSecretKey())
  expect(await faultOf(() => signer.signSchnorr(randomBytes(length)))).toMatchObject({
    code: 'SIGNER_FAILED',
  })
})

test('bytes that are no key make no signer', async () => {
  for (const bytes of [new Uint8Array(32), new Uint8Array(31).fill(1), new Uint8Array(32).fill(255)]) {
    expect(await faultOf(() => createSchnorrSigner(bytes))).toMatchObject({ code: 'SIGNER_KEY_INVALID' })
  }
})

test('it keeps a key of its own, and shows it to nobody', () => {
  const secretKey = randomSecretKey()
  const hex = Buffer.from(secretKey).toString('hex')
  const signer = createSchnorrSigner(secretKey)
  const shown = [inspect(signer, { depth: null, showHidden: true }), JSON.stringify(signer)].join()
  expect(shown).toContain(signer.publicKey)
  expect(shown).not.toContain(hex)
  expect(Object.keys(signer).toSorted()).toEqual(['publicKey', 'signSchnorr'])
})

test('bytes that their owner overwrites afterwards change nothing', async () => {
  const secretKey = randomSecretKey()
  const signer = createSchnorrSigner(secretKey)
  secretKey.fill(1)
  const hash = randomBytes(32)
  const signature = await signer.signSchnorr(hash)
  expect(schnorr.verify(signature, hash, Buffer.from(signer.publicKey, 'hex'))).toBe(true)
})
