/**
 * Whoever holds one secret key and signs with it. Where the key is (a file, a token, another machine) only its driver
 * knows; the key itself never comes out.
 */
export interface Signer {
  /** 32 bytes, lowercase hex: the x-only public key. */
  readonly publicKey: string
  /** A BIP-340 signature, 64 bytes, over 32 bytes. Throws `SIGNER_FAILED` for anything but 32 bytes. */
  signSchnorr(hash: Uint8Array): Promise<Uint8Array>
}

/**
 * What keys are for, one key each, so that whoever gets hold of one gets hold of nothing else.
 *
 * - `relay`: what the relay says as itself: `self` in NIP-11, members and invites of NIP-43, checkpoints of the audit log.
 * - `publisher`: what Stoa publishes for everybody: statistics, results.
 */
export const KEY_PURPOSES = ['relay', 'publisher'] as const

export type KeyPurpose = (typeof KEY_PURPOSES)[number]
