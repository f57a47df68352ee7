/** The driver that keeps keys and secrets in encrypted files, one for each purpose. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { AppError } from '../kernel/index.ts'
import { ALL_HOLDINGS, type KeptHolding } from './holdings.ts'
import { encryptKeyFile, type Lock, type LockedKey, parseHeldKeyFile, parseKeyFile } from './key-file.ts'
import { type NoticedKey, type Notify, noticeCreated, noticeRelocked, noticeUnguarded } from './notices.ts'
import { createTokenLock, type Token } from './pkcs11/index.ts'
import {
  createPrivateFile,
  preparePrivateFolder,
  readPrivateFile,
  replacePrivateFile,
} from './private-files.ts'
import type { Purpose } from './signer.ts'

/** What opens the key files when neither a passphrase nor a token does: 32 random bytes as hex. */
const LOCK_FILE = 'keyring.secret'

export interface FileKeysOptions {
  readonly folder: string
  readonly passphrase: string | undefined
  /** Locks the files instead of the passphrase, which then opens those only that it has locked before. */
  readonly token: Token | undefined
  readonly nowMs: () => number
  readonly notify: Notify
}

/** What opening files takes. */
export type Openers = Pick<FileKeysOptions, 'folder' | 'passphrase' | 'token'>

/**
 * The secret of a purpose, made when there is none. One that is locked by less than what there is now (the file beside
 * it, then a passphrase, then a token) is locked anew by that.
 */
export async function openKeptSecret(holding: KeptHolding, options: FileKeysOptions): Promise<Uint8Array> {
  const { folder, notify } = options
  await preparePrivateFolder(folder, options.nowMs())
  const stored = await readKey(holding, folder)
  if (stored === undefined) return createSecret(holding, options)
  const secret = await stored.unlock(await lockFor(stored, holding, options))
  const better = betterLock(stored, options)
  const key = noticed(holding, secret, folder)
  if (better !== undefined) {
    await replacePrivateFile(folder, holding.name, await encryptKeyFile(secret, holding, better))
    noticeRelocked(notify, key, better.by)
  } else if (stored.lockedBy === 'file') noticeUnguarded(notify, key)
  return secret
}

/** What the file should be locked with, when that is more than it is now. */
function betterLock({ lockedBy }: LockedKey, { token, passphrase }: Openers): Lock | undefined {
  if (token !== undefined) return lockedBy === 'token' ? undefined : createTokenLock(token)
  if (passphrase === undefined || lockedBy !== 'file') return undefined
  return { by: 'passphrase', secret: passphrase }
}

export interface PassphraseChange {
  readonly folder: string
  readonly from: string
  readonly to: string
}

/**
 * Locks every key and secret in the folder anew that the passphrase `from` opens. All are opened before the first is
 * written, so that a wrong passphrase changes nothing; those that `to` opens already are passed over, so that it can be
 * repeated after a crash, and so are those that a token guards. Answers with the purposes of what was locked anew.
 */
export async function changePassphrase({ folder, from, to }: PassphraseChange): Promise<readonly Purpose[]> {
  if (from === '' || to === '') throw new AppError('SIGNER_LOCKED', 'A passphrase must not be empty.')
  const newLock: Lock = { by: 'passphrase', secret: to }
  const texts = new Map<KeptHolding, string>()
  for (const holding of ALL_HOLDINGS) {
    const text = await readPrivateFile(folder, holding.name)
    const path = join(folder, holding.name)
    if (text === undefined || parseHeldKeyFile(text, holding, path) !== undefined) continue
    const stored = parseKeyFile(text, holding, path)
    if (stored.lockedBy === 'token' || (await opens(stored, newLock))) continue
    const lock = await lockFor(stored, holding, { folder, passphrase: from, token: undefined })
    texts.set(holding, await encryptKeyFile(await stored.unlock(lock), holding, newLock))
  }
  for (const [{ name }, text] of texts) await replacePrivateFile(folder, name, text)
  return [...texts.keys()].map(({ purpose }) => purpose)
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

export async function readKey(holding: KeptHolding, folder: string): Promise<LockedKey | undefined> {
  const text = await readPrivateFile(folder, holding.name)
  return text === undefined ? undefined : parseKeyFile(text, holding, join(folder, holding.name))
}

/** Makes one, unless another process makes one in the same moment: then that one counts. */
async function createSecret(holding: KeptHolding, options: FileKeysOptions): Promise<Uint8Array> {
  const { folder, notify } = options
  const lock = await lockForNew(options)
  const secret = holding.make()
  const text = await encryptKeyFile(secret, holding, lock)
  if (!(await createPrivateFile(folder, holding.name, text))) {
    const winner = (await readKey(holding, folder)) ?? failBecauseGone(join(folder, holding.name))
    return winner.unlock(await lockFor(winner, holding, options))
  }
  const key = noticed(holding, secret, folder)
  noticeCreated(notify, key, lock.by)
  if (lock.by === 'file') noticeUnguarded(notify, key)
  return secret
}

function noticed(
  { purpose, publicKeyOf, name }: KeptHolding,
  secret: Uint8Array,
  folder: string,
): NoticedKey {
  return { purpose, publicKey: publicKeyOf?.(secret), path: join(folder, name) }
}

async function lockForNew({ folder, passphrase, token }: FileKeysOptions): Promise<Lock> {
  if (token !== undefined) return createTokenLock(token)
  if (passphrase !== undefined) return { by: 'passphrase', secret: passphrase }
  return { by: 'file', secret: await lockFileSecret(folder) }
}

/** What a file was locked with. Throws `SIGNER_LOCKED` when that is not at hand. */
export async function lockFor(
  { lockedBy }: LockedKey,
  { name }: KeptHolding,
  { folder, passphrase, token }: Openers,
): Promise<Lock> {
  const path = join(folder, name)
  if (lockedBy === 'token') return createTokenLock(token ?? failBecauseNoToken(path))
  if (lockedBy === 'passphrase') {
    if (passphrase !== undefined) return { by: 'passphrase', secret: passphrase }
    throw locked(path, 'needs its passphrase, and none is set')
  }
  const secret = await readLockFile(folder)
  if (secret !== undefined) return { by: 'file', secret }
  throw locked(path, `is locked by ${LOCK_FILE} beside it, which is gone`)
}

export function failBecauseNoToken(path: string): never {
  throw locked(path, 'needs the token that it was made with, and none is set')
}

function locked(path: string, why: string): AppError {
  return new AppError('SIGNER_LOCKED', `The key file ${path} ${why}.`, { facts: { path } })
}

/** The content of the file beside the keys, which is made when there is none. */
async function lockFileSecret(folder: string): Promise<string> {
  const existing = await readLockFile(folder)
  if (existing !== undefined) return existing
  const secret = randomBytes(32).toString('hex')
  if (await createPrivateFile(folder, LOCK_FILE, `${secret}\n`)) return secret
  return (await readLockFile(folder)) ?? failBecauseGone(join(folder, LOCK_FILE))
}

export function failBecauseGone(path: string): never {
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
