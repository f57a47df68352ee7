import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { finalizeEvent, parseEvent } from '../nostr/index.ts'
import {
  changePassphrase,
  inspectKeys,
  inspectSecrets,
  type KeyringOptions,
  openKeyring,
  type SignerNotice,
} from './index.ts'
import { faultOf, temporaryKeyFolder } from './testing.ts'

const NSEC = 'nsec1p0ht6p3wepe47sjrgesyn4m50m6avk2waqudu9rl324cg2c4ufesyp6rdg'
const NSEC_HEX = '0beebd062ec8735f4243466049d7747ef5d6594ee838de147f8aab842b15e273'
/** Of the same example in NIP-59. */
const NSEC_PUBLIC_KEY = '611df01bfcf85c26ae65453b772d8f1dfd25c264621c0277e1fc1518686faef9'

const isPosix = process.platform !== 'win32'

let parent: string
let folder: string
let notices: SignerNotice[]

beforeEach(() => {
  ;({ parent, folder } = temporaryKeyFolder())
  notices = []
})

afterEach(() => rmSync(parent, { recursive: true }))

function ring(options: KeyringOptions = {}) {
  return openKeyring(folder, { notify: (notice) => notices.push(notice), ...options })
}

async function publicKeyWith(options: KeyringOptions = {}): Promise<string> {
  return (await ring(options).keyFor('relay')).publicKey
}

const keyPath = () => join(folder, 'relay.key.json')

test('a key is made once, and is the same after every start', async () => {
  const publicKey = await publicKeyWith({ passphrase: 'p' })
  expect(await publicKeyWith({ passphrase: 'p' })).toBe(publicKey)
  expect(notices).toMatchObject([
    { event: 'signer.key_created', facts: { purpose: 'relay', publicKey, lockedBy: 'passphrase' } },
  ])
  expect(readdirSync(folder)).toEqual(['relay.key.json'])
})

test('nothing is made before a key is asked for', () => {
  ring()
  expect(existsSync(folder)).toBe(false)
})

test('asked twice, it opens once', async () => {
  const keys = ring()
  const [first, second] = await Promise.all([keys.keyFor('relay'), keys.keyFor('relay')])
  expect(first).toBe(second)
})

test('each purpose has a key of its own', async () => {
  const keys = ring({ passphrase: 'p' })
  const [relay, publisher] = await Promise.all([keys.keyFor('relay'), keys.keyFor('publisher')])
  expect(relay.publicKey).not.toBe(publisher.publicKey)
})

test('a key for ECDSA is made once, and signs digests', async () => {
  const signer = await ring({ passphrase: 'p' }).ecdsaKeyFor('settlement')
  expect(signer.publicKey).toMatch(/^0[23][0-9a-f]{64}$/)
  expect(await signer.signDigest(new Uint8Array(32))).toMatchObject({ compact: expect.any(Uint8Array) })
  expect(await ring({ passphrase: 'p' }).ecdsaKeyFor('settlement')).toMatchObject({
    publicKey: signer.publicKey,
  })
  expect(readdirSync(folder)).toEqual(['settlement.key.json'])
})

describe('a secret', () => {
  test.each([undefined, 'p'])(
    'is made once and is the same after every start, with passphrase %j',
    async (passphrase) => {
      const box = await ring({ passphrase }).secretFor('interledger')
      const sealed = box.seal(Buffer.from('token'), 'peer/a')
      const again = await ring({ passphrase }).secretFor('interledger')
      expect(again.derive('stream')).toEqual(box.derive('stream'))
      expect(again.open(sealed, 'peer/a')).toEqual({ ok: true, value: Buffer.from('token') })
      expect(notices.filter(({ event }) => event === 'signer.key_created')).toMatchObject([
        { facts: { purpose: 'interledger' } },
      ])
      expect(readdirSync(folder)).toContain('interledger.secret.json')
    },
  )

  test('is not the secret of another folder', async () => {
    const box = await ring().secretFor('interledger')
    const other = await openKeyring(join(parent, 'other')).secretFor('interledger')
    expect(other.derive('stream')).not.toEqual(box.derive('stream'))
  })

  test('from outside is 64 hex characters, and what is none is not repeated', async () => {
    const given = { interledger: { text: `${'5e'.repeat(32)}\n` } }
    const [first, second] = [
      await ring({ given }).secretFor('interledger'),
      await ring({ given }).secretFor('interledger'),
    ]
    expect(first.derive('x')).toEqual(second.derive('x'))
    expect(existsSync(folder)).toBe(false)
    for (const text of [NSEC, '5e'.repeat(31)]) {
      const fault = await faultOf(() => ring({ given: { interledger: { text } } }).secretFor('interledger'))
      expect(fault).toMatchObject({ code: 'SIGNER_KEY_INVALID', facts: { purpose: 'interledger' } })
      expect(`${fault.message} ${fault.stack}`).not.toContain(text.slice(0, 20))
    }
  })
})

