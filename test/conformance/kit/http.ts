import { type IncomingHttpHeaders, request } from 'node:http'
import { request as secureRequest } from 'node:https'

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** True when the relay switched protocols. */
  readonly isUpgraded: boolean
}

export interface HttpQuestion {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly timeoutMs?: number
}

/** The longest body that is kept, in bytes. */
const MAX_BODY = 1 << 20

/** The HTTP address of a WebSocket address. */
export function httpUrlOf(url: string): string {
  return url.replace(/^ws/, 'http')
}

/** One HTTP request on the relay's address. Throws when the relay does not answer in time. */
export function httpRequest(url: string, question: HttpQuestion = {}): Promise<HttpAnswer> {
  const { method = 'GET', path, headers = {}, body, timeoutMs = 5000 } = question
  const target = new URL(path ?? '', httpUrlOf(url))
  if (path === undefined) target.pathname = new URL(url).pathname
  const send = target.protocol === 'https:' ? secureRequest : request
  return new Promise((resolve, reject) => {
    const outgoing = send(target, { method, headers, agent: false, signal: AbortSignal.timeout(timeoutMs) })
    outgoing.on('error', reject)
    outgoing.on('upgrade', (response, socket) => {
      socket.destroy()
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: '', isUpgraded: true })
    })
    outgoing.on('response', (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        if (text.length < MAX_BODY) text += chunk.toString()
      })
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text,
          isUpgraded: false,
        }),
      )
    })
    outgoing.end(body)
  })
}
