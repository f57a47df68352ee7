import { type Clock, systemClock } from '../kernel/index.ts'
import { createEcdsaSigner } from './ecdsa-signer.ts'
import { type FileKeysOptions, openKeptSecret } from './file-keys.ts'
import { type GivenKey, readGivenSecret } from './given-keys.ts'
import { holdingFor } from './holdings.ts'
import { createKeyAgreement } from './key-agreement.ts'
import type { Notify } from './notices.ts'
import type { TokenOptions } from './pkcs11/index.ts'
import { createSchnorrSigner } from './schnorr-signer.ts'
import { createSecretBox } from './secret-box.ts'
import type {
  EcdsaPurpose,
  EcdsaSigner,
  KeyAgreement,
  Purpose,
  SchnorrPurpose,
  SecretBox,
  SecretPurpose,
  Signer,
} from './signer.ts'
import { folderToken, openEcdsaKey } from './token-keys.ts'

/** Keys and secrets that come from outside, by what they are for. */
export type GivenKeys = Readonly<Partial<Record<Purpose, GivenKey>>>

export interface KeyringOptions {
  /** Locks the key files. Undefined or empty: a random file beside them does, which protects from little. */
  readonly passphrase?: string | undefined
  /** A PKCS#11 token that locks the key files instead, and in which ECDSA keys are made. */
  readonly pkcs11?: TokenOptions | undefined
  /** Keys that come from outside; the folder is not asked for these. */
  readonly given?: GivenKeys
  readonly clock?: Clock
  /** Told of keys that came into being, and of those that are not well guarded. */
  readonly notify?: Notify
}

/**
 * Answers with the same object each time. What is nowhere yet is made and kept. Throws `SIGNER_…` when there is a key
 * and it cannot be used: it never makes another one in its place.
 */
export interface Keyring {
  /** The signer for a purpose, of BIP-340. */
  keyFor(purpose: SchnorrPurpose): Promise<Signer>
  /** What agrees on secrets with the key for a purpose, for encrypted messages (NIP-44). */
  agreementFor(purpose: SchnorrPurpose): Promise<KeyAgreement>
  /** The signer for a purpose, of ECDSA; its key never leaves the token when there is one that can sign so. */
  ecdsaKeyFor(purpose: EcdsaPurpose): Promise<EcdsaSigner>
  /** What derives and seals with the secret for a purpose. */
  secretFor(purpose: SecretPurpose): Promise<SecretBox>
  /** Lets go of the token; without one there is nothing to be done. What was signed with it before begins a new session. */
  close(): Promise<void>
}

/**
 * The keys of this program, kept in `folder`. Nothing is read, made or asked for before the first `keyFor`.
 *
 * @example const signer = await openKeyring(join(dataDir, 'keys'), { passphrase }).keyFor('relay')
 */
export function openKeyring(folder: string, options: KeyringOptions = {}): Keyring {
  const { passphrase, pkcs11, given = {}, clock = systemClock, notify = () => {} } = options
  const token = pkcs11 === undefined ? undefined : folderToken(folder, pkcs11)
  const inFiles: FileKeysOptions = {
    folder,
    passphrase: passphrase === '' ? undefined : passphrase,
    token,
    nowMs: () => clock.nowMs(),
    notify,
  }

  function secretOf(purpose: Purpose): Promise<Uint8Array> {
    const from = given[purpose]
    return from === undefined ? openKeptSecret(holdingFor(purpose), inFiles) : readGivenSecret(purpose, from)
  }

  async function openEcdsa(purpose: EcdsaPurpose): Promise<EcdsaSigner> {
    if (given[purpose] === undefined) return openEcdsaKey(holdingFor(purpose), inFiles)
    return createEcdsaSigner(await secretOf(purpose))
  }

  return {
    keyFor: openedOnce(async (purpose: SchnorrPurpose) => createSchnorrSigner(await secretOf(purpose))),
    agreementFor: openedOnce(async (purpose: SchnorrPurpose) => createKeyAgreement(await secretOf(purpose))),
    ecdsaKeyFor: openedOnce(openEcdsa),
    secretFor: openedOnce(async (purpose: SecretPurpose) => createSecretBox(await secretOf(purpose))),
    async close() {
      await token?.close()
    },
  }
}

function openedOnce<P extends Purpose, T>(open: (purpose: P) => Promise<T>): (purpose: P) => Promise<T> {
  const opened = new Map<P, Promise<T>>()
  return (purpose) => {
    const known = opened.get(purpose)
    if (known !== undefined) return known
    const opening = open(purpose)
    opened.set(purpose, opening)
    // A failure is not remembered: the operator may mend it while the program runs.
    void opening.catch(() => opened.delete(purpose))
    return opening
  }
}