test('whoever looks at the keys sees those for every purpose, wherever they come from', async () => {
  const keys = ring({ given: { publisher: { text: NSEC } } })
  const relay = await keys.keyFor('relay')
  const settlement = await keys.ecdsaKeyFor('settlement')
  await keys.secretFor('interledger')
  const options = { folder, passphrase: undefined, given: { publisher: { text: NSEC } } }
  expect(await inspectKeys(options)).toEqual([
    { purpose: 'relay', publicKey: relay.publicKey, from: 'file' },
    { purpose: 'publisher', publicKey: NSEC_PUBLIC_KEY, from: 'given' },
    { purpose: 'settlement', publicKey: settlement.publicKey, from: 'file' },
  ])
  expect(await inspectSecrets(options)).toEqual([{ purpose: 'interledger', from: 'file' }])
  rmSync(join(folder, 'keyring.secret'))
  for (const inspect of [inspectKeys, inspectSecrets])
    expect(await faultOf(() => inspect(options))).toMatchObject({ code: 'SIGNER_LOCKED' })
})

test('a signer signs events of its key', async () => {
  const signer = await ring({ given: { relay: { text: NSEC } } }).keyFor('relay')
  const event = await finalizeEvent({ kind: 8000, created_at: 1, tags: [['-']], content: '' }, signer)
  expect(event.pubkey).toBe(NSEC_PUBLIC_KEY)
  expect(parseEvent(event)).toMatchObject({ ok: true })
})

describe('without a passphrase', () => {
  test('a file beside the key locks it, and every start warns of that', async () => {
    const publicKey = await publicKeyWith()
    expect(await publicKeyWith({ passphrase: '' })).toBe(publicKey)
    expect(readdirSync(folder).toSorted()).toEqual(['keyring.secret', 'relay.key.json'])
    expect(notices.map(({ event, level }) => `${level} ${event}`)).toEqual([
      'info signer.key_created',
      'warn signer.key_unguarded',
      'warn signer.key_unguarded',
    ])
  })

  test('a key whose lock is gone is not replaced by another', async () => {
    await publicKeyWith()
    const before = readFileSync(keyPath(), 'utf8')
    rmSync(join(folder, 'keyring.secret'))
    expect(await faultOf(() => publicKeyWith())).toMatchObject({ code: 'SIGNER_LOCKED' })
    expect(readFileSync(keyPath(), 'utf8')).toBe(before)
    expect(readdirSync(folder)).toEqual(['relay.key.json'])
  })

  test('a lock that is not what was written is a fault', async () => {
    await publicKeyWith()
    writeFileSync(join(folder, 'keyring.secret'), 'short\n')
    expect(await faultOf(() => publicKeyWith())).toMatchObject({ code: 'SIGNER_FILE_DAMAGED' })
    writeFileSync(join(folder, 'keyring.secret'), `${'0'.repeat(64)}\n`)
    expect(await faultOf(() => publicKeyWith())).toMatchObject({ code: 'SIGNER_LOCKED' })
  })

  test('a passphrase that is set later locks the same key anew', async () => {
    const publicKey = await publicKeyWith()
    expect(await publicKeyWith({ passphrase: 'later' })).toBe(publicKey)
    rmSync(join(folder, 'keyring.secret'))
    expect(await publicKeyWith({ passphrase: 'later' })).toBe(publicKey)
    expect(await faultOf(() => publicKeyWith())).toMatchObject({ code: 'SIGNER_LOCKED' })
    expect(notices.map(({ event }) => event)).toContain('signer.key_relocked')
  })
})

