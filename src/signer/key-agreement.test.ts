import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { schnorr } from '@noble/curves/secp256k1.js'
import { expect, test } from 'vitest'
import { openKeyring } from './index.ts'
import { createKeyAgreement } from './key-agreement.ts'
import { faultOf, temporaryKeyFolder } from './testing.ts'

const publicKeyOf = (secret: Uint8Array) => Buffer.from(schnorr.getPublicKey(secret)).toString('hex')

test('two keys agree on the same 32 bytes from either side, and another pair on others', async () => {
  const [one, two, three] = [1, 2, 3].map((fill) => new Uint8Array(32).fill(fill)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ]
  const shared = await createKeyAgreement(one).sharedSecretWith(publicKeyOf(two))
  expect(shared).toHaveLength(32)
  expect(await createKeyAgreement(two).sharedSecretWith(publicKeyOf(one))).toEqual(shared)
  expect(await createKeyAgreement(three).sharedSecretWith(publicKeyOf(one))).not.toEqual(shared)
})

test.each(['', 'npub1', 'f'.repeat(64), 'A'.repeat(64)])(
  'with %s nothing is agreed on',
  async (publicKey) => {
    const agreement = createKeyAgreement(new Uint8Array(32).fill(1))
    expect(await faultOf(() => agreement.sharedSecretWith(publicKey))).toMatchObject({
      code: 'SIGNER_FAILED',
    })
  },
)

test('a keyring agrees with the key that it signs with, and shows it nowhere', async () => {
  const { parent, folder } = temporaryKeyFolder()
  try {
    const keyring = openKeyring(folder)
    const [signer, agreement] = [await keyring.keyFor('relay'), await keyring.agreementFor('relay')]
    const other = new Uint8Array(32).fill(9)
    expect(await agreement.sharedSecretWith(publicKeyOf(other))).toEqual(
      await createKeyAgreement(other).sharedSecretWith(signer.publicKey),
    )
    expect(Object.keys(agreement)).toEqual(['sharedSecretWith'])
    expect(readFileSync(join(folder, 'relay.key.json'), 'utf8')).toContain(signer.publicKey)
  } finally {
    rmSync(parent, { recursive: true })
  }
})
