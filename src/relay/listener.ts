import { rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import { type AddressInfo, connect, type ListenOptions } from 'node:net'
import type { Duplex } from 'node:stream'
import { AppError } from '../kernel/index.ts'
import { isRelayInformationRequest, RELAY_INFORMATION_MEDIA_TYPE } from '../nostr/index.ts'
import type { Admitted, ConnectionRefusal, ConnectionVerdict } from './connection-checks.ts'
import type { WaitingRoom } from './waiting-room.ts'
import { checkUpgrade, writeUpgradeRefusal, writeUpgradeResponse } from './websocket/index.ts'

/** Answers requests that are neither an upgrade nor for the relay information document. */
export type HttpFallback = (request: IncomingMessage, response: ServerResponse) => void

/** Takes upgrades at other paths than the relay's, and answers those that it does not know. */
export type UpgradeFallback = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

export interface ListenerDeps {
  readonly host: string
  readonly port: number
  /** Lets several threads accept on one port. */
  readonly reusePort: boolean
  /** Has the port already, and clients who wait. */
  readonly waitingRoom?: WaitingRoom | undefined
  /** JSON text of the NIP-11 document. */
  readonly information: () => string
  readonly fallback: HttpFallback
  readonly upgradeFallback: UpgradeFallback
  /** Path of a Unix socket that is listened on as well; empty for none. */
  readonly unixSocket: string
  /** May this client come in? Asked before the upgrade. */
  readonly check: (request: IncomingMessage) => ConnectionVerdict | Promise<ConnectionVerdict>
  /** A client was refused by `check`. */
  readonly refused: () => void
  readonly accept: (socket: Duplex, head: Buffer, request: IncomingMessage, admitted: Admitted) => void
}

export interface Listener {
  readonly port: number
  /** Takes no more connections. Those that were upgraded live on. */
  close(): Promise<void>
}

/** NIP-11 asks for these three on every answer. */
const CORS = {
  'Access-Control-Allow-Origin': '*',
  // Browsers do not count Authorization among "*".
  'Access-Control-Allow-Headers': 'Authorization, Content-Type, Accept, *',
  'Access-Control-Allow-Methods': 'GET, POST, OPTIONS',
} as const

const HEADERS_TIMEOUT_MS = 10_000
const MAX_HEADER_BYTES = 16 * 1024
const BACKLOG = 4_096
/** When to come back after a refusal that time will mend. */
const RETRY_AFTER_SECONDS = 10

/** Opens the one port: WebSocket upgrades and NIP-11 at `/`, everything else to the application. */
export async function listen(deps: ListenerDeps): Promise<Listener> {
  const server = createRelayServer(deps)
  if (deps.waitingRoom === undefined) await startListening(server, deps)
  else deps.waitingRoom.moveInto(server)
  // A TCP server's address is an AddressInfo.
  const { port } = server.address() as AddressInfo
  if (deps.unixSocket === '') return { port, close: () => closeServer(server) }
  try {
    const local = await listenLocally(deps)
    return { port, close: async () => void (await Promise.all([closeServer(server), closeServer(local)])) }
  } catch (error) {
    await closeServer(server)
    throw error
  }
}

function createRelayServer(deps: ListenerDeps): Server {
  const server = createServer({ headersTimeout: HEADERS_TIMEOUT_MS, maxHeaderSize: MAX_HEADER_BYTES })
  server.on('request', (request, response) => answer(deps, request, response))
  server.on('upgrade', (request, socket, head) => void upgrade(deps, request, socket, head))
  server.on('clientError', (_error, socket) => socket.destroy())
  return server
}

/** The Unix socket for a proxy on the same machine. A file that was left there by a process that is gone makes way. */
async function listenLocally(deps: ListenerDeps): Promise<Server> {
  const { unixSocket } = deps
  if (await isServed(unixSocket)) throw listenFailed(unixSocket, 'somebody listens there')
  if (!unixSocket.startsWith('\\\\.\\pipe\\')) await rm(unixSocket, { force: true })
  const server = createRelayServer(deps)
  await startListeningAt(server, unixSocket, { path: unixSocket, backlog: BACKLOG })
  return server
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
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

async function upgrade(
  deps: ListenerDeps,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  if (pathOf(request) !== '/') {
    deps.upgradeFallback(request, socket, head)
    return
  }
  const checked = checkUpgrade(request)
  if (!checked.ok) {
    writeUpgradeRefusal(socket, checked.refusal)
    return
  }
  const check = deps.check(request)
  const verdict = check instanceof Promise ? await whileWaiting(socket, check) : check
  if ('status' in verdict) {
    deps.refused()
    refuseUpgrade(socket, verdict.status, verdict.text)
    return
  }
  if (socket.destroyed) return
  writeUpgradeResponse(socket, checked.value.acceptKey)
  deps.accept(socket, head, request, verdict)
}

/** The client may go while its proof is looked at; nobody has to hear of it then. */
async function whileWaiting(socket: Duplex, check: Promise<ConnectionVerdict>): Promise<ConnectionVerdict> {
  const ignore = (): void => {
    socket.destroy()
  }
  socket.on('error', ignore)
  try {
    return await check
  } catch {
    return { status: 503, text: 'The authorization could not be checked, try again later.' }
  } finally {
    socket.off('error', ignore)
  }
}

function refuseUpgrade(socket: Duplex, status: ConnectionRefusal['status'], text: string): void {
  // The client may be gone already; there is nobody left to tell.
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${retryHeader(status)}Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  )
}

function pathOf({ url = '/' }: IncomingMessage): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}

function retryHeader(status: number): string {
  return status === 503 || status === 429 ? `Retry-After: ${RETRY_AFTER_SECONDS}\r\n` : ''
}

function startListening(
  server: Server,
  { host, port, reusePort }: Pick<ListenerDeps, 'host' | 'port' | 'reusePort'>,
): Promise<void> {
  const address = { host, port, backlog: BACKLOG, ...(reusePort && { reusePort }) }
  return startListeningAt(server, `${host}:${port}`, address)
}

/** @param place where that is, for people. */
function startListeningAt(server: Server, place: string, address: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException): void => {
      reject(listenFailed(place, cause.code === 'EADDRINUSE' ? 'the port is in use' : cause.message, cause))
    }
    server.once('error', fail)
    server.listen(address, () => {
      server.off('error', fail)
      resolve()
    })
  })
}

function listenFailed(place: string, why: string, cause?: Error): AppError {
  return new AppError('RELAY_LISTEN_FAILED', `The relay cannot listen on ${place}: ${why}.`, {
    ...(cause !== undefined && { cause }),
    facts: { place },
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
  })
}
