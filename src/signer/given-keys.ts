/** The driver for keys and secrets that come from outside: a setting, the environment, a file that a container mounts. */
import { readFile } from 'node:fs/promises'
import { AppError } from '../kernel/index.ts'
import { holdingFor } from './holdings.ts'
import { parseSecretHex, parseSecretKey } from './secret-key-text.ts'
import type { Purpose } from './signer.ts'

/**
 * Where a key from outside is: in this text, or in the file of this name. A key is an `nsec` or 64 hex characters;
 * another secret is 64 hex characters, as `openssl rand -hex 32` makes them.
 */
export type GivenKey = { readonly text: string } | { readonly path: string }

/** Throws `SIGNER_KEY_INVALID` when what is given is no key, without repeating it. */
export async function readGivenSecret(purpose: Purpose, given: GivenKey): Promise<Uint8Array> {
  const isKey = holdingFor(purpose).publicKeyOf !== undefined
  const text = 'text' in given ? given.text : await readGivenFile(given.path)
  const secret = isKey ? parseSecretKey(text) : parseSecretHex(text)
  if (secret !== undefined) return secret
  const where = 'text' in given ? '' : ` in ${given.path}`
  const message = isKey
    ? `What is given as the key for ${purpose}${where} is neither an nsec nor 64 hex characters of a secret key.`
    : `What is given as the secret for ${purpose}${where} is not 64 hex characters.`
  throw new AppError('SIGNER_KEY_INVALID', message, { facts: { purpose } })
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
