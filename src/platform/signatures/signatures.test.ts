import { schnorr } from '@noble/curves/secp256k1.js'
import { bytesToHex } from '@noble/curves/utils.js'
import { signSchnorr, xOnlyPointFromScalar } from 'tiny-secp256k1'
import { describe, expect, test } from 'vitest'
import { createSignatureVerifier } from './create-verifier.ts'
import { loadNativeVerifier } from './native-verifier.ts'
import { KEPT_KEYS, type SignatureVerifier } from './verifier.ts'
import { loadWasmVerifier } from './wasm-verifier.ts'

/** From the test vectors of BIP-340 (those with 32-byte messages), with the verdict. */
const bip340 = [
  {
    pubkey: 'f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9',
    id: '0000000000000000000000000000000000000000000000000000000000000000',
    sig: 'e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca821525f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0',
    isValid: true,
  },
  {
    pubkey: 'dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659',
    id: '243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89',
    sig: '6896bd60eeae296db48a229ff71dfe071bde413e6d43f917dc8dcf8c78de33418906d11ac976abccb20b091292bff4ea897efcb639ea871cfa95f6de339e4b0a',
    isValid: true,
  },
  {
    // The public key is not on the curve.
    pubkey: 'eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34',
    id: '243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89',
    sig: '6cff5c3ba86c69ea4b7376f31a9bcb4f74c1976089b2d9963da2e5543e17776969e89b4c5564d00349106b8497785dd7d1d713a8ae82b32fa79d5f7fc407d39b',
    isValid: false,
  },
  {
    // The public key exceeds the field size.
    pubkey: 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30',
    id: '243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89',
    sig: '6cff5c3ba86c69ea4b7376f31a9bcb4f74c1976089b2d9963da2e5543e17776969e89b4c5564d00349106b8497785dd7d1d713a8ae82b32fa79d5f7fc407d39b',
    isValid: false,
  },
  {
    // r equals the field size; s equals the curve order.
    pubkey: 'dff1d77f2a671c5f36183726db2341be58feae1da2deced843240f7b502ba659',
    id: '243f6a8885a308d313198a2e03707344a4093822299f31d0082efa98ec4e6c89',
    sig: 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2ffffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141',
    isValid: false,
  },
]

function secretKeyOf(number: number): Uint8Array {
  const secretKey = new Uint8Array(32).fill(9)
  new DataView(secretKey.buffer).setUint32(28, number)
  return secretKey
}

/** More than a verifier keeps. */
const publicKeys = Array.from({ length: KEPT_KEYS + 50 }, (_, number) =>
  bytesToHex(xOnlyPointFromScalar(secretKeyOf(number))),
)

const verifiers: [string, SignatureVerifier | undefined][] = [
  ['native', await loadNativeVerifier()],
  ['wasm', await loadWasmVerifier()],
]

for (const [name, verifier] of verifiers) {
  if (verifier !== undefined) describe(`the ${name} verifier`, () => describeVerifier(verifier))
  else {
    console.warn(`SKIPPED: the ${name} verifier needs libsecp256k1 on this machine (Debian: libsecp256k1-1).`)
    describe.skipIf(verifier === undefined)(`the ${name} verifier`, () => {
      test('needs libsecp256k1 on this machine', () => {})
    })
  }
}

function describeVerifier(verifier: SignatureVerifier): void {
  test('agrees with the vectors of BIP-340', () => {
    for (const { id, pubkey, sig, isValid } of bip340) expect(verifier.verify(id, pubkey, sig)).toBe(isValid)
  })

  test('keys that are no points leave nothing behind, however many come', () => {
    const { id, pubkey, sig } = bip340[2]!
    // tiny-secp256k1 is broken for good after 3,400 of them when it is not asked first whether a key is a point.
    for (let time = 0; time < 5_000; time++) if (verifier.verify(id, pubkey, sig)) expect.fail('accepted')
    expect(verifier.verify(bip340[0]!.id, bip340[0]!.pubkey, bip340[0]!.sig)).toBe(true)
  })

  test('keys are told apart when there are more of them than are kept', () => {
    const hash = new Uint8Array(32).fill(1)
    const id = bytesToHex(hash)
    const signed = Array.from({ length: 20 }, (_, number) => {
      const secretKey = secretKeyOf(number)
      return { pubkey: publicKeys[number]!, sig: bytesToHex(signSchnorr(hash, secretKey)) }
    })
    const wrong = () => signed.filter(({ pubkey, sig }) => !verifier.verify(id, pubkey, sig))
    expect(wrong()).toEqual([])
    // No signature of anybody: refused before the dear part of a check.
    for (const pubkey of publicKeys) expect(verifier.verify(id, pubkey, 'f'.repeat(128))).toBe(false)
    expect(wrong()).toEqual([])
    const [first, second] = signed
    expect(verifier.verify(id, first!.pubkey, second!.sig)).toBe(false)
  })

  test('accepts what noble signs and refuses it with any one bit changed', () => {
    const secretKey = new Uint8Array(32).fill(7)
    const pubkey = bytesToHex(schnorr.getPublicKey(secretKey))
    for (let round = 0; round < 16; round++) {
      const message = new Uint8Array(32).fill(round)
      const signature = schnorr.sign(message, secretKey)
      expect(verifier.verify(bytesToHex(message), pubkey, bytesToHex(signature))).toBe(true)
      signature[(round * 5) % 64]! ^= 1 << (round % 8)
      expect(verifier.verify(bytesToHex(message), pubkey, bytesToHex(signature))).toBe(false)
    }
  })
}

test('auto always finds one, and wasm is what it says', async () => {
  expect((await createSignatureVerifier('auto')).name).toContain('secp256k1')
  expect((await createSignatureVerifier('wasm')).isNative).toBe(false)
})
