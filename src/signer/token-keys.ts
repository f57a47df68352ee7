/** The driver for ECDSA keys: in the token when there is one that can, otherwise in a file as all others. */
import { join } from 'node:path'
import { createEcdsaSigner } from './ecdsa-signer.ts'
import { type FileKeysOptions, failBecauseGone, failBecauseNoToken, openKeptSecret } from './file-keys.ts'
import type { KeptHolding } from './holdings.ts'
import { type HeldKey, heldKeyFile, parseHeldKeyFile } from './key-file.ts'
import { noticeCreated } from './notices.ts'
import {
  createToken,
  createTokenKey,
  destroyTokenKey,
  openTokenKey,
  type Token,
  type TokenOptions,
  withFolderLock,
} from './pkcs11/index.ts'
import { createPrivateFile, preparePrivateFolder, readPrivateFile } from './private-files.ts'
import type { EcdsaSigner } from './signer.ts'

/**
 * The signer for a purpose. Its file says where the key is, so that another token, or none, does not lead to another
 * key: a key that began in a file stays in it (locked by the token), and one that began in a token stays there.
 */
export async function openEcdsaKey(holding: KeptHolding, options: FileKeysOptions): Promise<EcdsaSigner> {
  const { folder, token } = options
  await preparePrivateFolder(folder, options.nowMs())
  const text = await readPrivateFile(folder, holding.name)
  const held = text === undefined ? undefined : parseHeldKeyFile(text, holding, join(folder, holding.name))
  if (held !== undefined) return openHeldKey(held, token, join(folder, holding.name))
  const made =
    text === undefined && token !== undefined ? await makeInToken(holding, token, options) : undefined
  return made ?? createEcdsaSigner(await openKeptSecret(holding, options))
}

/** The token that the keys in a folder need; processes that share the folder take turns with it. */
export function folderToken(folder: string, options: TokenOptions): Token {
  return createToken(options, { exclusively: (act) => withFolderLock(folder, act) })
}

/** Throws `SIGNER_LOCKED` when there is no token, or it does not hold the key. */
export async function openHeldKey(
  held: HeldKey,
  token: Token | undefined,
  path: string,
): Promise<EcdsaSigner> {
  return openTokenKey(token ?? failBecauseNoToken(path), held)
}

/** Undefined when the token does not offer the curve. Of two processes that do this at once one makes the key for both. */
async function makeInToken(
  holding: KeptHolding,
  token: Token,
  options: FileKeysOptions,
): Promise<EcdsaSigner | undefined> {
  const { folder, notify } = options
  const path = join(folder, holding.name)
  const key = await createTokenKey(token, holding.purpose)
  if (key === undefined) return undefined
  if (!(await createPrivateFile(folder, holding.name, heldKeyFile(key, holding)))) {
    await destroyTokenKey(token, key)
    const winner = parseHeldKeyFile(
      (await readPrivateFile(folder, holding.name)) ?? failBecauseGone(path),
      holding,
      path,
    )
    // A winner without a token has put its key into the file.
    return winner === undefined ? undefined : openHeldKey(winner, token, path)
  }
  const signer = await openHeldKey(key, token, path)
  noticeCreated(notify, { purpose: holding.purpose, publicKey: key.publicKey, path }, 'token')
  return signer
}
