import type { LockedBy } from './key-file.ts'
import type { Purpose } from './signer.ts'

/** Something about keys that an operator should read. It never holds a secret. */
export interface SignerNotice {
  /** Constant name of what happened, as in all logs. */
  readonly event: 'signer.key_created' | 'signer.key_relocked' | 'signer.key_unguarded'
  readonly level: 'info' | 'warn'
  readonly facts: Readonly<Record<string, string>>
}

export type Notify = (notice: SignerNotice) => void

export interface NoticedKey {
  readonly purpose: Purpose
  /** Undefined for a secret that is no key. */
  readonly publicKey: string | undefined
  readonly path: string
}

/** A key came into being: this is the moment to make a backup of it. */
export function noticeCreated(notify: Notify, key: NoticedKey, lockedBy: LockedBy): void {
  notify({ event: 'signer.key_created', level: 'info', facts: { ...factsOf(key), lockedBy } })
}

/** A key that something weaker had locked is locked by this from now on. */
export function noticeRelocked(notify: Notify, key: NoticedKey, lockedBy: LockedBy): void {
  notify({ event: 'signer.key_relocked', level: 'info', facts: { ...factsOf(key), lockedBy } })
}

/** Who can read the folder has the key: its file, and beside it what opens it. */
export function noticeUnguarded(notify: Notify, key: NoticedKey): void {
  const meaning = 'no passphrase is set, so a copy of the folder is a copy of the key; set one to lock it'
  notify({ event: 'signer.key_unguarded', level: 'warn', facts: { ...factsOf(key), meaning } })
}

function factsOf({ purpose, publicKey, path }: NoticedKey): Readonly<Record<string, string>> {
  return { purpose, ...(publicKey === undefined ? {} : { publicKey }), path }
}
