import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { AppError } from '../kernel/index.ts'
import { isRelayInformationRequest, RELAY_INFORMATION_MEDIA_TYPE } from '../nostr/index.ts'
import { checkUpgrade, writeUpgradeRefusal, writeUpgradeResponse } from './websocket/index.ts'

/** Answers requests that are neither an upgrade nor for the relay information document. */
export type HttpFallback = (request: IncomingMessage, response: ServerResponse) => void

export interface ListenerDeps {
  readonly host: string
  readonly port: number
  /** Lets several threads accept on one port. */
  readonly reusePort: boolean
  /** JSON text of the NIP-11 document. */
  readonly information: () => string
  readonly fallback: HttpFallback
  /** Why a new connection cannot be taken now, if so; asked before the upgrade. */
  readonly refuse: (request: IncomingMessage) => string | undefined
  readonly accept: (socket: Duplex, head: Buffer, request: IncomingMessage) => void
}

export interface Listener {
  readonly port: number
  /** Takes no more connections. Those that were upgraded live on. */
  close(): Promise<void>
}

/** NIP-11 asks for these three on every answer. */
const CORS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Headers': '*',
  'Access-Control-Allow-Methods': 'GET, POST, OPTIONS',
} as const

const HEADERS_TIMEOUT_MS = 10_000
const MAX_HEADER_BYTES = 16 * 1024
const BACKLOG = 4_096

/** Opens the one port: WebSocket upgrades and NIP-11 at `/`, everything else to the application. */
export async function listen(deps: ListenerDeps): Promise<Listener> {
  const server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS, maxHeaderSize: MAX_HEADER_BYTES })
  server.on('request', (request, response) => answer(deps, request, response))
  server.on('upgrade', (request, socket, head) => upgrade(deps, request, socket, head))
  server.on('clientError', (_error, socket) => socket.destroy())
  await startListening(server, deps)
  // A TCP server's address is an AddressInfo.
  const { port } = server.address() as AddressInfo
  return { port, close: () => closeServer(server) }
}

/**
 * Throws `RELAY_LISTEN_FAILED` when somebody listens there. With `reusePort` the system would let two programs share
 * the port, each with its own data, and clients would meet one or the other by chance.
 */
export async function requireFreePort(address: Pick<ListenerDeps, 'host' | 'port'>): Promise<void> {
  const server = createServer()
  await startListening(server, { ...address, reusePort: false })
  await closeServer(server)
}

function answer(deps: ListenerDeps, request: IncomingMessage, response: ServerResponse): void {
  const isRoot = pathOf(request) === '/'
  const wantsInformation = isRelayInformationRequest(request.headers.accept)
  if (isRoot && request.method === 'OPTIONS') response.writeHead(204, CORS).end()
  else if (isRoot && wantsInformation && (request.method === 'GET' || request.method === 'HEAD')) {
    response.writeHead(200, { ...CORS, 'Content-Type': RELAY_INFORMATION_MEDIA_TYPE }).end(deps.information())
  } else deps.fallback(request, response)
}

function upgrade(deps: ListenerDeps, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  if (pathOf(request) !== '/') {
    refuseUpgrade(socket, '404 Not Found', 'The relay is at the path /.')
    return
  }
  const checked = checkUpgrade(request)
  if (!checked.ok) {
    writeUpgradeRefusal(socket, checked.refusal)
    return
  }
  const refusal = deps.refuse(request)
  if (refusal !== undefined) {
    refuseUpgrade(socket, '503 Service Unavailable', refusal)
    return
  }
  writeUpgradeResponse(socket, checked.value.acceptKey)
  deps.accept(socket, head, request)
}

function refuseUpgrade(socket: Duplex, status: string, text: string): void {
  // The client may be gone already; there is nobody left to tell.
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  )
}

function pathOf({ url = '/' }: IncomingMessage): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}

function startListening(
  server: Server,
  { host, port, reusePort }: Pick<ListenerDeps, 'host' | 'port' | 'reusePort'>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'the port is in use' : cause.message
      reject(
        new AppError('RELAY_LISTEN_FAILED', `The relay cannot listen on ${host}:${port}: ${why}.`, {
          cause,
          facts: { host, port },
        }),
      )
    })
    server.listen({ host, port, backlog: BACKLOG, ...(reusePort && { reusePort }) }, resolve)
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
}
