import { hash } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { AppError } from '../kernel/index.ts'
import { holdingFor } from './holdings.ts'
import { encryptKeyFile, heldKeyFile, type Lock, parseHeldKeyFile, parseKeyFile } from './key-file.ts'
import { publicKeyOf, randomSecretKey } from './schnorr-signer.ts'
import { faultOf } from './testing.ts'

const relay = holdingFor('relay')
const PATH = '/data/keys/relay.key.json'
const lock: Lock = { by: 'passphrase', secret: 'correct horse' }
const secretKey = randomSecretKey()
const secretHex = Buffer.from(secretKey).toString('hex')

let text: string

beforeAll(async () => {
  text = await encryptKeyFile(secretKey, relay, lock)
})

test('what was locked is opened by the same passphrase', async () => {
  const locked = parseKeyFile(text, relay, PATH)
  expect(locked).toMatchObject({ publicKey: publicKeyOf(secretKey), lockedBy: 'passphrase' })
  expect(Buffer.from(await locked.unlock(lock)).toString('hex')).toBe(secretHex)
})

test('a passphrase may be typed as other code points of the same text', async () => {
  const composed = await encryptKeyFile(secretKey, relay, { by: 'passphrase', secret: 'caf\u00e9' })
  const opened = await parseKeyFile(composed, relay, PATH).unlock({
    by: 'passphrase',
    secret: 'cafe\u0301',
  })
  expect(Buffer.from(opened).toString('hex')).toBe(secretHex)
})

test('another passphrase opens nothing, and the fault names neither it nor the key', async () => {
  const locked = parseKeyFile(text, relay, PATH)
  const fault = await faultOf(() => locked.unlock({ by: 'passphrase', secret: 'wrong horse' }))
  expect(fault).toMatchObject({ code: 'SIGNER_LOCKED', facts: { path: PATH } })
  expect(JSON.stringify([fault.message, fault.facts])).not.toMatch(/horse/)
})

test('the file shows whose key it is, and not the key, and no two are alike', async () => {
  expect(text).toContain(publicKeyOf(secretKey))
  expect(text).not.toContain(secretHex)
  const again = JSON.parse(await encryptKeyFile(secretKey, relay, lock))
  const first = JSON.parse(text)
  expect(again.scrypt.salt).not.toBe(first.scrypt.salt)
  expect(again.iv).not.toBe(first.iv)
  expect(first.scrypt.N).toBeGreaterThanOrEqual(2 ** 15)
})

test('any damage is noticed before a passphrase is tried', () => {
  const damages = fc.oneof(
    fc.nat(text.length - 2).map((at) => text.slice(0, at)),
    fc
      .tuple(fc.nat(text.length - 2), fc.nat(6))
      .map(
        ([at, bit]) =>
          text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) + text.slice(at + 1),
      ),
    fc.string(),
    fc.json(),
  )
  fc.assert(
    fc.property(damages, (damaged) => {
      expect(codeOf(() => parseKeyFile(damaged, relay, PATH))).toBe('SIGNER_FILE_DAMAGED')
    }),
    { numRuns: 2000 },
  )
})

test('the key for one purpose is not taken for another', () => {
  expect(codeOf(() => parseKeyFile(text, holdingFor('publisher'), PATH))).toBe('SIGNER_FILE_DAMAGED')
})

test.each([
  ['purpose', { purpose: 'publisher' }],
  ['public key', { publicKey: 'a'.repeat(64) }],
  ['lock', { lockedBy: 'file' }],
  ['ciphertext', { ciphertext: '0'.repeat(64) }],
])('a file whose %s somebody has forged, checksum and all, does not open', async (_, members) => {
  const { checksum: _old, ...unsummed } = { ...JSON.parse(text), ...members }
  const forged = JSON.stringify({ ...unsummed, checksum: hash('sha256', JSON.stringify(unsummed)) })
  const locked = parseKeyFile(forged, holdingFor(unsummed.purpose), PATH)
  expect(await faultOf(() => locked.unlock(lock))).toMatchObject({ code: 'SIGNER_LOCKED' })
})

test.each([2 ** 14, 2 ** 19, 2 ** 30, 70_000, -1, 0, '65536'])(
  'a file cannot ask for scrypt with N = %j',
  (N) => {
    const { checksum: _old, ...unsummed } = JSON.parse(text)
    unsummed.scrypt.N = N
    const forged = JSON.stringify({ ...unsummed, checksum: hash('sha256', JSON.stringify(unsummed)) })
    expect(codeOf(() => parseKeyFile(forged, relay, PATH))).toBe('SIGNER_FILE_DAMAGED')
  },
)

