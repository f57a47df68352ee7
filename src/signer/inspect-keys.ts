/** Looks at the keys without making, locking anew or tidying anything: for whoever wants to know how they are. */
import { stat } from 'node:fs/promises'
import { lockFor, readKey } from './file-keys.ts'
import { type GivenKey, openGivenKey } from './given-keys.ts'
import type { LockedBy } from './key-file.ts'
import { KEY_PURPOSES, type KeyPurpose } from './signer.ts'

export interface InspectedKey {
  readonly purpose: KeyPurpose
  readonly publicKey: string
  /** `given` by a setting, or in a file that a passphrase or the file beside it opens. */
  readonly from: 'given' | LockedBy
}

export interface InspectKeysOptions {
  readonly folder: string
  /** Undefined or empty: there is none. */
  readonly passphrase: string | undefined
  /** Keys that come from outside; the folder is not asked for these. */
  readonly given: Readonly<Partial<Record<KeyPurpose, GivenKey>>>
}

/**
 * Opens every key that there is. One that is not there yet is not in the answer: it is made when it is first needed.
 * Throws `SIGNER_…` for the first one that is there and cannot be used, with what to do about it.
 */
export async function inspectKeys({
  folder,
  passphrase,
  given,
}: InspectKeysOptions): Promise<readonly InspectedKey[]> {
  const found: InspectedKey[] = []
  const lockOptions = { folder, passphrase: passphrase === '' ? undefined : passphrase }
  for (const purpose of KEY_PURPOSES) {
    const fromOutside = given[purpose]
    if (fromOutside !== undefined) {
      const { publicKey } = await openGivenKey(purpose, fromOutside)
      found.push({ purpose, publicKey, from: 'given' })
      continue
    }
    const stored = await readKey(purpose, folder)
    if (stored === undefined) continue
    await stored.unlock(await lockFor(stored, purpose, lockOptions))
    found.push({ purpose, publicKey: stored.publicKey, from: stored.lockedBy })
  }
  return found
}

/** The permissions of the key folder when others than its owner have any, like `755`; undefined when all is well. */
export async function exposedModeOf(folder: string): Promise<string | undefined> {
  if (process.platform === 'win32') return undefined
  const stats = await stat(folder).catch(() => undefined)
  if (stats === undefined || (stats.mode & 0o077) === 0) return undefined
  return (stats.mode & 0o777).toString(8)
}
