import type { NostrEvent } from '../../nostr/index.ts'
import { clientOf } from './client-tag.ts'
import { hex32InText } from './hex-fingerprint.ts'
import { languageOf } from './languages.ts'
import type { SeenEvent } from './seen-events.ts'
import { NO_ZAP, readZapReceipt, ZAP_RECEIPT_KIND, type ZapReceiptDeps } from './zap-receipt.ts'

/** Notes, articles and comments: what is written to be read. */
const TEXT_KINDS: ReadonlySet<number> = new Set([1, 1_111, 30_023])
/** Dates are columns of 32 bits; what is beyond is in no figure anyway. */
const MAX_DATE = 0xffff_ffff

/** Everything that is counted of an event; its signature holds. */
export function factsOf(event: NostrEvent, deps: ZapReceiptDeps): Omit<SeenEvent, 'isAuthorLone'> {
  const zap = event.kind === ZAP_RECEIPT_KIND ? readZapReceipt(event, deps) : NO_ZAP
  return {
    high: hex32InText(event.id, 0),
    low: hex32InText(event.id, 8),
    authorHigh: hex32InText(event.pubkey, 0),
    authorLow: hex32InText(event.pubkey, 8),
    createdAt: Math.min(event.created_at, MAX_DATE),
    kind: event.kind,
    client: clientOf(event.tags),
    zapMsat: zap.zapMsat,
    isZapSignerChecked: zap.isZapSignerChecked,
    language: TEXT_KINDS.has(event.kind) ? languageOf(event.content) : 0,
  }
}
