import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import koffi from 'koffi'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { faultOf, temporaryKeyFolder } from '../testing.ts'
import { CKA, CKF, CKM, CKO, CKR } from './constants.ts'
import { loadCryptoki } from './cryptoki.ts'
import { failedWith } from './faults.ts'
import { ulong } from './memory.ts'
import { keyOf } from './session.ts'
import { findSoftHsm, loadWith, type SoftHsm, startSoftHsm, TEST_PIN } from './testing.ts'
import { createToken, type Token, type TokenOptions } from './token.ts'
import { createTokenKey, destroyTokenKey, openTokenKey } from './token-ecdsa.ts'
import { createTokenLock } from './token-lock.ts'

const module = findSoftHsm()
const FILE_KEY = Buffer.from('5a'.repeat(32), 'hex')

describe.skipIf(module === undefined)('a token', () => {
  let hsm: SoftHsm
  let options: TokenOptions
  let parent: string
  const opened: Token[] = []

  beforeAll(() => {
    hsm = startSoftHsm(module!)
    options = hsm.makeToken('first')
    ;({ parent } = temporaryKeyFolder())
  })

  afterEach(async () => {
    for (const token of opened.splice(0)) await token.close()
  })

  afterAll(() => {
    hsm.remove()
    rmSync(parent, { recursive: true })
  })

  function open(changes: Partial<TokenOptions> = {}, load = loadCryptoki): Token {
    const token = createToken({ ...options, ...changes }, { load })
    opened.push(token)
    return token
  }

  const look = (token: Token) => token.run((session) => session.offers(CKM.AES_GCM))

  describe('that cannot be used says why:', () => {
    test('no module', async () => {
      for (const path of [join(parent, 'missing.so'), 'libsofthsm2.so', join(parent, 'text.so')]) {
        writeFileSync(join(parent, 'text.so'), 'no library')
        const fault = await faultOf(() => look(open({ module: path })))
        expect(fault).toMatchObject({ code: 'SIGNER_TOKEN_UNAVAILABLE', facts: { module: path } })
      }
    })

    test('no token of this label, with the labels that there are', async () => {
      const fault = await faultOf(() => look(open({ tokenLabel: 'firs' })))
      expect(fault).toMatchObject({
        code: 'SIGNER_TOKEN_UNAVAILABLE',
        facts: { tokenLabel: 'firs', others: ['first'] },
      })
    })

    test('two tokens of one label', async () => {
      hsm.makeToken('twin')
      hsm.makeToken('twin')
      const fault = await faultOf(() => look(open({ tokenLabel: 'twin' })))
      expect(fault).toMatchObject({ code: 'SIGNER_TOKEN_UNAVAILABLE', facts: { count: 2 } })
    })

    test('no PIN', async () => {
      const path = join(parent, 'empty-pin')
      writeFileSync(path, '\n')
      for (const pin of [{ text: '' }, { path }]) {
        expect(await faultOf(() => look(open({ pin })))).toMatchObject({ code: 'SIGNER_LOCKED' })
      }
      const missing = { path: join(parent, 'missing-pin') }
      expect(await faultOf(() => look(open({ pin: missing })))).toMatchObject({
        code: 'SIGNER_STORAGE_FAILED',
      })
    })

    test.each([
      ['full', 'C_GenerateKey', CKR.DEVICE_MEMORY, 'SIGNER_TOKEN_FAILED', /is full/],
      [
        'write-protected',
        'C_OpenSession',
        CKR.TOKEN_WRITE_PROTECTED,
        'SIGNER_TOKEN_FAILED',
        /write-protected/,
      ],
      ['taken out for good', 'C_OpenSession', CKR.TOKEN_NOT_PRESENT, 'SIGNER_TOKEN_UNAVAILABLE', /taken out/],
      ['of another opinion', 'C_Encrypt', 0x8000_0001, 'SIGNER_TOKEN_FAILED', /0x80000001/],
    ])('%s', async (_, operation, returned, code, message) => {
      const load = loadWith((name) => (name === operation ? returned : undefined))
      const own = hsm.makeToken(`failing-${operation}-${returned}`)
      const fault = await faultOf(() => createTokenLock(open(own, load)).wrap(FILE_KEY))
      expect(fault).toMatchObject({ code, facts: { operation } })
      expect(fault.message).toMatch(message)
    })
  })

  describe('with a wrong PIN', () => {
    let tries = 0
    const counted = loadWith((name) => {
      if (name === 'C_Login') tries += 1
      return undefined
    })

    test('is asked once and never again, until the PIN is another one', async () => {
      const path = join(parent, 'pin')
      writeFileSync(path, 'wrong-pin-5208\n')
      const token = open({ pin: { path } }, counted)
      tries = 0
      for (let round = 0; round < 5; round += 1) {
        const fault = await faultOf(() => look(token))
        expect(fault).toMatchObject({ code: 'SIGNER_LOCKED', facts: { tokenLabel: 'first' } })
        expect(`${fault.message} ${fault.stack} ${JSON.stringify(fault.facts)}`).not.toContain('5208')
      }
      expect(tries).toBe(1)
      writeFileSync(path, `${TEST_PIN}\n`)
      expect(await look(token)).toBe(true)
      expect(tries).toBe(2)
    })

    test.each([
      ['its last try is left', CKF.USER_PIN_FINAL_TRY, /one try left/],
      ['it is locked', CKF.USER_PIN_LOCKED, /has locked its PIN/],
    ])('is not asked at all when %s', async (_, flag, message) => {
      tries = 0
      const token = open({}, async (path) => {
        const cryptoki = await counted(path)
        return {
          ...cryptoki,
          call: async (name, ...args) => {
            const returned = await cryptoki.call(name, ...args)
            const info = args[1]
            if (name === 'C_GetTokenInfo' && Buffer.isBuffer(info)) info.writeUInt32LE(flag, 96)
            return returned
          },
        }
      })
      const fault = await faultOf(() => look(token))
      expect(fault).toMatchObject({ code: 'SIGNER_LOCKED' })
      expect(fault.message).toMatch(message)
      expect(tries).toBe(0)
    })
  })

  describe('whose session is lost', () => {
    test('is opened again when somebody else in this process has let go of the module', async () => {
      const [first, second] = [open(), open()]
      const wrapped = await createTokenLock(first).wrap(FILE_KEY)
      expect(await createTokenLock(second).unwrap(wrapped)).toEqual(FILE_KEY)
      await first.close()
      expect(await createTokenLock(second).unwrap(wrapped)).toEqual(FILE_KEY)
    })

    test('is opened again when it was logged out, instead of holding its keys for gone', async () => {
      const token = open()
      const wrapped = await createTokenLock(token).wrap(FILE_KEY)
      const key = await createTokenKey(token, 'test')
      const signer = await openTokenKey(token, key!)
      await logOut('first')
      expect(await createTokenLock(token).unwrap(wrapped)).toEqual(FILE_KEY)
      await logOut('first')
      expect(await signer.signDigest(Buffer.alloc(32, 1))).toMatchObject({ recovery: expect.any(Number) })
    })

    test('is opened again once, not for ever', async () => {
      let sessions = 0
      const token = open(
        {},
        loadWith((name) => {
          if (name === 'C_OpenSession') sessions += 1
          return name === 'C_FindObjectsInit' ? CKR.SESSION_HANDLE_INVALID : undefined
        }),
      )
      const fault = await faultOf(() => createTokenLock(token).wrap(FILE_KEY))
      expect(fault).toMatchObject({ code: 'SIGNER_TOKEN_UNAVAILABLE' })
      expect(sessions).toBe(2)
    })
  })

  describe('as a lock', () => {
    test.each(['aes-gcm', 'aes-cbc-pad'] as const)(
      'opens by %s what it has closed, and nothing else',
      async (mechanism) => {
        const lock = createTokenLock(open(), [mechanism])
        const wrapped = await lock.wrap(FILE_KEY)
        expect(wrapped).toMatchObject({ mechanism })
        expect(await lock.unwrap(wrapped)).toEqual(FILE_KEY)
        const altered = { ...wrapped, ciphertext: flipped(wrapped.ciphertext) }
        expect(await lock.unwrap(altered)).not.toEqual(FILE_KEY)
        const again = await lock.wrap(FILE_KEY)
        expect(again).toMatchObject({ keyId: wrapped.keyId })
        expect(again.ciphertext).not.toBe(wrapped.ciphertext)
      },
    )

    test('takes CBC when it does not offer GCM', async () => {
      const load = loadWith((name, _slot, type) =>
        name === 'C_GetMechanismInfo' && type === CKM.AES_GCM ? CKR.MECHANISM_INVALID : undefined,
      )
      expect(await createTokenLock(open({}, load)).wrap(FILE_KEY)).toMatchObject({ mechanism: 'aes-cbc-pad' })
    })

    test('is none with a key that was put into the token from outside', async () => {
      const own = hsm.makeToken('planted')
      hsm.plantKey('planted', 'stoa-key-files')
      const lock = createTokenLock(open(own))
      const wrapped = await lock.wrap(FILE_KEY)
      expect(wrapped.keyId).not.toBe('07')
      expect(await lock.wrap(FILE_KEY)).toMatchObject({ keyId: wrapped.keyId })
    })

    test('of another token opens nothing', async () => {
      // Made first: SoftHSM looks for tokens when a module is initialized.
      const other = open(hsm.makeToken('second'))
      const wrapped = await createTokenLock(open()).wrap(FILE_KEY)
      expect(await faultOf(() => createTokenLock(other).unwrap(wrapped))).toMatchObject({
        code: 'SIGNER_LOCKED',
        facts: { tokenLabel: 'second', keyId: wrapped.keyId },
      })
    })
  })

  test('gives none of its keys away', async () => {
    const token = open()
    const { keyId } = await createTokenLock(token).wrap(FILE_KEY)
    const key = await createTokenKey(token, 'test')
    const held = [
      keyOf(CKO.SECRET_KEY, Buffer.from(keyId, 'hex')),
      keyOf(CKO.PRIVATE_KEY, Buffer.from(key!.keyId, 'hex')),
    ]
    for (const template of held) {
      const seen = await token.run(async (session) => {
        const [object] = await session.find(template)
        const [isSensitive] = await session.attributeOf(object!, CKA.SENSITIVE)
        const [isExtractable] = await session.attributeOf(object!, CKA.EXTRACTABLE)
        const value = await session.attributeOf(object!, CKA.VALUE).catch((error: unknown) => error)
        return { isSensitive, isExtractable, value }
      })
      expect(seen).toMatchObject({ isSensitive: 1, isExtractable: 0 })
      expect(failedWith(seen.value, CKR.ATTRIBUTE_SENSITIVE)).toBe(true)
    }
  })

  test('that another key signs in is found out before anything is signed', async () => {
    const token = open()
    const [first, second] = [await createTokenKey(token, 'test'), await createTokenKey(token, 'test')]
    const confused = { keyId: first!.keyId, publicKey: second!.publicKey }
    expect(await faultOf(() => openTokenKey(token, confused))).toMatchObject({ code: 'SIGNER_FAILED' })
    await destroyTokenKey(token, first!)
    expect(await faultOf(() => openTokenKey(token, first!))).toMatchObject({ code: 'SIGNER_LOCKED' })
  })

  test('does many things that are asked of it at once, one after the other', async () => {
    const token = open()
    const signer = await openTokenKey(token, (await createTokenKey(token, 'test'))!)
    const digests = Array.from({ length: 40 }, (_, index) => Buffer.alloc(32, index + 1))
    const signatures = await Promise.all(digests.map((digest) => signer.signDigest(digest)))
    expect(new Set(signatures.map(({ compact }) => Buffer.from(compact).toString('hex'))).size).toBe(40)
  })

  /** As another part of this process would: logging out of one session is logging out of all. */
  async function logOut(tokenLabel: string): Promise<void> {
    const cryptoki = await loadCryptoki(hsm.module)
    const [slots, count, handle] = [Buffer.alloc(64 * 8), ulong(64), ulong()]
    expect(await cryptoki.call('C_GetSlotList', 1, slots, count)).toBe(CKR.OK)
    const info = Buffer.alloc(208)
    for (let index = 0; index < Number(count.readBigUInt64LE()); index += 1) {
      const slot = slots.readBigUInt64LE(index * 8)
      await cryptoki.call('C_GetTokenInfo', slot, info)
      if (info.toString('utf8', 0, 32).trimEnd() !== tokenLabel) continue
      expect(await cryptoki.call('C_OpenSession', slot, CKF.SERIAL_SESSION, null, null, handle)).toBe(CKR.OK)
      const logout = koffi.load(hsm.module).func('C_Logout', 'ulong', ['ulong'])
      expect(Number(logout(handle.readBigUInt64LE()))).toBe(CKR.OK)
    }
  }
})

/** The same hex with one bit of its last byte changed. */
function flipped(hex: string): string {
  const bytes = Buffer.from(hex, 'hex')
  bytes[bytes.length - 1]! ^= 1
  return bytes.toString('hex')
}
