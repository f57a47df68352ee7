import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { expect, test } from 'vitest'
import { createEcdsaSigner, ecdsaPublicKeyOf, finishEcdsaSignature, parseEcdsaPoint } from './ecdsa-signer.ts'
import { randomSecretKey } from './schnorr-signer.ts'
import { faultOf } from './testing.ts'

const secretKey = randomSecretKey()
const publicKey = ecdsaPublicKeyOf(secretKey)!
const digest = randomBytes(32)

test('what it signs, its public key confirms and can be computed from', async () => {
  const signer = createEcdsaSigner(secretKey)
  for (let round = 0; round < 20; round += 1) {
    const { compact, recovery } = await signer.signDigest(randomDigest(round))
    const key = Buffer.from(signer.publicKey, 'hex')
    const options = { prehash: false, lowS: true }
    expect(secp256k1.verify(compact, randomDigest(round), key, options)).toBe(true)
    expect(secp256k1.verify(compact, randomDigest(round + 1), key, options)).toBe(false)
    const recoverable = Buffer.concat([Buffer.of(recovery), compact])
    const recovered = secp256k1.recoverPublicKey(recoverable, randomDigest(round), { prehash: false })
    expect(Buffer.from(recovered).toString('hex')).toBe(signer.publicKey)
  }
})

test('of the two values of s that fit, the lower one comes out', () => {
  const low = secp256k1.Signature.fromBytes(secp256k1.sign(digest, secretKey, { prehash: false }), 'compact')
  const high = new secp256k1.Signature(low.r, secp256k1.Point.Fn.neg(low.s))
  expect(high.hasHighS()).toBe(true)
  const finished = [low, high].map((signature) =>
    finishEcdsaSignature({ compact: signature.toBytes('compact'), digest, publicKey }),
  )
  expect(finished[1]).toEqual(finished[0])
  expect(finished[0]).toMatchObject({ compact: low.toBytes('compact') })
})

test('a signature of another key, of another digest, or of no key is refused', async () => {
  const other = ecdsaPublicKeyOf(randomSecretKey())!
  const { compact } = await createEcdsaSigner(secretKey).signDigest(digest)
  for (const wrong of [
    { compact, digest, publicKey: other },
    { compact, digest: randomBytes(32), publicKey },
    { compact: new Uint8Array(64), digest, publicKey },
    { compact: compact.subarray(1), digest, publicKey },
  ]) {
    expect(await faultOf(() => finishEcdsaSignature(wrong))).toMatchObject({ code: 'SIGNER_FAILED' })
  }
})

test.each([0, 31, 33, 64])('%d bytes are no digest, and are not signed', async (length) => {
  const signer = createEcdsaSigner(secretKey)
  expect(await faultOf(() => signer.signDigest(randomBytes(length)))).toMatchObject({ code: 'SIGNER_FAILED' })
})

test('it shows its key to nobody', () => {
  const shown = inspect(createEcdsaSigner(secretKey), { depth: null, showHidden: true })
  expect(shown).toContain(publicKey)
  expect(shown).not.toContain(Buffer.from(secretKey).toString('hex'))
})

test('a point is read with and without the DER around it, and nothing else is', () => {
  const point = Buffer.from(secp256k1.getPublicKey(secretKey, false))
  expect(parseEcdsaPoint(point)).toBe(publicKey)
  expect(parseEcdsaPoint(Buffer.concat([Buffer.of(4, 65), point]))).toBe(publicKey)
  const notOnCurve = Buffer.from(point)
  notOnCurve[64]! ^= 1
  for (const wrong of [
    notOnCurve,
    point.subarray(1),
    Buffer.concat([Buffer.of(4, 66), point]),
    Buffer.alloc(0),
  ])
    expect(parseEcdsaPoint(wrong)).toBeUndefined()
})

function randomDigest(seed: number): Uint8Array {
  return Uint8Array.from(digest, (byte) => byte ^ seed)
}
