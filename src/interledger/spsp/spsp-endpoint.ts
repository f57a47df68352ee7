/** The answering side of SPSP (RFC-0009): what `GET /.well-known/pay` and `GET /pay/<name>` return. */
import type { IlpAsset } from '../ilp-asset.ts'
import {
  RECEIPT_NONCE_BYTES,
  RECEIPT_SECRET_BYTES,
  type ReceiptSetup,
  type StreamCredentials,
} from '../stream/index.ts'

/** An HTTP request as far as it matters here. */
export interface SpspRequest {
  readonly method: string
  /** Of `/pay/<name>`, decoded; undefined for `/.well-known/pay`. */
  readonly name: string | undefined
  /** Has its URL a `?`? */
  readonly hasQuery: boolean
  /** Names in lower case, as Node gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** To be sent as it is. Never logged: the body has a secret. */
export interface SpspResponse {
  readonly status: 200 | 400 | 404 | 405 | 503
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Whom a name belongs to, ready to be paid. */
export interface SpspReceiver {
  readonly credentials: StreamCredentials
  readonly asset: IlpAsset
}

/**
 * `unknown`: nobody of this name is paid here. `unavailable`: not now, since this process has no ILP address yet.
 */
export type FindSpspReceiver = (
  name: string | undefined,
  receipt: ReceiptSetup | undefined,
) => Promise<SpspReceiver | 'unknown' | 'unavailable'>

const CONTENT_TYPE = 'application/spsp4+json'

/** Each answer has a secret of its own, and so it must not be kept by anybody on the way. */
const HEADERS = { 'content-type': CONTENT_TYPE, 'cache-control': 'no-cache, no-store' } as const

export async function answerSpspQuery(request: SpspRequest, find: FindSpspReceiver): Promise<SpspResponse> {
  if (request.method !== 'GET')
    return { ...refuse(405, 'MethodNotAllowedError', 'ask with GET'), headers: { ...HEADERS, allow: 'GET' } }
  // RFC-0009, "Specification": a query must be refused.
  if (request.hasQuery) return refuse(400, 'InvalidRequestError', 'the URL of a receiver has no query')
  const receipt = receiptIn(request)
  if (receipt === 'malformed')
    return refuse(
      400,
      'InvalidRequestError',
      'Receipt-Nonce has 16 bytes and Receipt-Secret 32, both in base64',
    )
  const receiver = await find(request.name, receipt)
  if (receiver === 'unknown') return refuse(404, 'InvalidReceiverError', 'Invalid receiver ID')
  if (receiver === 'unavailable') return refuse(503, 'UnavailableError', 'nothing can be paid at this moment')
  const { credentials, asset } = receiver
  const body = {
    destination_account: credentials.destinationAddress,
    shared_secret: credentials.sharedSecret.toString('base64'),
    asset_info: asset,
    ...(receipt === undefined ? {} : { receipts_enabled: true }),
  }
  return { status: 200, headers: HEADERS, body: JSON.stringify(body) }
}

function refuse(status: SpspResponse['status'], id: string, message: string): SpspResponse {
  return { status, headers: HEADERS, body: JSON.stringify({ id, message }) }
}

/** What a verifier adds to the query of a payer (RFC-0039, "SPSP"); undefined when there is no verifier. */
function receiptIn({ headers }: SpspRequest): ReceiptSetup | 'malformed' | undefined {
  const { 'receipt-nonce': nonceText, 'receipt-secret': secretText } = headers
  if (nonceText === undefined && secretText === undefined) return undefined
  const nonce = fromBase64(nonceText, RECEIPT_NONCE_BYTES)
  const secret = fromBase64(secretText, RECEIPT_SECRET_BYTES)
  return nonce === undefined || secret === undefined ? 'malformed' : { nonce, secret }
}

const BASE64 = /^[\w+/-]*={0,2}$/

function fromBase64(text: string | readonly string[] | undefined, length: number): Buffer | undefined {
  if (typeof text !== 'string' || !BASE64.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === length ? bytes : undefined
}
