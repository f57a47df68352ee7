/**
 * The text of a key file: a secret key, or another secret of 32 bytes, encrypted. JSON, so that a person sees what it is
 * and whose; what the program relies on is either authenticated by the cipher or checked against the key itself.
 */
import { createCipheriv, createDecipheriv, hash, randomBytes, type ScryptOptions, scrypt } from 'node:crypto'
import { AppError } from '../kernel/index.ts'

/** What a key file is locked with: something an operator knows, a random file beside it, or a key in a token. */
export type LockedBy = 'passphrase' | 'file' | 'token'

export type Lock = TextLock | TokenLock

export interface TextLock {
  readonly by: 'passphrase' | 'file'
  /** The passphrase, or the content of the file. */
  readonly secret: string
}

/** A token that encrypts the key of a file with one that never leaves it. */
export interface TokenLock {
  readonly by: 'token'
  wrap(fileKey: Uint8Array): Promise<WrappedKey>
  /** Undefined when the token says that this was not encrypted so. */
  unwrap(wrapped: WrappedKey): Promise<Uint8Array | undefined>
}

/** The key of a file as the token has encrypted it; everything in lowercase hex. */
export interface WrappedKey {
  /** What finds the token's own key in it. */
  readonly keyId: string
  readonly mechanism: WrapMechanism
  readonly iv: string
  readonly ciphertext: string
}

export type WrapMechanism = 'aes-gcm' | 'aes-cbc-pad'

/** What a file is of. */
export interface Holding {
  readonly purpose: string
  /** The public key of a secret key, as the file names it; undefined when the bytes are no key. Absent: no key at all. */
  readonly publicKeyOf?: (secret: Uint8Array) => string | undefined
}

/** What stands in a key file, in this order. Bytes are lowercase hex. */
interface KeyFile {
  readonly version: 1
  readonly purpose: string
  /** Absent when the secret is none of a key. */
  readonly publicKey?: string
  readonly lockedBy: LockedBy
  /** When a text locks it: how its key comes from that. */
  readonly scrypt?: { readonly N: number; readonly r: number; readonly p: number; readonly salt: string }
  /** When a token locks it: its key, encrypted there. */
  readonly token?: WrappedKey
  readonly cipher: 'aes-256-gcm'
  readonly iv: string
  readonly ciphertext: string
  readonly tag: string
  /** SHA-256 of all the above: tells a damaged file from a wrong passphrase. It protects from accidents only. */
  readonly checksum: string
}

type Head = Omit<KeyFile, 'iv' | 'ciphertext' | 'tag' | 'checksum'>
type ScryptCosts = NonNullable<KeyFile['scrypt']>

/**
 * What scrypt costs (N). For a passphrase: 64 MiB and about a fifth of a second for each guess. The file's secret are
 * 32 random bytes, which nobody guesses, so there a start need not wait.
 */
const SCRYPT_N = { passphrase: 2 ** 16, file: 2 ** 10 } as const

/** What a key file may ask for: less is not worth the name, and more would let a file eat the memory. */
const MIN_SCRYPT_N = { passphrase: 2 ** 15, file: 2 ** 10 } as const
const MAX_SCRYPT_N = 2 ** 18

/** More than the id of a key in a token, or the encrypted key of a file, ever has. */
const MAX_TOKEN_FIELD_BYTES = 256

/** The text of a file that holds this secret. Throws `SIGNER_KEY_INVALID` when it should be a key and is none. */
export async function encryptKeyFile(secret: Uint8Array, holding: Holding, lock: Lock): Promise<string> {
  const publicKey = holding.publicKeyOf?.(secret)
  if (holding.publicKeyOf !== undefined && publicKey === undefined)
    throw new AppError('SIGNER_KEY_INVALID', 'These bytes are no secret key.')
  const { key, members } = await newFileKey(lock)
  const head: Head = {
    version: 1,
    purpose: holding.purpose,
    ...(publicKey === undefined ? {} : { publicKey }),
    lockedBy: lock.by,
    ...members,
    cipher: 'aes-256-gcm',
  }
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  cipher.setAAD(authenticatedText(head))
  const ciphertext = Buffer.concat([cipher.update(secret), cipher.final()]).toString('hex')
  const unsummed = { ...head, iv: iv.toString('hex'), ciphertext, tag: cipher.getAuthTag().toString('hex') }
  return withChecksum(unsummed)
}

/** A key file that has been read, but not opened. */
export interface LockedKey {
  /** Undefined for a secret that is no key. */
  readonly publicKey: string | undefined
  readonly lockedBy: LockedBy
  /** The secret. Throws `SIGNER_LOCKED` when this is not what the file was locked with. */
  unlock(lock: Lock): Promise<Uint8Array>
}

