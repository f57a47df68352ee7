/** One try to hand something to somebody's server, of which nothing is believed. */
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { LookupFunction } from 'node:net'
import { callbackify } from 'node:util'
import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import { isPublicAddress } from '../../platform/internet/index.ts'
import { addressInUrl, type Resolve, systemResolve } from './webhook-address.ts'

export interface FetchSettings {
  /** For all of it: name, connection, request, answer. Default 10,000. */
  readonly timeoutMs: number
  /** Of an answer so much is read, and thrown away; then the connection is cut. Default 64 KiB. */
  readonly maxAnswerBytes: number
  /** Also loopback, private and link-local addresses; for tests, and for operators who want that. Default false. */
  readonly allowsPrivateAddresses: boolean
  /** Default: that of the system. */
  readonly resolve: Resolve
}

export const DEFAULT_FETCH_SETTINGS: FetchSettings = {
  timeoutMs: 10_000,
  maxAnswerBytes: 64 * 1024,
  allowsPrivateAddresses: false,
  resolve: systemResolve,
}

export interface Post {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Gives up when it aborts. */
  readonly signal: AbortSignal
}

/** Why a server did not take it, in words that hold nothing of what it said but its status. */
export interface PostRefusal {
  readonly text: string
  /** It said that it never wants any more (410). */
  readonly isGone: boolean
}

/** What a webhook's URL must be; the refusal is a sentence for whoever gave it. */
export function checkWebhookUrl(
  text: string,
  { allowsPrivateAddresses }: Pick<FetchSettings, 'allowsPrivateAddresses'>,
): Outcome<URL, string> {
  const url = URL.parse(text)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    return refused('url must be an address like https://example.com/hook')
  }
  if (url.username !== '' || url.password !== '') return refused('url must hold no user and no password')
  if (url.hash !== '') return refused('url must have no #')
  const address = addressInUrl(url.hostname)
  if (!allowsPrivateAddresses && address !== undefined && !isPublicAddress(address)) {
    return refused(`url: ${address} is no address of the internet`)
  }
  return accepted(url)
}

/** Posts; never rejects. Taken is what is answered with a status from 200 to 299; a redirect is not followed. */
export async function postWebhook(post: Post, settings: FetchSettings): Promise<Outcome<void, PostRefusal>> {
  // The URL was checked when it was given; the rules may be stricter by now.
  const url = checkWebhookUrl(post.url, settings)
  if (!url.ok) return failed(url.refusal)
  const limit = AbortSignal.any([post.signal, AbortSignal.timeout(settings.timeoutMs)])
  try {
    const status = await statusOfAnswer(url.value, post, settings, limit)
    if (status >= 200 && status < 300) return accepted(undefined)
    return refused({ text: `it answered with the status ${status}`, isGone: status === 410 })
  } catch (error) {
    if (post.signal.aborted) return failed('this program stopped meanwhile')
    if (limit.aborted) return failed(`it did not answer within ${settings.timeoutMs} ms`)
    return failed(
      error instanceof NotPublicError ? error.message : `it could not be reached (${codeOf(error)})`,
    )
  }
}

function failed(text: string): Outcome<never, PostRefusal> {
  return refused({ text, isGone: false })
}

function statusOfAnswer(
  url: URL,
  { headers, body }: Post,
  settings: FetchSettings,
  signal: AbortSignal,
): Promise<number> {
  const bytes = Buffer.from(body)
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp
    const request = send(url, {
      method: 'POST',
      // A connection of its own, which ends with it.
      agent: false,
      lookup: guardedLookup(settings),
      signal,
      headers: { ...headers, 'content-length': String(bytes.length), connection: 'close' },
    })
    let status: number | undefined
    // However an answer ends, its status was said.
    request.on('error', (error) => (status === undefined ? reject(error) : resolve(status)))
    request.on('response', (response) => {
      const said = response.statusCode ?? 0
      status = said
      let read = 0
      // What it says is read, so that it need not see a broken connection, up to a bound and within the time.
      response.on('data', (chunk: Buffer) => {
        read += chunk.length
        if (read > settings.maxAnswerBytes) response.destroy()
      })
      response.on('error', () => {})
      response.on('close', () => resolve(said))
    })
    request.end(bytes)
  })
}

/**
 * The connection is made to the very addresses that were checked: a name that means something else a moment later gains
 * nothing by it. One address that is not of the internet spoils the name. Node asks for all addresses, since it tries one after
 * the other (`autoSelectFamily`).
 */
function guardedLookup({ resolve, allowsPrivateAddresses }: FetchSettings): LookupFunction {
  return callbackify(async (host: string, _options: object) => {
    const addresses = await resolve(host)
    const wrong = addresses.find(({ address }) => !allowsPrivateAddresses && !isPublicAddress(address))
    if (wrong !== undefined) {
      throw new NotPublicError(`${host} is at ${wrong.address}, which is no address of the internet`)
    }
    if (addresses.length === 0) throw new NotPublicError(`${host} has no address`)
    return [...addresses]
  })
}

class NotPublicError extends Error {}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : 'no reason was given'
}
