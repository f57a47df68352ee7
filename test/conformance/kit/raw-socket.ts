/** A WebSocket spoken byte by byte, for frames that a proper client refuses to send (RFC 6455, 5.2). */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { Transcript } from './transcript.ts'
import { fail, sleep } from './verdict.ts'

export interface RawFrame {
  readonly opcode: number
  readonly payload: Buffer
  readonly isFinal?: boolean
  /** Clients must mask; a row can leave it out. */
  readonly isMasked?: boolean
  /** The three reserved bits, as a number 0–7. */
  readonly reserved?: number
  /** Claims another payload length than the real one. */
  readonly claimedBytes?: bigint
}

export const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export class RawSocket {
  readonly #socket: Socket
  readonly #transcript: Transcript
  #inbound = Buffer.alloc(0)
  /** True once the relay has ended or reset the TCP connection. */
  hasEnded = false

  constructor(socket: Socket, transcript: Transcript) {
    this.#socket = socket
    this.#transcript = transcript
    socket.on('data', (bytes) => {
      this.#inbound = Buffer.concat([this.#inbound, bytes])
    })
    socket.on('close', () => this.#end('TCP connection closed'))
    socket.on('error', (error) => this.#end(`TCP error: ${error.message}`))
  }

  /** Connects and performs the opening handshake on `/`. */
  static async open(url: string, transcript: Transcript): Promise<RawSocket> {
    const { hostname, port, host, pathname } = new URL(url)
    const raw = new RawSocket(connect(Number(port || 80), hostname.replace(/^\[|\]$/g, '')), transcript)
    raw.write(
      `GET ${pathname} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    )
    const head = await raw.#until('\r\n\r\n')
    if (!head.startsWith('HTTP/1.1 101')) fail(`the handshake was answered ${head.split('\r\n')[0]}`)
    return raw
  }

  write(data: string | Buffer): void {
    this.#transcript.sent('raw', typeof data === 'string' ? data : `${data.length} bytes ${hexStart(data)}`)
    if (!this.hasEnded) this.#socket.write(data)
  }

  sendFrame(frame: RawFrame): void {
    this.write(encodeFrame(frame))
  }

  /** The close code sent by the relay, 1006 when it just dropped the connection, undefined when neither happened. */
  async closeCode(timeoutMs: number): Promise<number | undefined> {
    const deadline = Date.now() + timeoutMs
    while (Date.now() < deadline) {
      const code = closeCodeIn(this.#inbound)
      if (code !== undefined) return code
      if (this.hasEnded) return 1006
      await sleep(10)
    }
    return undefined
  }

  destroy(): void {
    this.#socket.destroy()
  }

  async #until(mark: string): Promise<string> {
    for (let waitedMs = 0; waitedMs < 5000 && !this.hasEnded; waitedMs += 10) {
      const at = this.#inbound.indexOf(mark)
      if (at >= 0) {
        const head = this.#inbound.subarray(0, at).toString('latin1')
        this.#inbound = this.#inbound.subarray(at + mark.length)
        return head
      }
      await sleep(10)
    }
    return fail('no answer to the WebSocket handshake')
  }

  #end(remark: string): void {
    if (!this.hasEnded) this.#transcript.remark('raw', remark)
    this.hasEnded = true
  }
}

function encodeFrame(frame: RawFrame): Buffer {
  const { opcode, payload, isFinal = true, isMasked = true, reserved = 0 } = frame
  const length = frame.claimedBytes ?? BigInt(payload.length)
  const head = Buffer.alloc(10)
  head[0] = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode
  head[1] = (isMasked ? 0x80 : 0) | 127
  head.writeBigUInt64BE(length, 2)
  // RFC 6455 wants the shortest form of the length.
  const short = length < 126n ? Buffer.from([head[0] ?? 0, (isMasked ? 0x80 : 0) | Number(length)]) : head
  const medium = Buffer.from([
    head[0] ?? 0,
    (isMasked ? 0x80 : 0) | 126,
    Number(length >> 8n) & 255,
    Number(length & 255n),
  ])
  const start = length >= 126n && length < 65536n ? medium : short
  if (!isMasked) return Buffer.concat([start, payload])
  const mask = randomBytes(4)
  return Buffer.concat([start, mask, payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0))])
}

/** Walks the relay's frames, which are never masked, and looks for a close frame. */
function closeCodeIn(bytes: Buffer): number | undefined {
  let at = 0
  while (at + 2 <= bytes.length) {
    const opcode = (bytes[at] ?? 0) & 15
    const short = (bytes[at + 1] ?? 0) & 127
    const sizeBytes = short === 126 ? 2 : short === 127 ? 8 : 0
    if (at + 2 + sizeBytes > bytes.length) return undefined
    const length =
      sizeBytes === 0 ? short : Number(BigInt(`0x${bytes.toString('hex', at + 2, at + 2 + sizeBytes)}`))
    const body = at + 2 + sizeBytes
    if (body + length > bytes.length) return undefined
    if (opcode === OPCODE.close) return length >= 2 ? bytes.readUInt16BE(body) : 1005
    at = body + length
  }
  return undefined
}

function hexStart(data: Buffer): string {
  return data.subarray(0, 16).toString('hex')
}
