import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { type Duplex, pipeline } from 'node:stream'
import { MAX_BODY_BYTES } from './body-limit.ts'

/** The application answers within this, or the client is told that it did not. */
const TIMEOUT_MS = 30_000

/** Headers that speak of one connection only (RFC 9110, 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Passes requests on to a server on a Unix socket of this machine, body and answer as they are. */
export function proxyToSocket(
  socketPath: string,
): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    // The application would refuse it and hang up while we are still sending, so that its answer could be lost.
    if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
      refuse(request, response, TOO_LARGE)
      return
    }
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !HOP_BY_HOP.has(name)),
    )
    const address = request.socket.remoteAddress ?? ''
    const forwardedFor = [request.headers['x-forwarded-for'], address].flat().filter(Boolean).join(', ')
    const upstream = httpRequest({
      socketPath,
      method: request.method,
      path: request.url,
      headers: { ...headers, 'x-forwarded-for': forwardedFor },
      timeout: TIMEOUT_MS,
    })
    upstream.on('response', (answer) => {
      const kept = Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.has(name))
      response.writeHead(answer.statusCode ?? 502, Object.fromEntries(kept))
      // A broken answer can only be cut short: its head is gone already.
      pipeline(answer, response, () => {})
    })
    upstream.on('timeout', () => upstream.destroy(new Error('no answer in time')))
    upstream.on('error', () => refuse(request, response, UNAVAILABLE))
    response.on('close', () => upstream.destroy())
    let bodyBytes = 0
    request.on('data', (chunk: Buffer) => {
      bodyBytes += chunk.length
      // A body that comes in chunks does not say its length beforehand.
      if (bodyBytes > MAX_BODY_BYTES) refuse(request, response, TOO_LARGE)
    })
    request.pipe(upstream)
  }
}

/**
 * Passes an upgrade on to a server on a Unix socket of this machine: its head with the client's address added, then the
 * bytes of both sides as they come.
 */
export function proxyUpgradeToSocket(
  socketPath: string,
): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  return (request, socket, head) => {
    const upstream = connect(socketPath)
    const giveUp = (): void => {
      socket.destroy()
      upstream.destroy()
    }
    socket.on('error', giveUp)
    upstream.on('error', giveUp)
    upstream.once('connect', () => {
      upstream.write(upgradeHead(request), 'latin1')
      if (head.length > 0) upstream.write(head)
      pipeline(socket, upstream, () => {})
      pipeline(upstream, socket, () => {})
    })
  }
}

/** The request as it was read; a header cannot hold a line break. */
function upgradeHead({ method, url, rawHeaders, socket }: IncomingMessage): string {
  const lines: string[] = []
  let forwarded = ''
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2)
    if (name.toLowerCase() === 'x-forwarded-for') forwarded += `${value}, `
    else lines.push(`${name}: ${value}\r\n`)
  }
  const address = socket.remoteAddress ?? ''
  return `${method} ${url} HTTP/1.1\r\n${lines.join('')}X-Forwarded-For: ${forwarded}${address}\r\n\r\n`
}

const TOO_LARGE = { status: 413, code: 'BODY_TOO_LARGE', message: 'The request body is too large.' } as const
const UNAVAILABLE = {
  status: 502,
  code: 'UNAVAILABLE',
  message: 'The application does not answer at the moment.',
} as const

function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  { status, code, message }: typeof TOO_LARGE | typeof UNAVAILABLE,
): void {
  if (response.writableEnded) return
  if (response.headersSent) {
    response.destroy()
    return
  }
  request.unpipe()
  request.resume()
  const headers = { 'Content-Type': 'application/json; charset=utf-8', Connection: 'close' }
  response.writeHead(status, headers).end(JSON.stringify({ error: { code, message } }))
}
