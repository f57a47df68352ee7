import { connect, type Socket } from 'node:net'
import { clientFrame, FrameScanner, OPCODE } from './frames.ts'

/** Where the relay listens. Only plain `ws://`: encryption would measure the proxy. */
export interface Target {
  readonly host: string
  readonly port: number
  /** Path and query of the upgrade request. */
  readonly path: string
}

export interface ConnectionHandlers {
  /** A whole text message, as `buffer[start … end)`, which holds only until it returns. */
  readonly onMessage?: (buffer: Buffer, start: number, end: number) => void
  /** All messages of one read were handed on: the moment to answer them with one write. */
  readonly onReadEnd?: () => void
}

// Every socket reads into this one buffer: a callback is done with it before the next socket reads.
const READ_BUFFER = Buffer.allocUnsafe(256 * 1024)
const OPEN_TIMEOUT_MS = 10_000
const MAX_HANDSHAKE_BYTES = 16 * 1024

/** A client's WebSocket connection over a bare socket; see `frames.ts` for what it leaves out. */
export class Connection {
  readonly #socket: Socket
  readonly #scanner: FrameScanner
  #handlers: ConnectionHandlers = {}
  #closing = false
  #onLost: (error: Error) => void = () => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#scanner = new FrameScanner((opcode, buffer, start, end) => this.#take(opcode, buffer, start, end))
  }

  /**
   * Opens a connection; rejects with a sentence that names the target when there is no relay.
   *
   * @param localAddress a source address, when one address has too few ports.
   */
  static open(target: Target, localAddress?: string): Promise<Connection> {
    const { promise, resolve, reject } = Promise.withResolvers<Connection>()
    let opened: Connection | undefined
    let handshake = Buffer.alloc(0)
    const socket = connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      ...(localAddress === undefined ? {} : { localAddress }),
      onread: {
        buffer: READ_BUFFER,
        callback(bytes) {
          if (opened !== undefined) return opened.#read(READ_BUFFER, 0, bytes)
          handshake = Buffer.concat([handshake, READ_BUFFER.subarray(0, bytes)])
          const end = handshake.indexOf('\r\n\r\n')
          if (end < 0 && handshake.length < MAX_HANDSHAKE_BYTES) return true
          if (!handshake.toString('latin1', 0, 13).startsWith('HTTP/1.1 101 ')) {
            fail(`it answered the upgrade with "${handshake.toString('latin1', 0, 60).split('\r\n')[0]}"`)
            return true
          }
          clearTimeout(timeout)
          opened = new Connection(socket)
          resolve(opened)
          return opened.#read(handshake, end + 4, handshake.length)
        },
      },
    })
    const fail = (why: string) => {
      clearTimeout(timeout)
      socket.destroy()
      reject(new Error(`No relay at ws://${target.host}:${target.port}${target.path}: ${why}.`))
    }
    const timeout = setTimeout(() => fail(`no answer in ${OPEN_TIMEOUT_MS / 1000} s`), OPEN_TIMEOUT_MS)
    socket.on('error', (error) => (opened === undefined ? fail(error.message) : opened.#lose(error.message)))
    socket.on('close', () =>
      opened === undefined ? fail('it closed the connection') : opened.#lose('closed'),
    )
    socket.write(upgradeRequest(target))
    return promise
  }

  /** Who gets the messages from now on. */
  handle(handlers: ConnectionHandlers): void {
    this.#handlers = handlers
  }

  /** Called once if the relay ends the connection before `close`. */
  onLost(callback: (error: Error) => void): void {
    this.#onLost = callback
  }

  /** Writes frames; several at once when they lie in one buffer. */
  write(frames: Buffer): void {
    this.#socket.write(frames)
  }

  get isClosed(): boolean {
    return this.#closing
  }

  /** So much was written that the system takes no more for now. */
  get isCongested(): boolean {
    return this.#socket.writableNeedDrain
  }

  /** Reads nothing from now on, as a client does that is too slow. */
  pause(): void {
    this.#socket.pause()
  }

  close(): void {
    this.#closing = true
    this.#socket.destroy()
  }

  #read(buffer: Buffer, start: number, end: number): boolean {
    try {
      this.#scanner.push(buffer, start, end)
      this.#handlers.onReadEnd?.()
    } catch (error) {
      this.#lose(error instanceof Error ? error.message : String(error))
      this.#socket.destroy()
    }
    return true
  }

  #take(opcode: number, buffer: Buffer, start: number, end: number): void {
    if (opcode === OPCODE.text) this.#handlers.onMessage?.(buffer, start, end)
    else if (opcode === OPCODE.ping) this.write(clientFrame(buffer.subarray(start, end), OPCODE.pong))
    else if (opcode === OPCODE.close) this.#lose(`closed with ${closeReason(buffer.subarray(start, end))}`)
  }

  #lose(why: string): void {
    if (this.#closing) return
    this.#closing = true
    this.#onLost(new Error(`The relay ended a connection: ${why}.`))
  }
}

/** Opens connections from different people: each from a source address of its own, as far as there are any. */
export function openStrangers(target: Target, count: number): Promise<Connection[]> {
  return allOrClose(
    Array.from({ length: count }, (_, index) =>
      Connection.open(target, loopbackAddress(target, HONEST_NET, 1 + index)),
    ),
  )
}

const HONEST_NET = 1

/** Opens many connections, some at a time, each source address of 127.0.0.x used for as many as it has ports. */
export async function openConnections(target: Target, count: number): Promise<Connection[]> {
  const connections: Connection[] = []
  while (connections.length < count) {
    const round = Math.min(OPENING_AT_ONCE, count - connections.length)
    const first = connections.length
    const opening = Array.from({ length: round }, (_, index) =>
      Connection.open(target, sourceAddress(target, first + index, count)),
    )
    connections.push(...(await allOrClose(opening)))
  }
  return connections
}

const OPENING_AT_ONCE = 100
const CONNECTIONS_PER_ADDRESS = 5000

function sourceAddress(target: Target, index: number, count: number): string | undefined {
  if (count <= CONNECTIONS_PER_ADDRESS) return undefined
  return loopbackAddress(target, 0, 1 + Math.floor(index / CONNECTIONS_PER_ADDRESS))
}

/** A source address of one's own, `127.0.net.host`; undefined where there is only one. */
export function loopbackAddress(target: Target, net: number, host: number): string | undefined {
  const isLoopback = target.host === '127.0.0.1' || target.host === 'localhost'
  return isLoopback && process.platform === 'linux' ? `127.0.${net}.${host}` : undefined
}

async function allOrClose(opening: readonly Promise<Connection>[]): Promise<Connection[]> {
  const settled = await Promise.allSettled(opening)
  const opened = settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  const failed = settled.find((result) => result.status === 'rejected')
  if (failed === undefined) return opened
  for (const connection of opened) connection.close()
  throw failed.reason
}

function upgradeRequest({ host, port, path }: Target): string {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}:${port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Key: c3RvYS1iZW5jaC1jbGllbg==',
    'Sec-WebSocket-Version: 13',
    '\r\n',
  ].join('\r\n')
}

function closeReason(payload: Buffer): string {
  if (payload.length < 2) return 'no code'
  return `code ${payload.readUInt16BE(0)} ${payload.toString('utf8', 2)}`.trimEnd()
}
