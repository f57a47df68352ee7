import { hash } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { AppError } from '../kernel/index.ts'
import { encryptKey, type Lock, parseKeyFile } from './key-file.ts'
import { publicKeyOf, randomSecretKey } from './schnorr-signer.ts'
import { faultOf } from './testing.ts'

const PATH = '/data/keys/relay.key.json'
const lock: Lock = { by: 'passphrase', secret: 'correct horse' }
const secretKey = randomSecretKey()
const secretHex = Buffer.from(secretKey).toString('hex')

let text: string

beforeAll(async () => {
  text = await encryptKey(secretKey, 'relay', lock)
})

test('what was locked is opened by the same passphrase', async () => {
  const locked = parseKeyFile(text, 'relay', PATH)
  expect(locked).toMatchObject({ publicKey: publicKeyOf(secretKey), lockedBy: 'passphrase' })
  expect(Buffer.from(await locked.unlock(lock)).toString('hex')).toBe(secretHex)
})

test('a passphrase may be typed as other code points of the same text', async () => {
  const composed = await encryptKey(secretKey, 'relay', { by: 'passphrase', secret: 'caf\u00e9' })
  const opened = await parseKeyFile(composed, 'relay', PATH).unlock({
    by: 'passphrase',
    secret: 'cafe\u0301',
  })
  expect(Buffer.from(opened).toString('hex')).toBe(secretHex)
})

test('another passphrase opens nothing, and the fault names neither it nor the key', async () => {
  const locked = parseKeyFile(text, 'relay', PATH)
  const fault = await faultOf(() => locked.unlock({ by: 'passphrase', secret: 'wrong horse' }))
  expect(fault).toMatchObject({ code: 'SIGNER_LOCKED', facts: { path: PATH } })
  expect(JSON.stringify([fault.message, fault.facts])).not.toMatch(/horse/)
})

test('the file shows whose key it is, and not the key, and no two are alike', async () => {
  expect(text).toContain(publicKeyOf(secretKey))
  expect(text).not.toContain(secretHex)
  const again = JSON.parse(await encryptKey(secretKey, 'relay', lock))
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
      expect(codeOf(() => parseKeyFile(damaged, 'relay', PATH))).toBe('SIGNER_FILE_DAMAGED')
    }),
    { numRuns: 2000 },
  )
})

test('the key for one purpose is not taken for another', () => {
  expect(codeOf(() => parseKeyFile(text, 'publisher', PATH))).toBe('SIGNER_FILE_DAMAGED')
})

test.each([
  ['purpose', { purpose: 'publisher' }],
  ['public key', { publicKey: 'a'.repeat(64) }],
  ['lock', { lockedBy: 'file' }],
  ['ciphertext', { ciphertext: '0'.repeat(64) }],
])('a file whose %s somebody has forged, checksum and all, does not open', async (_, members) => {
  const { checksum: _old, ...unsummed } = { ...JSON.parse(text), ...members }
  const forged = JSON.stringify({ ...unsummed, checksum: hash('sha256', JSON.stringify(unsummed)) })
  const locked = parseKeyFile(forged, unsummed.purpose, PATH)
  expect(await faultOf(() => locked.unlock(lock))).toMatchObject({ code: 'SIGNER_LOCKED' })
})

test.each([2 ** 14, 2 ** 19, 2 ** 30, 70_000, -1, 0, '65536'])(
  'a file cannot ask for scrypt with N = %j',
  (N) => {
    const { checksum: _old, ...unsummed } = JSON.parse(text)
    unsummed.scrypt.N = N
    const forged = JSON.stringify({ ...unsummed, checksum: hash('sha256', JSON.stringify(unsummed)) })
    expect(codeOf(() => parseKeyFile(forged, 'relay', PATH))).toBe('SIGNER_FILE_DAMAGED')
  },
)

test('what 32 random bytes have locked opens with them, and with no others', async () => {
  const byFile: Lock = { by: 'file', secret: 'ab'.repeat(32) }
  const locked = parseKeyFile(await encryptKey(secretKey, 'relay', byFile), 'relay', PATH)
  expect(locked.lockedBy).toBe('file')
  expect(Buffer.from(await locked.unlock(byFile)).toString('hex')).toBe(secretHex)
  expect(await faultOf(() => locked.unlock({ by: 'file', secret: 'ba'.repeat(32) }))).toMatchObject({
    code: 'SIGNER_LOCKED',
  })
})

function codeOf(act: () => unknown): string {
  try {
    act()
    return 'no fault'
  } catch (error) {
    return error instanceof AppError ? error.code : String(error)
  }
}