/** Reads the text of a key file. Throws `SIGNER_FILE_DAMAGED` when it is not as `encryptKeyFile` wrote it for this. */
export function parseKeyFile(text: string, holding: Holding, path: string): LockedKey {
  const file = parseJson(text)
  const isOfKey = holding.publicKeyOf !== undefined
  if (!isKeyFile(file) || isOfKey !== (file.publicKey !== undefined)) throw unknownForm(path)
  checkSummed(file, holding.purpose, path)
  return {
    publicKey: file.publicKey,
    lockedBy: file.lockedBy,
    async unlock(lock) {
      const secret = await decrypt(file, lock)
      if (secret === undefined) throw wrongLock(path, file.lockedBy)
      if (holding.publicKeyOf?.(secret) !== file.publicKey)
        throw damaged(path, 'its key has another public key')
      return secret
    },
  }
}

async function decrypt(file: KeyFile, lock: Lock): Promise<Uint8Array | undefined> {
  const key = await fileKeyOf(file, lock)
  if (key?.length !== 32) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(file.iv, 'hex'), { authTagLength: 16 })
  decipher.setAAD(authenticatedText(file))
  decipher.setAuthTag(Buffer.from(file.tag, 'hex'))
  try {
    return Buffer.concat([decipher.update(Buffer.from(file.ciphertext, 'hex')), decipher.final()])
  } catch {
    return undefined
  }
}

/** The key that a file is encrypted with, and what the file says of how to get it again. */
async function newFileKey(
  lock: Lock,
): Promise<{ readonly key: Uint8Array; readonly members: Pick<KeyFile, 'scrypt' | 'token'> }> {
  if (lock.by === 'token') {
    const key = randomBytes(32)
    return { key, members: { token: await lock.wrap(key) } }
  }
  const costs = { N: SCRYPT_N[lock.by], r: 8, p: 1, salt: randomBytes(32).toString('hex') }
  return { key: await deriveKey(lock.secret, costs), members: { scrypt: costs } }
}

async function fileKeyOf({ scrypt: costs, token }: KeyFile, lock: Lock): Promise<Uint8Array | undefined> {
  if (lock.by === 'token') return token === undefined ? undefined : lock.unwrap(token)
  return costs === undefined ? undefined : deriveKey(lock.secret, costs)
}

/** Everything but the ciphertext and what comes with it: so no part of one file can be put into another. */
function authenticatedText({
  version,
  purpose,
  publicKey,
  lockedBy,
  scrypt: costs,
  token,
  cipher,
}: Head): Buffer {
  const how =
    token === undefined
      ? [costs?.N, costs?.r, costs?.p, costs?.salt]
      : [token.keyId, token.mechanism, token.iv, token.ciphertext]
  return Buffer.from(JSON.stringify([version, purpose, publicKey, lockedBy, ...how, cipher]))
}

function deriveKey(secret: string, { N, r, p, salt }: ScryptCosts): Promise<Buffer> {
  // The same passphrase typed on another keyboard may come as other code points: NFKC makes them one.
  const password = Buffer.from(secret.normalize('NFKC'))
  const options: ScryptOptions = { N, r, p, maxmem: 256 * N * r }
  return new Promise((resolve, reject) => {
    scrypt(password, Buffer.from(salt, 'hex'), 32, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    )
  })
}

/** What stands in the file of a key that never leaves a token: which one it is. */
interface HeldKeyFile {
  readonly version: 1
  readonly purpose: string
  readonly publicKey: string
  readonly heldBy: 'token'
  readonly keyId: string
  readonly checksum: string
}

/** A key in a token, as its file names it. */
export interface HeldKey {
  readonly publicKey: string
  readonly keyId: string
}

/** The text of the file that says which key in the token is the one for this purpose. It holds no secret. */
export function heldKeyFile({ publicKey, keyId }: HeldKey, { purpose }: Holding): string {
  return withChecksum({ version: 1, purpose, publicKey, heldBy: 'token', keyId })
}

/** Undefined for a key file that holds its key itself. Throws `SIGNER_FILE_DAMAGED` as `parseKeyFile` does. */
export function parseHeldKeyFile(text: string, holding: Holding, path: string): HeldKey | undefined {
  const file = parseJson(text)
  if (typeof file !== 'object' || file === null || !('heldBy' in file)) return undefined
  if (!isHeldKeyFile(file)) throw unknownForm(path)
  checkSummed(file, holding.purpose, path)
  return { publicKey: file.publicKey, keyId: file.keyId }
}

