/** What processes tell each other about accounts that changed. */
import type { ChangedAccounts } from './run-group.ts'

export const NEWS_CHANNEL = 'ledger.changes'

const SENDER_BYTES = 16
/** The number of an account and that of its first new transfer. */
const PAIR_BYTES = 16

interface News {
  readonly sender: Buffer
  readonly changed: ChangedAccounts
}

export function encodeNews(sender: Buffer, changed: ChangedAccounts): Buffer {
  const bytes = Buffer.alloc(SENDER_BYTES + changed.size * PAIR_BYTES)
  sender.copy(bytes, 0, 0, SENDER_BYTES)
  let at = SENDER_BYTES
  for (const [accountId, transferId] of changed) {
    bytes.writeBigInt64BE(accountId, at)
    bytes.writeBigInt64BE(transferId, at + 8)
    at += PAIR_BYTES
  }
  return bytes
}

/** Undefined for what is no such message. */
export function decodeNews(bytes: Buffer): News | undefined {
  if (bytes.length < SENDER_BYTES || (bytes.length - SENDER_BYTES) % PAIR_BYTES !== 0) return undefined
  const changed = new Map<bigint, bigint>()
  for (let at = SENDER_BYTES; at < bytes.length; at += PAIR_BYTES) {
    changed.set(bytes.readBigInt64BE(at), bytes.readBigInt64BE(at + 8))
  }
  return { sender: bytes.subarray(0, SENDER_BYTES), changed }
}
