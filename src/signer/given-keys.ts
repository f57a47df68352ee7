/** The driver for keys that come from outside: a setting, the environment, a file that a container mounts. */
import { readFile } from 'node:fs/promises'
import { AppError } from '../kernel/index.ts'
import { createSchnorrSigner } from './schnorr-signer.ts'
import { parseSecretKey } from './secret-key-text.ts'
import type { KeyPurpose, Signer } from './signer.ts'

/** Where a key from outside is: in this text, or in the file of this name. An `nsec` or 64 hex characters. */
export type GivenKey = { readonly text: string } | { readonly path: string }

/** Throws `SIGNER_KEY_INVALID` when what is given is no key, without repeating it. */
export async function openGivenKey(purpose: KeyPurpose, given: GivenKey): Promise<Signer> {
  const secretKey = parseSecretKey('text' in given ? given.text : await readGivenFile(given.path))
  if (secretKey === undefined) {
    const where = 'text' in given ? '' : ` in ${given.path}`
    throw new AppError(
      'SIGNER_KEY_INVALID',
      `What is given as the key for ${purpose}${where} is neither an nsec nor 64 hex characters of a secret key.`,
      { facts: { purpose } },
    )
  }
  return createSchnorrSigner(secretKey)
}

/** Who may read it is up to whoever mounts it: Kubernetes gives secrets to a group, not to an owner. */
async function readGivenFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new AppError('SIGNER_STORAGE_FAILED', `The key file ${path} cannot be read.`, {
      cause,
      facts: { path },
    })
  }
}
