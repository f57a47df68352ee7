import type { NostrEvent } from '../../nostr/index.ts'

/**
 * Who may sign zap receipts for whom (NIP-57): the key that the recipient's wallet names. Answers at once, from memory.
 * `confirmed`: it is that key. `refused`: the wallet names another one. `unknown`: the wallet has not said, or not yet.
 */
export interface ZapSigners {
  /** @param recipient,signer public keys, 64 lowercase hexadecimal characters. */
  statusOf(recipient: string, signer: string): ZapSignerStatus
  /** Is shown each event that was verified and not seen before. */
  learn?(event: NostrEvent): void
}

export type ZapSignerStatus = 'confirmed' | 'unknown' | 'refused'