test('what 32 random bytes have locked opens with them, and with no others', async () => {
  const byFile: Lock = { by: 'file', secret: 'ab'.repeat(32) }
  const locked = parseKeyFile(await encryptKeyFile(secretKey, relay, byFile), relay, PATH)
  expect(locked.lockedBy).toBe('file')
  expect(Buffer.from(await locked.unlock(byFile)).toString('hex')).toBe(secretHex)
  expect(await faultOf(() => locked.unlock({ by: 'file', secret: 'ba'.repeat(32) }))).toMatchObject({
    code: 'SIGNER_LOCKED',
  })
})

test('a file that the first version of this program wrote still opens', async () => {
  const publicKey = '611df01bfcf85c26ae65453b772d8f1dfd25c264621c0277e1fc1518686faef9'
  const locked = parseKeyFile(FIRST_FILE, relay, PATH)
  expect(locked).toMatchObject({ publicKey, lockedBy: 'file' })
  const opened = await locked.unlock({ by: 'file', secret: 'ab'.repeat(32) })
  expect(publicKeyOf(opened)).toBe(publicKey)
})

test('a file of a secret names no public key, and is no file of a key', async () => {
  const holding = holdingFor('interledger')
  const secretText = await encryptKeyFile(secretKey, holding, lock)
  const locked = parseKeyFile(secretText, holding, PATH)
  expect(locked.publicKey).toBeUndefined()
  expect(Buffer.from(await locked.unlock(lock)).toString('hex')).toBe(secretHex)
  const { checksum: _old, ...unsummed } = JSON.parse(secretText)
  for (const forged of [
    { ...unsummed, purpose: 'relay' },
    { ...JSON.parse(text), purpose: 'interledger' },
  ]) {
    const { checksum: _sum, ...members } = forged
    const summed = JSON.stringify({ ...members, checksum: hash('sha256', JSON.stringify(members)) })
    expect(codeOf(() => parseKeyFile(summed, holdingFor(forged.purpose), PATH))).toBe('SIGNER_FILE_DAMAGED')
  }
})

test('any damage to the file of a key in a token is noticed', () => {
  const settlement = holdingFor('settlement')
  const held = { publicKey: `02${'ab'.repeat(32)}`, keyId: 'cd'.repeat(16) }
  const heldText = heldKeyFile(held, settlement)
  expect(parseHeldKeyFile(heldText, settlement, PATH)).toEqual(held)
  fc.assert(
    fc.property(fc.nat(heldText.length - 2), fc.nat(6), (at, bit) => {
      const code = String.fromCharCode(heldText.charCodeAt(at) ^ (1 << bit))
      const damaged = heldText.slice(0, at) + code + heldText.slice(at + 1)
      // What is not seen to be such a file is read as one that holds its key, and refused as that.
      const read = () =>
        parseHeldKeyFile(damaged, settlement, PATH) ?? parseKeyFile(damaged, settlement, PATH)
      expect(codeOf(read)).toBe('SIGNER_FILE_DAMAGED')
    }),
    { numRuns: 2000 },
  )
})

const FIRST_FILE = `{
  "version": 1,
  "purpose": "relay",
  "publicKey": "611df01bfcf85c26ae65453b772d8f1dfd25c264621c0277e1fc1518686faef9",
  "lockedBy": "file",
  "scrypt": {
    "N": 1024,
    "r": 8,
    "p": 1,
    "salt": "d6047466d7735efab13c005dca98a9608bdcd4a92254b69b6e2aff8df3065cc2"
  },
  "cipher": "aes-256-gcm",
  "iv": "ef2a12d2b42f6b419f25eb71",
  "ciphertext": "5102b3fd77539a423dfa6bf4fff38609caf748efc7b23f90b2a98de5c701a5bd",
  "tag": "ab9eaa33db3c9031492445cb1031b98f",
  "checksum": "c192dc457c90cb2dc9cfa08b1f01eca12adcb5e9df8426f56a38343a4a7872a4"
}
`

function codeOf(act: () => unknown): string {
  try {
    act()
    return 'no fault'
  } catch (error) {
    return error instanceof AppError ? error.code : String(error)
  }
}
