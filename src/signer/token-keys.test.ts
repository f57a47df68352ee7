/** Keys of a keyring with a token: SoftHSM2, as it comes from the distribution. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { holdingFor } from './holdings.ts'
import {
  changePassphrase,
  inspectKeys,
  inspectSecrets,
  type Keyring,
  type KeyringOptions,
  openKeyring,
  type SignerNotice,
} from './index.ts'
import { CKA, CKM, CKO, CKR } from './pkcs11/constants.ts'
import { createToken, type TokenOptions } from './pkcs11/index.ts'
import { findSoftHsm, loadWith, type SoftHsm, startSoftHsm, TEST_PIN } from './pkcs11/testing.ts'
import { askKeyrings, faultOf, forgedKeyFile, temporaryKeyFolder } from './testing.ts'
import { openEcdsaKey } from './token-keys.ts'

const module = findSoftHsm()

describe.skipIf(module === undefined)('with a token', () => {
  let hsm: SoftHsm
  let pkcs11: TokenOptions
  let other: TokenOptions
  let parent: string
  let folder: string
  let notices: SignerNotice[]
  const rings: Keyring[] = []

  beforeAll(() => {
    hsm = startSoftHsm(module!)
    pkcs11 = hsm.makeToken('ours')
    other = hsm.makeToken('other')
  })

  beforeEach(() => {
    ;({ parent, folder } = temporaryKeyFolder())
    notices = []
  })

  afterEach(async () => {
    for (const keyring of rings.splice(0)) await keyring.close()
    rmSync(parent, { recursive: true })
  })

  afterAll(() => hsm.remove())

  function ring(options: KeyringOptions = { pkcs11 }): Keyring {
    const keyring = openKeyring(folder, { notify: (notice) => notices.push(notice), ...options })
    rings.push(keyring)
    return keyring
  }

  /** Everything that the keyring has, in a form that can be compared. */
  async function allOf(keyring: Keyring) {
    const relay = await keyring.keyFor('relay')
    const settlement = await keyring.ecdsaKeyFor('settlement')
    const secret = await keyring.secretFor('interledger')
    return [relay.publicKey, settlement.publicKey, secret.derive('x').toString('hex')]
  }

  const filesIn = () => readdirSync(folder).toSorted()
  const textsOf = () => filesIn().map((name) => readFileSync(join(folder, name), 'utf8'))

  test('keys and secrets are made once and are the same after every start, without a word of warning', async () => {
    const first = await allOf(ring())
    expect(await allOf(ring())).toEqual(first)
    expect(notices.map(({ event, facts }) => [event, facts.purpose, facts.lockedBy])).toEqual([
      ['signer.key_created', 'relay', 'token'],
      ['signer.key_created', 'settlement', 'token'],
      ['signer.key_created', 'interledger', 'token'],
    ])
    expect(filesIn()).toEqual(['interledger.secret.json', 'relay.key.json', 'settlement.key.json'])
  })

  test.each([
    ['no token', {}],
    ['no token but a passphrase', { passphrase: 'p' }],
    ['another token', { other: true }],
  ])(
    'with %s nothing opens, and nothing is made in its place',
    async (_, { other: isOther, ...rest }: { other?: boolean; passphrase?: string }) => {
      await allOf(ring())
      const before = textsOf()
      const keyring = ring(isOther === true ? { pkcs11: other } : rest)
      for (const open of [
        () => keyring.keyFor('relay'),
        () => keyring.ecdsaKeyFor('settlement'),
        () => keyring.secretFor('interledger'),
      ]) {
        expect(await faultOf(open)).toMatchObject({ code: 'SIGNER_LOCKED' })
      }
      expect(textsOf()).toEqual(before)
    },
  )

  test('a wrong PIN opens nothing, makes nothing, and is named nowhere', async () => {
    await ring().keyFor('relay')
    for (const keyring of rings.splice(0)) await keyring.close()
    const before = textsOf()
    const keyring = ring({ pkcs11: { ...pkcs11, pin: { text: 'wrong-pin-5208' } } })
    for (const open of [() => keyring.keyFor('relay'), () => keyring.keyFor('publisher')]) {
      const fault = await faultOf(open)
      expect(fault).toMatchObject({ code: 'SIGNER_LOCKED', facts: { tokenLabel: 'ours' } })
      expect(`${fault.message} ${fault.stack} ${JSON.stringify(fault)}`).not.toContain('5208')
    }
    expect(textsOf()).toEqual(before)
  })

  test('a file whose part of the token somebody has altered does not open', async () => {
    await ring().keyFor('relay')
    const path = join(folder, 'relay.key.json')
    const file = JSON.parse(readFileSync(path, 'utf8'))
    for (const member of ['ciphertext', 'iv'] as const) {
      const hex: string = file.token[member]
      const altered = hex.slice(0, -1) + (hex.endsWith('0') ? '1' : '0')
      writeFileSync(path, forgedKeyFile({ ...file, token: { ...file.token, [member]: altered } }))
      expect(await faultOf(() => ring().keyFor('relay'))).toMatchObject({ code: 'SIGNER_LOCKED' })
    }
  })

  test.each([undefined, 'a passphrase'])(
    'keys that were there before (passphrase %j) are locked by it from now on',
    async (passphrase) => {
      const before = await allOf(ring({ passphrase }))
      notices = []
      expect(await allOf(ring({ passphrase, pkcs11 }))).toEqual(before)
      expect(notices.map(({ event, facts }) => `${event} ${facts.lockedBy}`)).toEqual(
        Array(3).fill('signer.key_relocked token'),
      )
      rmSync(join(folder, 'keyring.secret'), { force: true })
      expect(await allOf(ring())).toEqual(before)
      expect(await faultOf(() => ring({ passphrase }).keyFor('relay'))).toMatchObject({
        code: 'SIGNER_LOCKED',
      })
    },
  )

  test('the settlement key signs in the token, with the lower s, and is nowhere else', async () => {
    const signer = await ring().ecdsaKeyFor('settlement')
    const key = Buffer.from(signer.publicKey, 'hex')
    for (let round = 0; round < 12; round += 1) {
      const digest = randomBytes(32)
      const { compact } = await signer.signDigest(digest)
      expect(secp256k1.verify(compact, digest, key, { prehash: false, lowS: true })).toBe(true)
    }
    const file = JSON.parse(readFileSync(join(folder, 'settlement.key.json'), 'utf8'))
    expect(Object.keys(file)).toEqual(['version', 'purpose', 'publicKey', 'heldBy', 'keyId', 'checksum'])
    expect(await settlementKeysIn(pkcs11)).toContain(file.keyId)
  })

  test('where the token lacks the curve, the settlement key is in a file that the token locks', async () => {
    const load = loadWith((name, _slot, type) =>
      name === 'C_GetMechanismInfo' && type === CKM.EC_KEY_PAIR_GEN ? CKR.MECHANISM_INVALID : undefined,
    )
    const lacking = createToken(pkcs11, { load })
    const options = { folder, passphrase: undefined, token: lacking, nowMs: Date.now, notify: () => {} }
    const { publicKey } = await openEcdsaKey(holdingFor('settlement'), options)
    await lacking.close()
    expect(JSON.parse(readFileSync(join(folder, 'settlement.key.json'), 'utf8'))).toMatchObject({
      lockedBy: 'token',
    })
    // It stays there when a token is put in that could do it.
    expect(await ring().ecdsaKeyFor('settlement')).toMatchObject({ publicKey })
  })

  test('whoever looks at the keys sees that the token guards them, and needs it for that', async () => {
    const [relay, settlement] = await allOf(ring())
    const options = { folder, passphrase: undefined, given: {} }
    expect(await inspectKeys({ ...options, pkcs11 })).toEqual([
      { purpose: 'relay', publicKey: relay, from: 'token' },
      { purpose: 'settlement', publicKey: settlement, from: 'token' },
    ])
    expect(await inspectSecrets({ ...options, pkcs11 })).toEqual([{ purpose: 'interledger', from: 'token' }])
    expect(await faultOf(() => inspectKeys(options))).toMatchObject({ code: 'SIGNER_LOCKED' })
  })

  test('a new passphrase leaves alone what the token guards', async () => {
    const before = await allOf(ring())
    expect(await changePassphrase({ folder, from: 'old', to: 'new' })).toEqual([])
    expect(await allOf(ring())).toEqual(before)
  })

  test('of several processes that start at once, one makes each key for all', async () => {
    const shared = hsm.makeToken('shared')
    const ask = `async (keyring) => [
      (await keyring.keyFor('relay')).publicKey,
      (await keyring.ecdsaKeyFor('settlement')).publicKey,
    ]`
    const said = await askKeyrings({ count: 4, folder, options: { pkcs11: shared }, ask })
    expect(new Set(said.map(({ answer }) => String(answer))).size).toBe(1)
    expect(said.reduce((sum, { created }) => sum + created, 0)).toBe(2)
    // The others have taken theirs out of the token again.
    const { keyId } = JSON.parse(readFileSync(join(folder, 'settlement.key.json'), 'utf8'))
    expect(await settlementKeysIn(shared)).toEqual([keyId])
    const [relay, settlement] = await allOf(ring({ pkcs11: shared }))
    expect(said[0]?.answer).toEqual([relay, settlement])
  })

  test('a token that is emptied does not lead to other keys', async () => {
    const emptied = hsm.makeToken('emptied')
    await allOf(ring({ pkcs11: emptied }))
    for (const keyring of rings.splice(0)) await keyring.close()
    const before = textsOf()
    const again = ['--init-token', '--token', 'emptied', '--label', 'emptied']
    execFileSync('softhsm2-util', [...again, '--pin', TEST_PIN, '--so-pin', 'security-officer'], {
      stdio: 'pipe',
    })
    const keyring = ring({ pkcs11: emptied })
    expect(await faultOf(() => keyring.keyFor('relay'))).toMatchObject({ code: 'SIGNER_LOCKED' })
    expect(await faultOf(() => keyring.ecdsaKeyFor('settlement'))).toMatchObject({ code: 'SIGNER_LOCKED' })
    expect(textsOf()).toEqual(before)
  })
})

/** The ids of the private keys for settlement that a token holds. */
async function settlementKeysIn(options: TokenOptions): Promise<readonly string[]> {
  const token = createToken(options)
  try {
    return await token.run(async (session) => {
      const ids: string[] = []
      const wanted = [
        [CKA.CLASS, CKO.PRIVATE_KEY] as const,
        [CKA.LABEL, Buffer.from('stoa-settlement')] as const,
      ]
      for (const key of await session.find(wanted))
        ids.push((await session.attributeOf(key, CKA.ID)).toString('hex'))
      return ids
    })
  } finally {
    await token.close()
  }
}
