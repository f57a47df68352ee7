/**
 * The text of a key file: a secret key, encrypted. JSON, so that a person sees what it is and whose; what the
 * program relies on is either authenticated by the cipher or checked against the key itself.
 */
import { createCipheriv, createDecipheriv, hash, randomBytes, type ScryptOptions, scrypt } from 'node:crypto'
import { AppError } from '../kernel/index.ts'
import { publicKeyOf } from './schnorr-signer.ts'

/** What a key file is locked with: something an operator knows, or a random file beside it. */
export type LockedBy = 'passphrase' | 'file'

export interface Lock {
  readonly by: LockedBy
  /** The passphrase, or the content of the file. */
  readonly secret: string
}

/** What stands in a key file, in this order. Bytes are lowercase hex. */
interface KeyFile {
  readonly version: 1
  readonly purpose: string
  readonly publicKey: string
  readonly lockedBy: LockedBy
  readonly scrypt: { readonly N: number; readonly r: number; readonly p: number; readonly salt: string }
  readonly cipher: 'aes-256-gcm'
  readonly iv: string
  readonly ciphertext: string
  readonly tag: string
  /** SHA-256 of all the above: tells a damaged file from a wrong passphrase. It protects from accidents only. */
  readonly checksum: string
}

/**
 * What scrypt costs (N). For a passphrase: 64 MiB and about a fifth of a second for each guess. The file's secret are
 * 32 random bytes, which nobody guesses, so there a start need not wait.
 */
const SCRYPT_N = { passphrase: 2 ** 16, file: 2 ** 10 } as const

/** What a key file may ask for: less is not worth the name, and more would let a file eat the memory. */
const MIN_SCRYPT_N = { passphrase: 2 ** 15, file: 2 ** 10 } as const
const MAX_SCRYPT_N = 2 ** 18

/** The text of a file that holds this key. */
export async function encryptKey(secretKey: Uint8Array, purpose: string, lock: Lock): Promise<string> {
  const publicKey = publicKeyOf(secretKey)
  if (publicKey === undefined) throw new AppError('SIGNER_KEY_INVALID', 'These bytes are no secret key.')
  const head = {
    version: 1,
    purpose,
    publicKey,
    lockedBy: lock.by,
    scrypt: { N: SCRYPT_N[lock.by], r: 8, p: 1, salt: randomBytes(32).toString('hex') },
    cipher: 'aes-256-gcm',
  } as const
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', await deriveKey(lock.secret, head.scrypt), iv)
  cipher.setAAD(authenticatedText(head))
  const ciphertext = Buffer.concat([cipher.update(secretKey), cipher.final()]).toString('hex')
  const unsummed = { ...head, iv: iv.toString('hex'), ciphertext, tag: cipher.getAuthTag().toString('hex') }
  return `${JSON.stringify({ ...unsummed, checksum: checksumOf(unsummed) }, null, 2)}\n`
}

/** A key file that has been read, but not opened. */
export interface LockedKey {
  readonly publicKey: string
  readonly lockedBy: LockedBy
  /** The secret key. Throws `SIGNER_LOCKED` when this is not what the file was locked with. */
  unlock(lock: Lock): Promise<Uint8Array>
}

/** Reads the text of a key file. Throws `SIGNER_FILE_DAMAGED` when it is not as `encryptKey` wrote it for `purpose`. */
export function parseKeyFile(text: string, purpose: string, path: string): LockedKey {
  const file = parseJson(text)
  if (!isKeyFile(file)) throw damaged(path, 'it is no key file of a version that this program knows')
  const { checksum, ...unsummed } = file
  if (checksum !== checksumOf(unsummed)) throw damaged(path, 'its checksum does not fit')
  if (file.purpose !== purpose)
    throw damaged(path, `it holds the key for ${file.purpose}, not for ${purpose}`)
  return {
    publicKey: file.publicKey,
    lockedBy: file.lockedBy,
    async unlock(lock) {
      const secretKey = await decrypt(file, lock)
      if (secretKey === undefined) throw wrongLock(path, file.lockedBy)
      if (publicKeyOf(secretKey) !== file.publicKey) throw damaged(path, 'its key has another public key')
      return secretKey
    },
  }
}

async function decrypt(file: KeyFile, { secret }: Lock): Promise<Uint8Array | undefined> {
  const key = await deriveKey(secret, file.scrypt)
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(file.iv, 'hex'), { authTagLength: 16 })
  decipher.setAAD(authenticatedText(file))
  decipher.setAuthTag(Buffer.from(file.tag, 'hex'))
  try {
    return Buffer.concat([decipher.update(Buffer.from(file.ciphertext, 'hex')), decipher.final()])
  } catch {
    return undefined
  }
}

/** Everything but the ciphertext and what comes with it: so no part of one file can be put into another. */
function authenticatedText(head: Omit<KeyFile, 'iv' | 'ciphertext' | 'tag' | 'checksum'>): Buffer {
  const { version, purpose, publicKey, lockedBy, scrypt: costs, cipher } = head
  const { N, r, p, salt } = costs
  return Buffer.from(JSON.stringify([version, purpose, publicKey, lockedBy, N, r, p, salt, cipher]))
}

function deriveKey(secret: string, { N, r, p, salt }: KeyFile['scrypt']): Promise<Buffer> {
  // The same passphrase typed on another keyboard may come as other code points: NFKC makes them one.
  const password = Buffer.from(secret.normalize('NFKC'))
  const options: ScryptOptions = { N, r, p, maxmem: 256 * N * r }
  return new Promise((resolve, reject) => {
    scrypt(password, Buffer.from(salt, 'hex'), 32, options, (error, key) =>
      error === null ? resolve(key) : reject(error),
    )
  })
}

function checksumOf(unsummed: Omit<KeyFile, 'checksum'>): string {
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
    cipher,
    iv,
    ciphertext,
    tag,
    checksum,
  } = value as Partial<Record<keyof KeyFile, unknown>>
  return (
    version === 1 &&
    typeof purpose === 'string' &&
    isHex(publicKey, 32) &&
    (lockedBy === 'passphrase' || lockedBy === 'file') &&
    areCosts(costs, MIN_SCRYPT_N[lockedBy]) &&
    cipher === 'aes-256-gcm' &&
    isHex(iv, 12) &&
    isHex(ciphertext, 32) &&
    isHex(tag, 16) &&
    isHex(checksum, 32)
  )
}

function areCosts(value: unknown, minN: number): value is KeyFile['scrypt'] {
  if (typeof value !== 'object' || value === null) return false
  const { N, r, p, salt } = value as Partial<Record<keyof KeyFile['scrypt'], unknown>>
  const isPowerOfTwo = typeof N === 'number' && Number.isInteger(Math.log2(N))
  return isPowerOfTwo && N >= minN && N <= MAX_SCRYPT_N && r === 8 && p === 1 && isHex(salt, 32)
}

function isHex(value: unknown, byteLength: number): value is string {
  return typeof value === 'string' && value.length === byteLength * 2 && /^[0-9a-f]+$/.test(value)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function damaged(path: string, why: string): AppError {
  return new AppError('SIGNER_FILE_DAMAGED', `The key file ${path} cannot be used: ${why}.`, {
    facts: { path },
  })
}

function wrongLock(path: string, lockedBy: LockedBy): AppError {
  const what = lockedBy === 'passphrase' ? 'The passphrase' : 'The secret file beside it'
  return new AppError('SIGNER_LOCKED', `${what} does not open the key file ${path}.`, {
    facts: { path, lockedBy },
  })
}
