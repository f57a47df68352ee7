/** The asking side of SPSP (RFC-0009). */
import { accepted, type Outcome, type Refusal, refused } from '../../kernel/index.ts'
import type { IlpAsset } from '../ilp-asset.ts'
import { isIlpAddress } from '../packet/index.ts'
import { type ReceiptSetup, SHARED_SECRET_BYTES } from '../stream/index.ts'
import { checkEndpoint, resolvePaymentPointer } from './payment-pointer.ts'

export interface SpspQuery {
  /** A payment pointer, or the URL of a receiver. */
  readonly to: string
  /** As Node's; handed in so that a test can stand in for the web. */
  readonly fetch: typeof fetch
  readonly signal?: AbortSignal
  /** Makes the receiver give receipts. A verifier sends this, not a payer. */
  readonly receipt?: ReceiptSetup
}

/** How a receiver is paid. */
export interface SpspDetails {
  /** Who has answered in the end: a payer should see when it is not whom it asked. */
  readonly endpoint: URL
  readonly destinationAddress: string
  /** 32 bytes. */
  readonly sharedSecret: Buffer
  readonly hasReceipts: boolean
  /** Undefined when the receiver does not tell. */
  readonly asset: IlpAsset | undefined
  /** Of an invoice: what is still to be paid, in the receiver's units. */
  readonly outstanding: bigint | undefined
}

export interface SpspRefusal extends Refusal {
  readonly code: /** Neither a payment pointer nor a URL that may be asked. */
    | 'POINTER_INVALID'
    /** Nobody answered, or not in time. */
    | 'RECEIVER_UNREACHABLE'
    /** The receiver says that there is none of this name. */
    | 'RECEIVER_UNKNOWN'
    /** What came back are no payment details. */
    | 'RECEIVER_ANSWER_INVALID'
}

const TIMEOUT_MS = 10_000
const MAX_BODY_BYTES = 65_536
const MAX_REDIRECTS = 3
const ACCEPT = 'application/spsp4+json, application/spsp+json'

export async function querySpsp(query: SpspQuery): Promise<Outcome<SpspDetails, SpspRefusal>> {
  const endpoint = resolvePaymentPointer(query.to)
  if (!endpoint.ok) return refuse('POINTER_INVALID', endpoint.refusal)
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  const signal = query.signal === undefined ? timeout : AbortSignal.any([query.signal, timeout])
  try {
    return await ask(endpoint.value, query, signal)
  } catch (error) {
    // What fetch throws is about the other machine, or about the way to it.
    const reason = error instanceof Error ? error.message : 'it does not answer'
    return refuse('RECEIVER_UNREACHABLE', `${endpoint.value.host} cannot be asked: ${reason}`)
  }
}

async function ask(
  endpoint: URL,
  query: SpspQuery,
  signal: AbortSignal,
  redirects = 0,
): Promise<Outcome<SpspDetails, SpspRefusal>> {
  const response = await query.fetch(endpoint, { headers: headersOf(query), redirect: 'manual', signal })
  const location = response.headers.get('location')
  if (response.status >= 300 && response.status < 400 && location !== null) {
    await response.body?.cancel()
    const next = checkEndpoint(URL.parse(location, endpoint.href)?.href ?? '')
    // Nobody on the web leads us to a port of this machine.
    const isDowngrade = next.ok && next.value.protocol !== 'https:' && endpoint.protocol === 'https:'
    if (isDowngrade) return refuse('RECEIVER_ANSWER_INVALID', `${endpoint.host} redirects away from https`)
    if (!next.ok) return refuse('RECEIVER_ANSWER_INVALID', `${endpoint.host} redirects: ${next.refusal}`)
    if (redirects >= MAX_REDIRECTS)
      return refuse('RECEIVER_ANSWER_INVALID', `${endpoint.host} redirects for ever`)
    return ask(next.value, query, signal, redirects + 1)
  }
  const body = await readBody(response)
  if (response.status === 404) return refuse('RECEIVER_UNKNOWN', `${endpoint.host} knows no such receiver`)
  if (!response.ok) return refuse('RECEIVER_UNREACHABLE', `${endpoint.host} answered ${response.status}`)
  const details = body === undefined ? undefined : parseDetails(body, endpoint)
  if (details !== undefined) return accepted(details)
  return refuse(
    'RECEIVER_ANSWER_INVALID',
    `${endpoint.host} answered with something that is no payment details`,
  )
}

function headersOf({ receipt }: SpspQuery): Record<string, string> {
  if (receipt === undefined) return { accept: ACCEPT }
  const { nonce, secret } = receipt
  return {
    accept: ACCEPT,
    'receipt-nonce': nonce.toString('base64'),
    'receipt-secret': secret.toString('base64'),
  }
}

/** Undefined when there are more bytes than payment details have. */
async function readBody(response: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    // Leaving the loop ends the transfer.
    if (size > MAX_BODY_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** Undefined when it is not what RFC-0009 asks for. What is optional and malformed counts as left out. */
function parseDetails(body: string, endpoint: URL): SpspDetails | undefined {
  const { destination_account: address, shared_secret: secret, ...rest } = parseObject(body)
  if (typeof address !== 'string' || !isIlpAddress(address) || typeof secret !== 'string') return undefined
  const sharedSecret = Buffer.from(secret, 'base64')
  if (sharedSecret.length !== SHARED_SECRET_BYTES) return undefined
  return {
    endpoint,
    destinationAddress: address,
    sharedSecret,
    hasReceipts: rest.receipts_enabled === true,
    asset: parseAsset(rest.asset_info),
    outstanding: parseOutstanding(rest.balance),
  }
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return asObject(JSON.parse(text))
  } catch {
    return {}
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  // An object that is not null has properties of any kind.
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}

const MAX_CODE_LENGTH = 20
const MAX_SCALE = 255

function parseAsset(value: unknown): IlpAsset | undefined {
  const { code, scale } = asObject(value)
  const isCode = typeof code === 'string' && code !== '' && code.length <= MAX_CODE_LENGTH
  const isScale = typeof scale === 'number' && Number.isInteger(scale) && scale >= 0 && scale <= MAX_SCALE
  return isCode && isScale ? { code, scale } : undefined
}

/** `balance.current` of an invoice is what is outstanding, with a minus. */
function parseOutstanding(value: unknown): bigint | undefined {
  const { current } = asObject(value)
  return typeof current === 'string' && /^-?\d{1,20}$/.test(current) && current.startsWith('-')
    ? -BigInt(current)
    : undefined
}

function refuse(
  code: SpspRefusal['code'],
  text: string,
): { readonly ok: false; readonly refusal: SpspRefusal } {
  return refused({ code, text })
}
