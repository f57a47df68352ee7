/** Builders for the tests of this folder: frames as a client writes them, and a server that records. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as setTimeoutPromise } from 'node:timers/promises'
import { Flusher } from './flusher.ts'
import { opcodes } from './frames.ts'
import { checkUpgrade, writeUpgradeRefusal, writeUpgradeResponse } from './handshake.ts'
import { SharedReads } from './shared-reads.ts'
import { WebSocketConnection, type WebSocketHandler, type WebSocketShared } from './websocket.ts'

export interface ClientFrame {
  readonly opcode?: number
  readonly payload?: string | Buffer
  readonly isFinal?: boolean
  readonly isMasked?: boolean
  /** Added to the first byte. */
  readonly reservedBits?: number
  readonly mask?: readonly [number, number, number, number]
}

/** A masked final text frame, unless told otherwise. */
export function clientFrame(frame: ClientFrame): Buffer {
  const { opcode = opcodes.text, isFinal = true, isMasked = true, reservedBits = 0 } = frame
  const payload = Buffer.from(frame.payload ?? '')
  const mask = Buffer.from(isMasked ? (frame.mask ?? [0x37, 0xfa, 0x21, 0x3d]) : [])
  const lengthBytes =
    payload.length < 126
      ? [payload.length]
      : payload.length < 65_536
        ? [126, payload.length >> 8, payload.length & 0xff]
        : [127, 0, 0, 0, 0, ...uint32Bytes(payload.length)]
  lengthBytes[0]! |= isMasked ? 0x80 : 0
  const first = (isFinal ? 0x80 : 0) | reservedBits | opcode
  const body = isMasked ? payload.map((byte, index) => byte ^ mask[index & 3]!) : payload
  return Buffer.concat([Buffer.from([first, ...lengthBytes]), mask, body])
}

/** A close frame's payload. */
export function closePayload(code: number, reason: string | Buffer = ''): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)])
}

function uint32Bytes(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]
}

export interface TestServer {
  readonly url: string
  readonly port: number
  readonly connections: Set<WebSocketConnection<undefined>>
  /** Codes given to `onClose`, in order. */
  readonly closeCodes: number[]
  /** Number of binary messages and of drains. */
  readonly counts: { binary: number; drains: number }
  stop(): Promise<void>
}

export type TestServerOptions = Partial<Omit<WebSocketShared<undefined>, 'handler' | 'reads'>> & {
  readonly onText?: WebSocketHandler<undefined>['onText']
  /** False: reads come as 'data' events. */
  readonly sharesReads?: boolean
  /** How long after the handshake a connection begins to listen. */
  readonly startDelayMs?: number
}

/** A real server on loopback that echoes text, unless told otherwise. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { onText, sharesReads = true, startDelayMs, ...settings } = options
  const connections = new Set<WebSocketConnection<undefined>>()
  const closeCodes: number[] = []
  const counts = { binary: 0, drains: 0 }
  const shared: WebSocketShared<undefined> = {
    flusher: new Flusher(),
    ...(sharesReads ? { reads: new SharedReads() } : {}),
    maxMessageBytes: 200_000,
    lowWaterBytes: 65_536,
    pingAfterMs: 30_000,
    pongTimeoutMs: 10_000,
    closeTimeoutMs: 5_000,
    ...settings,
    handler: {
      onText:
        onText ??
        ((connection, buffer, start, end) => connection.sendText(buffer.toString('utf8', start, end))),
      onBinary: () => {
        counts.binary++
      },
      onClose: (connection, code) => {
        connections.delete(connection)
        closeCodes.push(code)
      },
      onDrain: () => {
        counts.drains++
      },
    },
  }
  const server = createServer((_, response) => response.end())
  server.on('upgrade', (request, socket, head) => {
    const verdict = checkUpgrade(request)
    if (!verdict.ok) return writeUpgradeRefusal(socket, verdict.refusal)
    writeUpgradeResponse(socket, verdict.value.acceptKey)
    const connection = new WebSocketConnection(socket, shared, Date.now(), () => undefined)
    connections.add(connection)
    if (startDelayMs === undefined) connection.start(head)
    else setTimeout(() => connection.start(head), startDelayMs)
  })
  const port = await listen(server)
  return {
    url: `ws://127.0.0.1:${port}`,
    port,
    connections,
    closeCodes,
    counts,
    stop: () => stop(server, connections),
  }
}

export interface RawClient {
  readonly socket: Socket
  /** The first `length` bytes after the handshake, as soon as they are there. */
  bytes(length: number): Promise<Buffer>
  /** Resolves when the server has ended its direction. */
  readonly ended: Promise<void>
}

/** A client that has shaken hands and sends what it is told, whether that is allowed or not. */
export async function connectRaw(port: number, firstBytes: Buffer = Buffer.alloc(0)): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  let received: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
  })
  const ended = new Promise<void>((resolve) => socket.once('end', resolve).once('close', () => resolve()))
  const request =
    'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
  socket.write(Buffer.concat([Buffer.from(request), firstBytes]))
  const headEnd = await waitFor(() => {
    const at = received.indexOf('\r\n\r\n')
    return at >= 0 && at + 4
  })
  return {
    socket,
    ended,
    bytes: (length) =>
      waitFor(() => received.length >= headEnd + length && received.subarray(headEnd, headEnd + length)),
  }
}

/** Asks again and again until the answer is not false; the test's own timeout ends a vain wait. */
export async function waitFor<T>(ask: () => T | false): Promise<T> {
  for (;;) {
    const answer = ask()
    if (answer !== false) return answer
    await setTimeoutPromise(2)
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A server listening on TCP has an address with a port.
  return (server.address() as AddressInfo).port
}

async function stop(server: Server, connections: Iterable<WebSocketConnection<undefined>>): Promise<void> {
  for (const connection of connections) connection.terminate()
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
}
