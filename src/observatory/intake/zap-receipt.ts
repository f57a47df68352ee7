/** What a zap receipt pays (NIP-57, appendix F). */
import { hash } from 'node:crypto'
import bolt11 from 'light-bolt11-decoder'
import { computeEventId, type NostrEvent, parseEvent } from '../../nostr/index.ts'
import type { SignatureVerifier } from '../../platform/index.ts'
import type { ZapSigners } from './zap-signers.ts'

export const ZAP_RECEIPT_KIND = 9735
const ZAP_REQUEST_KIND = 9734
/** Ten bitcoin. Nobody has zapped that much; who writes more into an invoice that is never paid wants to be in a list. */
export const MAX_ZAP_MSAT = 1_000_000_000_000n
/** Longer invoices, and longer zap requests, are not looked at. */
const MAX_INVOICE_CHARACTERS = 4_096
const MAX_REQUEST_CHARACTERS = 65_536
const MAINNET = 'bc'
/** BOLT-11 says a description, or the hash of one that is longer. */
const DESCRIPTION_HASH = 'description_hash'

export interface ZapReceiptDeps {
  readonly verifier: SignatureVerifier
  /** Without it no signer is ever checked. */
  readonly zapSigners?: ZapSigners
}

export interface ZapFacts {
  /** 0 when the receipt does not hold. */
  readonly zapMsat: bigint
  readonly isZapSignerChecked: boolean
}

export const NO_ZAP: ZapFacts = { zapMsat: 0n, isZapSignerChecked: false }

/**
 * Reads a receipt whose own signature holds: the amount is that of its invoice. It pays nothing when the invoice is not
 * for bitcoin's mainnet or beyond `MAX_ZAP_MSAT`; when the zap request in it is missing, forged, for another recipient or
 * another amount; when the invoice commits to another request; or when the recipient's wallet names another signer.
 */
export function readZapReceipt(receipt: NostrEvent, { verifier, zapSigners }: ZapReceiptDeps): ZapFacts {
  const description = tagValue(receipt, 'description')
  const recipient = tagValue(receipt, 'p')
  const invoice = readInvoice(tagValue(receipt, 'bolt11'))
  if (description === undefined || recipient === undefined || invoice === undefined) return NO_ZAP
  if (invoice.descriptionHash !== undefined && invoice.descriptionHash !== hash('sha256', description))
    return NO_ZAP
  const request = readRequest(description)
  if (request === undefined || tagValue(request, 'p') !== recipient) return NO_ZAP
  const asked = tagValue(request, 'amount')
  if (asked !== undefined && asked !== invoice.msat.toString()) return NO_ZAP
  // The dear check last.
  if (!verifier.verify(request.id, request.pubkey, request.sig)) return NO_ZAP
  const status = zapSigners?.statusOf(recipient, receipt.pubkey) ?? 'unknown'
  if (status === 'refused') return NO_ZAP
  return { zapMsat: invoice.msat, isZapSignerChecked: status === 'confirmed' }
}

/** The zap request, with the right id; undefined when it is none. Its signature is not checked. */
function readRequest(description: string): NostrEvent | undefined {
  if (description.length > MAX_REQUEST_CHARACTERS) return undefined
  try {
    const parsed = parseEvent(JSON.parse(description))
    if (!parsed.ok || parsed.value.kind !== ZAP_REQUEST_KIND) return undefined
    return computeEventId(parsed.value) === parsed.value.id ? parsed.value : undefined
  } catch {
    return undefined
  }
}

interface Invoice {
  readonly msat: bigint
  /** Lowercase hexadecimal. */
  readonly descriptionHash: string | undefined
}

function readInvoice(text: string | undefined): Invoice | undefined {
  if (text === undefined || text.length > MAX_INVOICE_CHARACTERS) return undefined
  try {
    const sections: readonly InvoiceSection[] = bolt11.decode(text).sections
    const network = sections.find(({ name }) => name === 'coin_network')?.letters
    const amount = sections.find(({ name }) => name === 'amount')?.value
    const descriptionHash = sections.find(({ name }) => name === DESCRIPTION_HASH)?.value
    if (network !== MAINNET || typeof amount !== 'string') return undefined
    const msat = BigInt(amount)
    if (msat <= 0n || msat > MAX_ZAP_MSAT) return undefined
    return { msat, descriptionHash: typeof descriptionHash === 'string' ? descriptionHash : undefined }
  } catch {
    // The decoder throws for everything that is no invoice.
    return undefined
  }
}

/** What the decoder gives; its own types leave some sections out. */
interface InvoiceSection {
  readonly name: string
  readonly letters?: string
  readonly value?: unknown
}

function tagValue({ tags }: NostrEvent, name: string): string | undefined {
  return tags.find((tag) => tag[0] === name)?.[1]
}