function withChecksum(unsummed: Omit<KeyFile, 'checksum'> | Omit<HeldKeyFile, 'checksum'>): string {
  return `${JSON.stringify({ ...unsummed, checksum: checksumOf(unsummed) }, null, 2)}\n`
}

function checkSummed(file: KeyFile | HeldKeyFile, purpose: string, path: string): void {
  const { checksum, ...unsummed } = file
  if (checksum !== checksumOf(unsummed)) throw damaged(path, 'its checksum does not fit')
  if (file.purpose !== purpose) throw damaged(path, `it is for ${file.purpose}, not for ${purpose}`)
}

function checksumOf(unsummed: object): string {
  return hash('sha256', JSON.stringify(unsummed))
}

function isKeyFile(value: unknown): value is KeyFile {
  if (typeof value !== 'object' || value === null) return false
  const {
    version,
    purpose,
    publicKey,
    lockedBy,
    scrypt: costs,
    token,
    cipher,
    iv,
    ciphertext,
    tag,
    checksum,
  } = value as Partial<Record<keyof KeyFile, unknown>>
  return (
    version === 1 &&
    typeof purpose === 'string' &&
    (publicKey === undefined || isHex(publicKey, 32) || isHex(publicKey, 33)) &&
    isLocked(lockedBy, costs, token) &&
    cipher === 'aes-256-gcm' &&
    isHex(iv, 12) &&
    isHex(ciphertext, 32) &&
    isHex(tag, 16) &&
    isHex(checksum, 32)
  )
}

function isHeldKeyFile(value: object): value is HeldKeyFile {
  const { version, purpose, publicKey, heldBy, keyId, checksum } = value as Partial<
    Record<keyof HeldKeyFile, unknown>
  >
  return (
    version === 1 &&
    typeof purpose === 'string' &&
    isHex(publicKey, 33) &&
    heldBy === 'token' &&
    isHexWithin(keyId, MAX_TOKEN_FIELD_BYTES) &&
    isHex(checksum, 32)
  )
}

function isLocked(lockedBy: unknown, costs: unknown, token: unknown): boolean {
  if (lockedBy === 'token') return costs === undefined && isWrappedKey(token)
  if (lockedBy !== 'passphrase' && lockedBy !== 'file') return false
  return token === undefined && areCosts(costs, MIN_SCRYPT_N[lockedBy])
}

function areCosts(value: unknown, minN: number): value is ScryptCosts {
  if (typeof value !== 'object' || value === null) return false
  const { N, r, p, salt } = value as Partial<Record<keyof ScryptCosts, unknown>>
  const isPowerOfTwo = typeof N === 'number' && Number.isInteger(Math.log2(N))
  return isPowerOfTwo && N >= minN && N <= MAX_SCRYPT_N && r === 8 && p === 1 && isHex(salt, 32)
}

function isWrappedKey(value: unknown): value is WrappedKey {
  if (typeof value !== 'object' || value === null) return false
  const { keyId, mechanism, iv, ciphertext } = value as Partial<Record<keyof WrappedKey, unknown>>
  return (
    isHexWithin(keyId, MAX_TOKEN_FIELD_BYTES) &&
    ((mechanism === 'aes-gcm' && isHex(iv, 12)) || (mechanism === 'aes-cbc-pad' && isHex(iv, 16))) &&
    isHexWithin(ciphertext, MAX_TOKEN_FIELD_BYTES)
  )
}

function isHex(value: unknown, byteLength: number): value is string {
  return typeof value === 'string' && value.length === byteLength * 2 && /^[0-9a-f]+$/.test(value)
}

function isHexWithin(value: unknown, maxBytes: number): value is string {
  return typeof value === 'string' && value.length <= maxBytes * 2 && /^(?:[0-9a-f]{2})+$/.test(value)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unknownForm(path: string): AppError {
  return damaged(path, 'it is no key file of a version that this program knows')
}

function damaged(path: string, why: string): AppError {
  return new AppError('SIGNER_FILE_DAMAGED', `The key file ${path} cannot be used: ${why}.`, {
    facts: { path },
  })
}

const LOCK_NAMES = {
  passphrase: 'The passphrase',
  file: 'The secret file beside it',
  token: 'The token',
} as const satisfies Record<LockedBy, string>

function wrongLock(path: string, lockedBy: LockedBy): AppError {
  return new AppError('SIGNER_LOCKED', `${LOCK_NAMES[lockedBy]} does not open the key file ${path}.`, {
    facts: { path, lockedBy },
  })
}
