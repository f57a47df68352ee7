import { hash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { accepted, type Outcome, refused } from '../../kernel/index.ts'

/** What the client is answered instead of the upgrade. */
export interface UpgradeRefusal {
  readonly status: 400 | 405 | 426
  /** One sentence for people, sent as the body. */
  readonly text: string
}

/** Appended to the client's key before hashing (RFC 6455, section 1.3). */
const acceptKeySuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const sixteenBytesInBase64 = /^[A-Za-z0-9+/]{22}==$/

const refusalHeads = {
  400: '400 Bad Request\r\n',
  405: '405 Method Not Allowed\r\nAllow: GET\r\n',
  426: '426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n',
} as const satisfies Record<UpgradeRefusal['status'], string>

/** Judges the client's opening handshake (RFC 6455, section 4.2.1). */
export function checkUpgrade(req: IncomingMessage): Outcome<{ readonly acceptKey: string }, UpgradeRefusal> {
  const { headers } = req
  if (req.method !== 'GET') {
    return refused({ status: 405, text: `A WebSocket is opened with GET, not ${req.method}.` })
  }
  if (headers.upgrade?.toLowerCase() !== 'websocket') {
    return refused({ status: 426, text: 'Only an upgrade to "websocket" is offered here.' })
  }
  if (!namesUpgrade(headers.connection)) {
    return refused({ status: 400, text: 'The Connection header must name "Upgrade".' })
  }
  if (headers['sec-websocket-version'] !== '13') {
    return refused({ status: 426, text: 'Only version 13 of the WebSocket protocol is spoken here.' })
  }
  const key = headers['sec-websocket-key']
  if (key === undefined || !sixteenBytesInBase64.test(key)) {
    return refused({ status: 400, text: 'Sec-WebSocket-Key must be 16 bytes in base64.' })
  }
  return accepted({ acceptKey: hash('sha1', key + acceptKeySuffix, 'base64') })
}

/** Completes the handshake. No extension or subprotocol is named, which declines whatever was offered. */
export function writeUpgradeResponse(socket: Duplex, acceptKey: string): void {
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${acceptKey}\r\n\r\n`,
    'latin1',
  )
}

/** Answers a refused handshake with plain HTTP and ends the connection. */
export function writeUpgradeRefusal(socket: Duplex, { status, text }: UpgradeRefusal): void {
  // The client may be gone already; there is nobody left to tell.
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(
    `HTTP/1.1 ${refusalHeads[status]}Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  )
}

function namesUpgrade(connectionHeader: string | undefined): boolean {
  if (connectionHeader === undefined) return false
  return connectionHeader.split(',').some((token) => token.trim().toLowerCase() === 'upgrade')
}
