/** The side of ILP-over-HTTP that takes packets (RFC-0035). It opens no port: requests come from whoever has one. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Logger } from '../../platform/index.ts'
import type { FailedTokens } from '../failed-tokens.ts'
import type { LinkEvents } from '../link.ts'
import { decodePreparePacket, encodeIlpPacket } from '../packet/index.ts'
import type { BearerCheck } from './bearer.ts'
import { ASK_HEADER, ASK_MEDIA_TYPE, isMediaType, MAX_BODY_BYTES, PACKET_MEDIA_TYPE } from './media.ts'

export interface HttpRequest {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** The client's address, as limits count it; undefined when it is not known. */
  readonly from?: string | undefined
}

export interface HttpAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export type HttpReceiver = (request: HttpRequest) => Promise<HttpAnswer>

export interface HttpReceiverDeps {
  readonly check: BearerCheck
  /** What a peer's requests are handed to; undefined when it has no link of this kind. */
  readonly eventsOf: (peerId: string) => Pick<LinkEvents, 'onPrepare' | 'onAsk'> | undefined
  readonly failedTokens: FailedTokens
  readonly logger: Logger
  /** Requests that are worked on; beyond it they are refused with 429, which says that nothing was taken. */
  readonly maxServed?: number
}

const DEFAULT_MAX_SERVED = 20_000
const BEARER = /^Bearer +([\x21-\x7e]{1,4096})$/i

/** Makes the function behind `POST /ilp`. It never rejects but for a bug of what it hands to. */
export function createHttpReceiver({
  check,
  eventsOf,
  failedTokens,
  logger,
  maxServed = DEFAULT_MAX_SERVED,
}: HttpReceiverDeps): HttpReceiver {
  let served = 0
  return async ({ method, headers, body, from }) => {
    if (method !== 'POST') return refusal(405, 'Packets are sent by POST.', { allow: 'POST' })
    if (body.length > MAX_BODY_BYTES) return refusal(413, `A body has at most ${MAX_BODY_BYTES} bytes.`)
    if (served >= maxServed) return refusal(429, 'Too many requests are being worked on.')
    const token = BEARER.exec(headers.authorization ?? '')?.[1]
    if (token !== undefined && !failedTokens.mayTry(from))
      return refusal(429, 'Too many wrong tokens came from this address.', { 'retry-after': '10' })
    served++
    try {
      const peerId = token === undefined ? undefined : await check(token)
      if (token !== undefined && peerId === undefined) failedTokens.note(from)
      const events = peerId === undefined ? undefined : eventsOf(peerId)
      if (events === undefined) {
        // Strangers must not be able to fill the log.
        logger.debug('ilp-http.refused')
        return refusal(401, 'The token is of no peer.', { 'www-authenticate': 'Bearer' })
      }
      return await serve(events, headers, body)
    } finally {
      served--
    }
  }
}

async function serve(
  events: Pick<LinkEvents, 'onPrepare' | 'onAsk'>,
  headers: IncomingHttpHeaders,
  body: Buffer,
): Promise<HttpAnswer> {
  const type = headers['content-type']
  if (isMediaType(type, ASK_MEDIA_TYPE)) return answerQuestion(events, headers[ASK_HEADER], body)
  if (!isMediaType(type, PACKET_MEDIA_TYPE)) return refusal(415, `A packet comes as ${PACKET_MEDIA_TYPE}.`)
  const prepare = decodePreparePacket(body)
  if (!prepare.ok) return refusal(400, `This is no ILP Prepare: ${prepare.refusal}.`)
  return answer(PACKET_MEDIA_TYPE, encodeIlpPacket(await events.onPrepare(prepare.value, body.length)))
}

async function answerQuestion(
  events: Pick<LinkEvents, 'onAsk'>,
  protocol: string | string[] | undefined,
  body: Buffer,
): Promise<HttpAnswer> {
  const data = typeof protocol === 'string' ? await events.onAsk(protocol, body) : undefined
  return data === undefined ? refusal(404, 'This protocol is not known here.') : answer(ASK_MEDIA_TYPE, data)
}

function answer(type: string, body: Buffer): HttpAnswer {
  return { status: 200, headers: { 'content-type': type, 'cache-control': 'no-store' }, body }
}

function refusal(status: number, text: string, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', ...headers },
    body: Buffer.from(`${text}\n`),
  }
}
