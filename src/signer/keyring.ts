import { type Clock, systemClock } from '../kernel/index.ts'
import { type FileKeysOptions, openFileKey } from './file-keys.ts'
import { type GivenKey, openGivenKey } from './given-keys.ts'
import type { Notify } from './notices.ts'
import type { KeyPurpose, Signer } from './signer.ts'

export interface KeyringOptions {
  /** Locks the key files. Undefined or empty: a random file beside them does, which protects from little. */
  readonly passphrase?: string | undefined
  /** Keys that come from outside; the folder is not asked for these. */
  readonly given?: Readonly<Partial<Record<KeyPurpose, GivenKey>>>
  readonly clock?: Clock
  /** Told of keys that came into being, and of those that are not well guarded. */
  readonly notify?: Notify
}

export interface Keyring {
  /**
   * The signer for a purpose; the same one each time. A key that is nowhere yet is made and kept. Throws `SIGNER_…`
   * when there is a key and it cannot be used: it never makes another one in its place.
   */
  keyFor(purpose: KeyPurpose): Promise<Signer>
}

/**
 * The keys of this program, kept in `folder`. Nothing is read, made or asked for before the first `keyFor`.
 *
 * @example const signer = await openKeyring(join(dataDir, 'keys'), { passphrase }).keyFor('relay')
 */
export function openKeyring(folder: string, options: KeyringOptions = {}): Keyring {
  const { passphrase, given = {}, clock = systemClock, notify = () => {} } = options
  const inFiles: FileKeysOptions = {
    folder,
    passphrase: passphrase === '' ? undefined : passphrase,
    nowMs: () => clock.nowMs(),
    notify,
  }
  const opened = new Map<KeyPurpose, Promise<Signer>>()

  function open(purpose: KeyPurpose): Promise<Signer> {
    const key = given[purpose]
    return key === undefined ? openFileKey(purpose, inFiles) : openGivenKey(purpose, key)
  }

  return {
    keyFor(purpose) {
      const known = opened.get(purpose)
      if (known !== undefined) return known
      const opening = open(purpose)
      opened.set(purpose, opening)
      // A failure is not remembered: the operator may mend it while the program runs.
      void opening.catch(() => opened.delete(purpose))
      return opening
    },
  }
}
