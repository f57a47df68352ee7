/**
 * Our WebSocket server beside `ws`, each in a process of its own that answers every message with a short one:
 * CPU time per message, and memory per idle connection. `node bench/websocket.ts`
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { WebSocketServer } from 'ws'
import {
  checkUpgrade,
  Flusher,
  SharedReads,
  WebSocketConnection,
  type WebSocketShared,
  writeUpgradeRefusal,
  writeUpgradeResponse,
} from '../src/relay/websocket/index.ts'

const answer = '["OK","0123456789abcdef",true,""]'
const answerFrameBytes = 2 + answer.length
const idleConnections = 5_000
const busyConnections = 50
const kinds = ['ours', "ours, 'data' events", 'ws'] as const
type Kind = (typeof kinds)[number]

interface Usage {
  readonly cpuUs: number
  readonly rssBytes: number
}

async function main(): Promise<void> {
  const rows: Record<string, string | number>[] = []
  for (const kind of kinds) {
    for (const messageBytes of [120, 600]) {
      for (const pipelined of [1, 32]) rows.push(await measureMessages(kind, messageBytes, pipelined))
    }
  }
  console.table(rows)
  const idle: Record<string, string | number>[] = []
  for (const kind of kinds) idle.push(await measureIdle(kind))
  console.table(idle)
}

async function measureMessages(kind: Kind, messageBytes: number, pipelined: number) {
  const messages = pipelined === 1 ? 40_000 : 320_000
  const server = await startServer(kind)
  const sockets = await connectMany(server.port, busyConnections)
  const burst = Buffer.concat(Array.from({ length: pipelined }, () => maskedTextFrame(messageBytes)))
  await exchange(sockets, burst, pipelined, messages / 5)
  const before = await server.usage()
  await exchange(sockets, burst, pipelined, messages)
  const after = await server.usage()
  server.stop()
  for (const socket of sockets) socket.destroy()
  return {
    server: kind,
    messageBytes,
    pipelined,
    'CPU µs/message': round((after.cpuUs - before.cpuUs) / messages),
  }
}

async function measureIdle(kind: Kind) {
  const server = await startServer(kind)
  await sleep(300)
  const before = await server.usage()
  const sockets = await connectMany(server.port, idleConnections)
  const hello = maskedTextFrame(120)
  await exchange(sockets, hello, 1, idleConnections)
  await sleep(1_000)
  const after = await server.usage()
  server.stop()
  for (const socket of sockets) socket.destroy()
  const kibPerConnection = (after.rssBytes - before.rssBytes) / idleConnections / 1024
  return { server: kind, connections: idleConnections, 'RSS KiB/connection': round(kibPerConnection) }
}

/** Each socket sends `burst` again as soon as all its answers are there, until `messages` were sent in all. */
async function exchange(
  sockets: readonly Socket[],
  burst: Buffer,
  pipelined: number,
  messages: number,
): Promise<void> {
  let burstsLeft = messages / pipelined
  const runs = sockets.map(
    (socket) =>
      new Promise<void>((resolve) => {
        let awaitedBytes = 0
        const next = () => {
          if (burstsLeft <= 0) {
            socket.off('data', onData)
            resolve()
            return
          }
          burstsLeft--
          awaitedBytes = pipelined * answerFrameBytes
          socket.write(burst)
        }
        const onData = (chunk: Buffer) => {
          awaitedBytes -= chunk.length
          if (awaitedBytes === 0) next()
        }
        socket.on('data', onData)
        next()
      }),
  )
  await Promise.all(runs)
}

function maskedTextFrame(payloadBytes: number): Buffer {
  const mask = [0x12, 0x34, 0x56, 0x78] as const
  const length = payloadBytes < 126 ? [payloadBytes | 0x80] : [0xfe, payloadBytes >> 8, payloadBytes & 0xff]
  const payload = Buffer.alloc(payloadBytes, '["REQ","sub",{"ids":["').map(
    (byte, index) => byte ^ mask[index & 3]!,
  )
  return Buffer.concat([Buffer.from([0x81, ...length, ...mask]), payload])
}

async function connectMany(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(100, count - sockets.length) }, () => connectOne(port))
    sockets.push(...(await Promise.all(some)))
  }
  return sockets
}

async function connectOne(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  socket.write(
    'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: https://example.com\r\n' +
      'User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  await once(socket, 'data')
  return socket
}

async function startServer(kind: Kind) {
  const child = fork(fileURLToPath(import.meta.url), ['serve', kind], { execArgv: ['--expose-gc'] })
  const [port] = (await once(child, 'message')) as [number]
  return {
    port,
    stop: () => child.kill(),
    usage: async (): Promise<Usage> => {
      child.send('usage')
      const [usage] = (await once(child, 'message')) as [Usage]
      return usage
    },
  }
}

function serve(kind: Kind): void {
  const server = createServer()
  if (kind === 'ws') serveWithWs(server)
  else serveWithOurs(server, kind === 'ours')
  server.listen(0, '127.0.0.1', 4_096, () => process.send?.((server.address() as AddressInfo).port))
  process.on('message', () => {
    globalThis.gc?.()
    const { user, system } = process.cpuUsage()
    const usage: Usage = { cpuUs: user + system, rssBytes: process.memoryUsage.rss() }
    process.send?.(usage)
  })
}

function serveWithWs(server: ReturnType<typeof createServer>): void {
  const sockets = new WebSocketServer({ server, perMessageDeflate: false })
  sockets.on('connection', (socket) => socket.on('message', () => socket.send(answer)))
}

function serveWithOurs(server: ReturnType<typeof createServer>, sharesReads: boolean): void {
  const connections = new Set<WebSocketConnection<undefined>>()
  const shared: WebSocketShared<undefined> = {
    flusher: new Flusher(),
    ...(sharesReads && { reads: new SharedReads() }),
    handler: {
      onText: (connection) => connection.sendText(answer),
      onBinary: () => {},
      onClose: (connection) => connections.delete(connection),
      onDrain: () => {},
    },
    maxMessageBytes: 524_288,
    lowWaterBytes: 65_536,
    pingAfterMs: 30_000,
    pongTimeoutMs: 10_000,
    closeTimeoutMs: 5_000,
  }
  server.on('upgrade', (request, socket, head) => {
    const verdict = checkUpgrade(request)
    if (!verdict.ok) return writeUpgradeRefusal(socket, verdict.refusal)
    writeUpgradeResponse(socket, verdict.value.acceptKey)
    const connection = new WebSocketConnection(socket, shared, Date.now(), () => undefined)
    connections.add(connection)
    connection.start(head)
  })
}

function round(value: number): number {
  return Number(value.toFixed(2))
}

const served = kinds.find((kind) => kind === process.argv[3])
if (process.argv[2] === 'serve' && served !== undefined) serve(served)
else await main()