describe('a key that is there and cannot be used is left as it is:', () => {
  test.each([
    ['a wrong passphrase', 'SIGNER_LOCKED', { passphrase: 'wrong' }],
    ['no passphrase', 'SIGNER_LOCKED', {}],
  ])('%s', async (_, code, options) => {
    const publicKey = await publicKeyWith({ passphrase: 'right' })
    const before = readFileSync(keyPath(), 'utf8')
    const fault = await faultOf(() => publicKeyWith(options))
    expect(fault).toMatchObject({ code, facts: { path: keyPath() } })
    expect(fault.message).not.toMatch(/wrong|right/)
    expect(readFileSync(keyPath(), 'utf8')).toBe(before)
    expect(await publicKeyWith({ passphrase: 'right' })).toBe(publicKey)
  })

  test.each([
    ['an empty file', () => ''],
    ['half a file', (text: string) => text.slice(0, text.length / 2)],
    ['a file that is too long', (text: string) => text + ' '.repeat(70_000)],
    ['a file of a later version', (text: string) => text.replace('"version": 1', '"version": 2')],
  ])('%s', async (_, damage) => {
    await publicKeyWith({ passphrase: 'p' })
    const damaged = damage(readFileSync(keyPath(), 'utf8'))
    writeFileSync(keyPath(), damaged)
    expect(await faultOf(() => publicKeyWith({ passphrase: 'p' }))).toMatchObject({
      code: 'SIGNER_FILE_DAMAGED',
    })
    expect(readFileSync(keyPath(), 'utf8')).toBe(damaged)
  })

  test('and when it is mended, the same keyring opens it', async () => {
    const publicKey = await publicKeyWith({ passphrase: 'p' })
    const good = readFileSync(keyPath(), 'utf8')
    writeFileSync(keyPath(), '')
    const keys = ring({ passphrase: 'p' })
    expect(await faultOf(() => keys.keyFor('relay'))).toMatchObject({ code: 'SIGNER_FILE_DAMAGED' })
    writeFileSync(keyPath(), good)
    expect(await keys.keyFor('relay')).toMatchObject({ publicKey })
  })
})

describe.runIf(isPosix)('what others may see', () => {
  test('folder and files are for their owner alone, whatever the umask says', async () => {
    const umask = process.umask(0)
    try {
      await publicKeyWith()
    } finally {
      process.umask(umask)
    }
    const modes = [folder, keyPath(), join(folder, 'keyring.secret')].map(
      (path) => statSync(path).mode & 0o777,
    )
    expect(modes.map((mode) => mode.toString(8))).toEqual(['700', '600', '600'])
  })

  test.each(['640', '604', '620', '601'])(
    'a key file of mode %s is refused until it is made private',
    async (mode) => {
      const publicKey = await publicKeyWith()
      for (const path of [keyPath(), join(folder, 'keyring.secret')]) {
        chmodSync(path, Number.parseInt(mode, 8))
        const fault = await faultOf(() => publicKeyWith())
        expect(fault).toMatchObject({ code: 'SIGNER_FILE_EXPOSED', facts: { path, mode } })
        expect(fault.message).toContain(`chmod 600 ${path}`)
        chmodSync(path, 0o600)
      }
      expect(await publicKeyWith()).toBe(publicKey)
    },
  )

  test('a file that a locked key is written to anew is private too', async () => {
    await publicKeyWith()
    await publicKeyWith({ passphrase: 'p' })
    expect((statSync(keyPath()).mode & 0o777).toString(8)).toBe('600')
  })
})

