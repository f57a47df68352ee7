/** The driver that keeps keys in encrypted files, one for each purpose. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { AppError } from '../kernel/index.ts'
import { encryptKey, type Lock, type LockedKey, parseKeyFile } from './key-file.ts'
import { type Notify, noticeCreated, noticeRelocked, noticeUnguarded } from './notices.ts'
import {
  createPrivateFile,
  preparePrivateFolder,
  readPrivateFile,
  replacePrivateFile,
} from './private-files.ts'
import { createSchnorrSigner, randomSecretKey } from './schnorr-signer.ts'
import { KEY_PURPOSES, type KeyPurpose, type Signer } from './signer.ts'

/** What opens the key files when no passphrase does: 32 random bytes as hex. */
const LOCK_FILE = 'keyring.secret'

export interface FileKeysOptions {
  readonly folder: string
  readonly passphrase: string | undefined
  readonly nowMs: () => number
  readonly notify: Notify
}

/**
 * The signer for a purpose; its key is made when there is none. A key that the file beside it has locked is locked
 * anew by the passphrase as soon as there is one.
 */
export async function openFileKey(purpose: KeyPurpose, options: FileKeysOptions): Promise<Signer> {
  const { folder, passphrase, notify } = options
  await preparePrivateFolder(folder, options.nowMs())
  const stored = await readKey(purpose, folder)
  if (stored === undefined) return createKey(purpose, options)
  const secretKey = await stored.unlock(await lockFor(stored, purpose, options))
  const key = { purpose, publicKey: stored.publicKey, path: join(folder, nameOf(purpose)) }
  if (passphrase === undefined) noticeUnguarded(notify, key)
  else if (stored.lockedBy === 'file') {
    const lock: Lock = { by: 'passphrase', secret: passphrase }
    await replacePrivateFile(folder, nameOf(purpose), await encryptKey(secretKey, purpose, lock))
    noticeRelocked(notify, key)
  }
  return createSchnorrSigner(secretKey)
}

export interface PassphraseChange {
  readonly folder: string
  readonly from: string
  readonly to: string
}

/**
 * Locks every key in the folder anew that the passphrase `from` opens. All are opened before the first is written, so
 * that a wrong passphrase changes nothing; those that `to` opens already are passed over, so that it can be
 * repeated after a crash. Answers with the purposes whose keys were locked anew.
 */
export async function changePassphrase({
  folder,
  from,
  to,
}: PassphraseChange): Promise<readonly KeyPurpose[]> {
  if (from === '' || to === '') throw new AppError('SIGNER_LOCKED', 'A passphrase must not be empty.')
  const newLock: Lock = { by: 'passphrase', secret: to }
  const texts = new Map<KeyPurpose, string>()
  for (const purpose of KEY_PURPOSES) {
    const stored = await readKey(purpose, folder)
    if (stored === undefined || (await opens(stored, newLock))) continue
    const secretKey = await stored.unlock(await lockFor(stored, purpose, { folder, passphrase: from }))
    texts.set(purpose, await encryptKey(secretKey, purpose, newLock))
  }
  for (const [purpose, text] of texts) await replacePrivateFile(folder, nameOf(purpose), text)
  return [...texts.keys()]
}

async function opens(stored: LockedKey, lock: Lock): Promise<boolean> {
  if (stored.lockedBy !== lock.by) return false
  try {
    await stored.unlock(lock)
    return true
  } catch (error) {
    if (error instanceof AppError && error.code === 'SIGNER_LOCKED') return false
    throw error
  }
}

export async function readKey(purpose: KeyPurpose, folder: string): Promise<LockedKey | undefined> {
  const text = await readPrivateFile(folder, nameOf(purpose))
  return text === undefined ? undefined : parseKeyFile(text, purpose, join(folder, nameOf(purpose)))
}

/** Makes a key, unless another process makes one in the same moment: then that one is the key. */
async function createKey(purpose: KeyPurpose, options: FileKeysOptions): Promise<Signer> {
  const { folder, passphrase, notify } = options
  const path = join(folder, nameOf(purpose))
  const lock: Lock =
    passphrase === undefined
      ? { by: 'file', secret: await lockFileSecret(folder) }
      : { by: 'passphrase', secret: passphrase }
  const secretKey = randomSecretKey()
  const text = await encryptKey(secretKey, purpose, lock)
  if (!(await createPrivateFile(folder, nameOf(purpose), text))) {
    const winner = (await readKey(purpose, folder)) ?? failBecauseGone(path)
    return createSchnorrSigner(await winner.unlock(await lockFor(winner, purpose, options)))
  }
  const signer = createSchnorrSigner(secretKey)
  const key = { purpose, publicKey: signer.publicKey, path }
  noticeCreated(notify, key, lock.by)
  if (passphrase === undefined) noticeUnguarded(notify, key)
  return signer
}

export async function lockFor(
  stored: LockedKey,
  purpose: KeyPurpose,
  { folder, passphrase }: Pick<FileKeysOptions, 'folder' | 'passphrase'>,
): Promise<Lock> {
  const path = join(folder, nameOf(purpose))
  if (stored.lockedBy === 'passphrase') {
    if (passphrase !== undefined) return { by: 'passphrase', secret: passphrase }
    throw new AppError('SIGNER_LOCKED', `The key file ${path} needs its passphrase, and none is set.`, {
      facts: { path },
    })
  }
  const secret = await readLockFile(folder)
  if (secret !== undefined) return { by: 'file', secret }
  throw new AppError(
    'SIGNER_LOCKED',
    `The key file ${path} is locked by ${LOCK_FILE} beside it, which is gone.`,
    {
      facts: { path },
    },
  )
}

/** The content of the file beside the keys, which is made when there is none. */
async function lockFileSecret(folder: string): Promise<string> {
  const existing = await readLockFile(folder)
  if (existing !== undefined) return existing
  const secret = randomBytes(32).toString('hex')
  if (await createPrivateFile(folder, LOCK_FILE, `${secret}\n`)) return secret
  return (await readLockFile(folder)) ?? failBecauseGone(join(folder, LOCK_FILE))
}

function failBecauseGone(path: string): never {
  throw new AppError('SIGNER_STORAGE_FAILED', `${path} was there a moment ago and is gone.`, {
    facts: { path },
  })
}

async function readLockFile(folder: string): Promise<string | undefined> {
  const secret = (await readPrivateFile(folder, LOCK_FILE))?.trim()
  if (secret === undefined || /^[0-9a-f]{64}$/.test(secret)) return secret
  const path = join(folder, LOCK_FILE)
  throw new AppError(
    'SIGNER_FILE_DAMAGED',
    `${path} does not hold the 64 hex characters that were written to it.`,
    {
      facts: { path },
    },
  )
}

function nameOf(purpose: KeyPurpose): string {
  return `${purpose}.key.json`
}
