import { get as getHttp, type IncomingMessage, type RequestOptions } from 'node:http'
import { get as getHttps } from 'node:https'
import { isIP } from 'node:net'
import { isHex64 } from '../../nostr/index.ts'
import { guardedLookup, systemNames } from '../../platform/internet/index.ts'

const TIMEOUT_MS = 10_000
const MAX_BODY_BYTES = 65_536

export interface WalletQuery {
  readonly url: URL
  /** May this IP address be connected to? Asked of the address that is connected to, whatever its name said before. */
  readonly isAllowedAddress: (address: string) => boolean
  readonly signal: AbortSignal
}

/**
 * Asks a wallet for the key that its zap receipts are signed with (LUD-06 with NIP-57's `nostrPubkey`). Undefined when it
 * names none. Redirects are not followed.
 *
 * @throws Error when it does not answer, not in ten seconds, not with JSON, or is not to be asked.
 */
export async function askWallet(query: WalletQuery): Promise<string | undefined> {
  const signal = AbortSignal.any([query.signal, AbortSignal.timeout(TIMEOUT_MS)])
  const answer: unknown = JSON.parse(await readBody(await request(query, signal)))
  if (typeof answer !== 'object' || answer === null) throw new TypeError('the answer is no object')
  const { allowsNostr, nostrPubkey }: { allowsNostr?: unknown; nostrPubkey?: unknown } = answer
  return allowsNostr === true && isHex64(nostrPubkey) ? nostrPubkey : undefined
}

async function request(
  { url, isAllowedAddress }: WalletQuery,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  // An address that is written as one is connected to without any look-up.
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && !isAllowedAddress(host)) throw new TypeError(`${host} is not to be asked`)
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const options: RequestOptions = {
    signal,
    agent: false,
    lookup: guardedLookup(systemNames, isAllowedAddress),
    headers: { accept: 'application/json' },
  }
  const get = url.protocol === 'https:' ? getHttps : getHttp
  get(url, options, resolve).once('error', reject)
  const response = await promise
  if (response.statusCode !== 200) {
    response.destroy()
    throw new TypeError(`it answers with status ${response.statusCode}`)
  }
  return response
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) continue
    bytes += chunk.length
    // Leaving the loop destroys the response.
    if (bytes > MAX_BODY_BYTES) throw new TypeError(`it answers with more than ${MAX_BODY_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
