import type { LockedBy } from './key-file.ts'
import type { KeyPurpose } from './signer.ts'

/** Something about keys that an operator should read. It never holds a secret. */
export interface SignerNotice {
  /** Constant name of what happened, as in all logs. */
  readonly event: 'signer.key_created' | 'signer.key_relocked' | 'signer.key_unguarded'
  readonly level: 'info' | 'warn'
  readonly facts: Readonly<Record<string, string>>
}

export type Notify = (notice: SignerNotice) => void

export interface NoticedKey {
  readonly purpose: KeyPurpose
  readonly publicKey: string
  readonly path: string
}

/** A key came into being: this is the moment to make a backup of it. */
export function noticeCreated(
  notify: Notify,
  { purpose, publicKey, path }: NoticedKey,
  lockedBy: LockedBy,
): void {
  notify({ event: 'signer.key_created', level: 'info', facts: { purpose, publicKey, path, lockedBy } })
}

/** A key that a file had locked is locked by the passphrase from now on. */
export function noticeRelocked(notify: Notify, { purpose, publicKey, path }: NoticedKey): void {
  notify({ event: 'signer.key_relocked', level: 'info', facts: { purpose, publicKey, path } })
}

/** Who can read the folder has the key: its file, and beside it what opens it. */
export function noticeUnguarded(notify: Notify, { purpose, publicKey, path }: NoticedKey): void {
  notify({
    event: 'signer.key_unguarded',
    level: 'warn',
    facts: {
      purpose,
      publicKey,
      path,
      meaning: 'no passphrase is set, so a copy of the folder is a copy of the key; set one to lock it',
    },
  })
}
