/** Relays that begin a message of a megabyte, send all of it but its last byte, and then nothing: whoever reads must keep it. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'

export interface HalfSenders {
  /** Where each relay really is. */
  readonly addresses: ReadonlyMap<string, string>
  /** How many of them have sent all that they ever will, to whomever. */
  readonly sent: number
  /** How many had, at the same time, to somebody who was still there: at most so far. */
  readonly mostAtOnce: number
  stop(): Promise<void>
}

/** The longest message that is taken. */
const MESSAGE_BYTES = 1_048_576
/** A text frame that is final, with a length of 64 bits (RFC 6455, 5.2). */
const FINAL_TEXT = 0x81
const LENGTH_OF_64_BITS = 127

export async function startHalfSenders(urls: readonly string[]): Promise<HalfSenders> {
  const half = Buffer.concat([headOf(MESSAGE_BYTES), Buffer.alloc(MESSAGE_BYTES - 1, ' ')])
  const sent = new Set<string>()
  const stalled = new Set<Duplex>()
  let mostAtOnce = 0
  const open = new Set<Duplex>()
  const server = createServer((_, response) => response.writeHead(404).end())
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, autoPong: false })
  server.on('upgrade', (request, socket, head) => {
    open.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      open.delete(socket)
      stalled.delete(socket)
    })
    sockets.handleUpgrade(request, socket, head, (client: WebSocket) => {
      client.on('error', () => undefined)
      // The same bytes for everybody, so that what is held is held by who reads.
      client.once('message', () =>
        socket.write(half, (error) => {
          if (error || !open.has(socket)) return
          sent.add(request.url ?? '')
          stalled.add(socket)
          mostAtOnce = Math.max(mostAtOnce, stalled.size)
        }),
      )
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('It listens nowhere.')
  return {
    addresses: new Map(urls.map((url, index) => [url, `ws://127.0.0.1:${address.port}/${index}`])),
    get sent() {
      return sent.size
    },
    get mostAtOnce() {
      return mostAtOnce
    },
    stop: async () => {
      for (const socket of open) socket.destroy()
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

function headOf(length: number): Buffer {
  const head = Buffer.alloc(10)
  head[0] = FINAL_TEXT
  head[1] = LENGTH_OF_64_BITS
  head.writeBigUInt64BE(BigInt(length), 2)
  return head
}
