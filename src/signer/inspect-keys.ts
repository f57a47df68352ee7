/** Looks at the keys without making, locking anew or tidying anything: for whoever wants to know how they are. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { lockFor, type Openers } from './file-keys.ts'
import { readGivenSecret } from './given-keys.ts'
import { holdingFor, type KeptHolding } from './holdings.ts'
import { type LockedBy, parseHeldKeyFile, parseKeyFile } from './key-file.ts'
import type { GivenKeys } from './keyring.ts'
import type { TokenOptions } from './pkcs11/index.ts'
import { readPrivateFile } from './private-files.ts'
import { KEY_PURPOSES, type KeyPurpose, type Purpose, SECRET_PURPOSES, type SecretPurpose } from './signer.ts'
import { folderToken, openHeldKey } from './token-keys.ts'

/** `given` by a setting, or in a file that a passphrase, the file beside it or a token opens, or in the token itself. */
export type KeyOrigin = 'given' | LockedBy

export interface InspectedKey {
  readonly purpose: KeyPurpose
  readonly publicKey: string
  readonly from: KeyOrigin
}

export interface InspectedSecret {
  readonly purpose: SecretPurpose
  readonly from: KeyOrigin
}

export interface InspectKeysOptions {
  readonly folder: string
  /** Undefined or empty: there is none. */
  readonly passphrase: string | undefined
  readonly pkcs11?: TokenOptions | undefined
  /** Keys that come from outside; the folder is not asked for these. */
  readonly given: GivenKeys
}

/**
 * Opens every key that there is. One that is not there yet is not in the answer: it is made when it is first needed.
 * Throws `SIGNER_…` for the first one that is there and cannot be used, with what to do about it.
 */
export async function inspectKeys(options: InspectKeysOptions): Promise<readonly InspectedKey[]> {
  const found = await inspectAll(KEY_PURPOSES, options)
  return found.flatMap(({ publicKey, ...key }) => (publicKey === undefined ? [] : [{ ...key, publicKey }]))
}

/** As `inspectKeys`, for the secrets that are no keys. */
export async function inspectSecrets(options: InspectKeysOptions): Promise<readonly InspectedSecret[]> {
  const found = await inspectAll(SECRET_PURPOSES, options)
  return found.map(({ purpose, from }) => ({ purpose, from }))
}

interface Inspected<P> {
  readonly purpose: P
  readonly publicKey: string | undefined
  readonly from: KeyOrigin
}

async function inspectAll<P extends Purpose>(
  purposes: readonly P[],
  { folder, passphrase, pkcs11, given }: InspectKeysOptions,
): Promise<readonly Inspected<P>[]> {
  const token = pkcs11 === undefined ? undefined : folderToken(folder, pkcs11)
  const openers: Openers = { folder, passphrase: passphrase === '' ? undefined : passphrase, token }
  const found: Inspected<P>[] = []
  try {
    for (const purpose of purposes) {
      const seen = await inspectOne(holdingFor(purpose), openers, given)
      if (seen !== undefined) found.push({ purpose, ...seen })
    }
    return found
  } finally {
    await token?.close()
  }
}

async function inspectOne(
  holding: KeptHolding,
  openers: Openers,
  given: GivenKeys,
): Promise<Omit<Inspected<Purpose>, 'purpose'> | undefined> {
  const fromOutside = given[holding.purpose]
  if (fromOutside !== undefined) {
    const secret = await readGivenSecret(holding.purpose, fromOutside)
    return { publicKey: holding.publicKeyOf?.(secret), from: 'given' }
  }
  const text = await readPrivateFile(openers.folder, holding.name)
  if (text === undefined) return undefined
  const path = join(openers.folder, holding.name)
  const held = parseHeldKeyFile(text, holding, path)
  if (held !== undefined) {
    const { publicKey } = await openHeldKey(held, openers.token, path)
    return { publicKey, from: 'token' }
  }
  const stored = parseKeyFile(text, holding, path)
  await stored.unlock(await lockFor(stored, holding, openers))
  return { publicKey: stored.publicKey, from: stored.lockedBy }
}

/** The permissions of the key folder when others than its owner have any, like `755`; undefined when all is well. */
export async function exposedModeOf(folder: string): Promise<string | undefined> {
  if (process.platform === 'win32') return undefined
  const stats = await stat(folder).catch(() => undefined)
  if (stats === undefined || (stats.mode & 0o077) === 0) return undefined
  return (stats.mode & 0o777).toString(8)
}