describe('a key from outside', () => {
  test.each([
    ['nsec', NSEC],
    ['hex', NSEC_HEX],
  ])('is taken as %s, from a text or a file, and nothing is written', async (_, text) => {
    const path = join(parent, 'mounted')
    writeFileSync(path, `${text}\n`)
    for (const given of [{ text }, { path }]) {
      expect(await publicKeyWith({ given: { relay: given } })).toBe(NSEC_PUBLIC_KEY)
    }
    expect(existsSync(folder)).toBe(false)
  })

  test('goes before a key in the folder, and only for its purpose', async () => {
    const own = await publicKeyWith()
    const keys = ring({ given: { publisher: { text: NSEC }, settlement: { text: NSEC } } })
    expect(await keys.keyFor('publisher')).toMatchObject({ publicKey: NSEC_PUBLIC_KEY })
    const { publicKey } = await keys.ecdsaKeyFor('settlement')
    expect(publicKey.slice(2)).toBe(NSEC_PUBLIC_KEY)
    expect(await keys.keyFor('relay')).toMatchObject({ publicKey: own })
  })

  test('that is none is a fault that does not repeat it', async () => {
    const almost = `${NSEC.slice(0, -1)}q`
    const path = join(parent, 'mounted')
    writeFileSync(path, almost)
    for (const given of [{ text: almost }, { path }]) {
      const fault = await faultOf(() => publicKeyWith({ given: { relay: given } }))
      expect(fault).toMatchObject({ code: 'SIGNER_KEY_INVALID', facts: { purpose: 'relay' } })
      expect(`${fault.message} ${fault.stack} ${JSON.stringify(fault.facts)}`).not.toContain(
        almost.slice(0, 20),
      )
    }
  })

  test('in a file that is not there is a fault', async () => {
    const given = { relay: { path: join(parent, 'missing') } }
    expect(await faultOf(() => publicKeyWith({ given }))).toMatchObject({ code: 'SIGNER_STORAGE_FAILED' })
  })
})

describe('a new passphrase', () => {
  test('opens what the old one opened, which opens nothing any more', async () => {
    const before = await publicKeyWith({ passphrase: 'old' })
    expect(await changePassphrase({ folder, from: 'old', to: 'new' })).toEqual(['relay'])
    expect(await publicKeyWith({ passphrase: 'new' })).toBe(before)
    expect(await faultOf(() => publicKeyWith({ passphrase: 'old' }))).toMatchObject({ code: 'SIGNER_LOCKED' })
    expect(await changePassphrase({ folder, from: 'old', to: 'new' })).toEqual([])
  })

  test('opens secrets too', async () => {
    const derived = (await ring({ passphrase: 'old' }).secretFor('interledger')).derive('x')
    expect(await changePassphrase({ folder, from: 'old', to: 'new' })).toEqual(['interledger'])
    expect((await ring({ passphrase: 'new' }).secretFor('interledger')).derive('x')).toEqual(derived)
  })

  test('changes no key when one of them does not open', async () => {
    await ring({ passphrase: 'old' }).keyFor('relay')
    await ring({ passphrase: 'another' }).keyFor('publisher')
    const before = readFileSync(keyPath(), 'utf8')
    const fault = await faultOf(() => changePassphrase({ folder, from: 'old', to: 'new' }))
    expect(fault).toMatchObject({ code: 'SIGNER_LOCKED' })
    expect(readFileSync(keyPath(), 'utf8')).toBe(before)
  })

  test('must not be empty', async () => {
    expect(await faultOf(() => changePassphrase({ folder, from: 'old', to: '' }))).toMatchObject({
      code: 'SIGNER_LOCKED',
    })
  })
})

test('drafts that a dead process left are cleared away, fresh ones of a living process are not', async () => {
  mkdirSync(folder)
  const [stale, fresh] = ['.draft-1', '.draft-2'].map((name) => join(folder, name)) as [string, string]
  for (const path of [stale, fresh]) writeFileSync(path, 'x')
  const twoHoursAgo = Date.now() / 1000 - 7200
  utimesSync(stale, twoHoursAgo, twoHoursAgo)
  await publicKeyWith()
  expect(existsSync(stale)).toBe(false)
  expect(existsSync(fresh)).toBe(true)
})

test('a folder that cannot be made is a fault that names it', async () => {
  writeFileSync(folder, 'a file stands in the way')
  expect(await faultOf(() => publicKeyWith())).toMatchObject({
    code: 'SIGNER_STORAGE_FAILED',
    facts: { path: folder },
  })
})
