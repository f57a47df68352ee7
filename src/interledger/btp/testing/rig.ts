/** A BTP server on a port of its own, and peers that speak frame by frame. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { type Clock, systemClock } from '../../../kernel/index.ts'
import { createLogger } from '../../../platform/index.ts'
import { createFailedTokens } from '../../failed-tokens.ts'
import { authMessage } from '../auth.ts'
import { type BtpFrame, decodeBtpFrame, encodeBtpFrame } from '../frames.ts'
import type { BtpLimits } from '../limits.ts'
import { type BtpServer, type BtpServerDeps, createBtpServer } from '../server.ts'

export const silent = createLogger({ level: 'silent', format: 'json' })

export interface TestServer {
  readonly server: BtpServer
  readonly url: string
  /** Ends the TCP connections of all clients as a cut cable does; they may come again. */
  cut(): void
  stop(): Promise<void>
}

/** A token is `token of <peer>`. */
export async function startBtpServer({
  clock = systemClock,
  limits = {},
  addressOf = () => undefined,
}: {
  clock?: Clock
  limits?: Partial<BtpLimits>
  addressOf?: BtpServerDeps['addressOf']
} = {}): Promise<TestServer> {
  const server = createBtpServer({
    authenticate: ({ token }) => /^token of (.+)$/.exec(token)?.[1],
    failedTokens: createFailedTokens({ clock }),
    addressOf,
    clock,
    logger: silent,
    limits,
  })
  const sockets = new Set<Duplex>()
  const http = createServer()
  http.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  http.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head))
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  // A TCP server's address is an AddressInfo.
  const { port } = http.address() as AddressInfo
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    server,
    url: `ws://127.0.0.1:${port}/btp`,
    cut,
    stop: async () => {
      await server.close()
      cut()
      http.close()
    },
  }
}

/** A client of which every frame is in the test's hands. */
export interface RawPeer {
  readonly socket: WebSocket
  send(frame: BtpFrame): void
  /** The next frame that came, or comes. */
  next(): Promise<BtpFrame>
  /** Frames that came and were not taken. */
  readonly waiting: readonly BtpFrame[]
  /** Resolves when it is closed, to the code. */
  readonly closed: Promise<number>
}

/** Connects without a word. */
export async function connectRaw(
  url: string,
  { answersPings = true, headers = {} }: { answersPings?: boolean; headers?: Record<string, string> } = {},
): Promise<RawPeer> {
  const socket = new WebSocket(url, { perMessageDeflate: false, autoPong: answersPings, headers })
  const waiting: BtpFrame[] = []
  const takers: ((frame: BtpFrame) => void)[] = []
  socket.on('message', (data: Buffer) => {
    const frame = decodeBtpFrame(data)
    if (!frame.ok) throw new Error(frame.refusal)
    const taker = takers.shift()
    if (taker === undefined) waiting.push(frame.value)
    else taker(frame.value)
  })
  socket.on('error', () => undefined)
  const closed = new Promise<number>((resolve) => socket.on('close', resolve))
  await once(socket, 'open')
  return {
    socket,
    waiting,
    closed,
    send: (frame) => socket.send(encodeBtpFrame(frame)),
    next: () => {
      const frame = waiting.shift()
      return frame === undefined ? new Promise((resolve) => takers.push(resolve)) : Promise.resolve(frame)
    },
  }
}

/** Connects and says who it is. */
export async function connectAs(
  url: string,
  peerId: string,
  options?: { answersPings?: boolean },
): Promise<RawPeer> {
  const peer = await connectRaw(url, options)
  peer.send(authMessage(0, { token: `token of ${peerId}`, username: '' }))
  await peer.next()
  return peer
}
