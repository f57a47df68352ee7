/** Relays on one port of the loopback, `/<number>` each: after a REQ each sends all its events, framed beforehand. */
import type { Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { createRandom } from '../dataset/random.ts'
import { readCorpus } from './intake-corpus.ts'

export interface SimulatorTask {
  readonly file: string
  readonly count: number
  readonly copies: number
  readonly relays: number
}

const task: SimulatorTask = JSON.parse(process.argv[2] ?? '')
const WRITE_BYTES = 65_536
const frames = readCorpus(task.file, task.count).map((json) => frameOf(`["EVENT","s",${json}]`))
const queues = deal(task)
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
server.on('connection', (socket, request) => {
  const queue = queues[Number(request.url?.slice(1))] ?? []
  const tcp: Socket = request.socket
  socket.once('message', () => void send(socket, tcp, queue))
})
server.once('listening', () => {
  const address = server.address()
  process.send?.({ port: typeof address === 'object' ? address?.port : undefined })
})

/** Which events each relay has, in order; few relays have most of them, as it is. */
function deal({ count, copies, relays }: SimulatorTask): readonly (readonly number[])[] {
  const random = createRandom('relays')
  const dealt: number[][] = Array.from({ length: relays }, () => [])
  for (let event = 0; event < count; event++) {
    const having = new Set<number>()
    while (having.size < copies) having.add(Math.floor(random.next() ** 1.6 * relays))
    for (const relay of having) dealt[relay]!.push(event)
  }
  return dealt
}

async function send(socket: WebSocket, tcp: Socket, queue: readonly number[]): Promise<void> {
  for (let at = 0; at < queue.length; ) {
    const parts: Buffer[] = []
    for (let bytes = 0; bytes < WRITE_BYTES && at < queue.length; at++) {
      const frame = frames[queue[at]!]!
      parts.push(frame)
      bytes += frame.length
    }
    if (!tcp.write(Buffer.concat(parts))) await new Promise<void>((resolve) => tcp.once('drain', resolve))
  }
  socket.send('["EOSE","s"]')
}

/** A text frame of a server (RFC 6455, section 5.2). */
function frameOf(text: string): Buffer {
  const payload = Buffer.from(text)
  const head = Buffer.alloc(payload.length < 126 ? 2 : payload.length < 65_536 ? 4 : 10)
  head[0] = 0x81
  if (head.length === 2) head[1] = payload.length
  else if (head.length === 4) {
    head[1] = 126
    head.writeUInt16BE(payload.length, 2)
  } else {
    head[1] = 127
    head.writeBigUInt64BE(BigInt(payload.length), 2)
  }
  return Buffer.concat([head, payload])
}
