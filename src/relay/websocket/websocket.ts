import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Flushable, Flusher } from './flusher.ts'
import { FrameDecoder, type FrameSink } from './frame-decoder.ts'
import { encodeCloseFrame, encodeControlFrame, encodeTextFrame, opcodes } from './frames.ts'
import type { SharedReads } from './shared-reads.ts'

/** One object hears from all connections. Calls for a connection stop after its `onClose`. */
export interface WebSocketHandler<Session> {
  /** A text message, valid UTF-8, in `buffer[start … end)`. The bytes are good until this call returns. */
  onText(connection: WebSocketConnection<Session>, buffer: Buffer, start: number, end: number): void
  /** A binary message came; its payload is not kept. */
  onBinary(connection: WebSocketConnection<Session>): void
  /**
   * The socket is gone; called once for every connection, even if it was never started.
   *
   * @param code of the first close frame, sent or received; 1006 when there was none.
   */
  onClose(connection: WebSocketConnection<Session>, code: number): void
  /** `bufferedBytes` was above `lowWaterBytes` and is not any more: go on sending. */
  onDrain(connection: WebSocketConnection<Session>): void
}

/** Decides when what came is read. */
export interface Inbox<Session> {
  /** `bytes[0 … length)` came, and are overwritten by what comes next: hands them to `read`, now or a copy of them later. */
  receive(connection: WebSocketConnection<Session>, bytes: Buffer, length: number): void
  /** The peer sends no more. True when something is unread: then the inbox calls `ended` after it. */
  end(connection: WebSocketConnection<Session>): boolean
}

/** What all connections of a thread have in common. */
export interface WebSocketShared<Session> {
  readonly handler: WebSocketHandler<Session>
  readonly flusher: Flusher
  /** Left out, each read is an ordinary 'data' event. */
  readonly reads?: SharedReads
  /** Left out, everything is read as it comes. */
  readonly inbox?: Inbox<Session>
  /** A longer message closes the connection with 1009. */
  readonly maxMessageBytes: number
  /** See `WebSocketHandler.onDrain`. */
  readonly lowWaterBytes: number
  /** A peer that was silent for so long is sent a ping. */
  readonly pingAfterMs: number
  /** A peer that did not answer a ping for so long is cut off. */
  readonly pongTimeoutMs: number
  /** How long a close waits for the peer's part, before it is cut off. */
  readonly closeTimeoutMs: number
}

/** `closing`: a close frame was sent, and nothing more will be. */
type State = 'open' | 'closing' | 'closed'

/** The socket, knowing whose it is, so that all sockets share their listeners. */
interface OwnedSocket extends Duplex {
  [owner]: WebSocketConnection<unknown>
}

const owner = Symbol('owner')
const nothing = Buffer.alloc(0)
const pingFrame = encodeControlFrame(opcodes.ping, nothing)
/** A peer that pings and does not read gets no more pongs while this much is unsent (RFC 6455, 5.5.3). */
const maxBufferedBytesForPong = 65_536

/**
 * The server's end of one WebSocket, after the upgrade. What is sent within a turn of the event loop leaves
 * in one write at its end (`Flusher`). It has no timer of its own: whoever owns the connections calls `tick`
 * on each of them every few seconds. Nothing here throws because a peer misbehaves or vanishes.
 */
export class WebSocketConnection<Session> implements Flushable {
  private static readonly sink: FrameSink<WebSocketConnection<unknown>> = {
    onText(connection, buffer, start, end) {
      if (connection.state === 'open') connection.shared.handler.onText(connection, buffer, start, end)
    },
    onBinary(connection) {
      if (connection.state === 'open') connection.shared.handler.onBinary(connection)
    },
    onPing(connection, payload) {
      connection.handlePing(payload)
    },
    // That bytes came at all is what counts; see `tick`.
    onPong() {},
    onCloseFrame(connection, code) {
      connection.handleCloseFrame(code)
    },
    onViolation(connection, code, reason) {
      connection.handleViolation(code, reason)
    },
  }

  private static readonly listeners = {
    data(this: OwnedSocket, chunk: Buffer) {
      this[owner].receive(chunk, chunk.length)
    },
    sharedRead(this: OwnedSocket, length: number, buffer: Buffer) {
      this[owner].receive(buffer, length)
    },
    end(this: OwnedSocket) {
      const connection = this[owner]
      if (connection.shared.inbox?.end(connection) !== true) connection.ended()
    },
    // A reset or a failed write; 'close' follows and says the rest.
    error() {},
    close(this: OwnedSocket) {
      this[owner].handleSocketClose()
    },
  }

  /** What the relay knows about this client. */
  readonly session: Session
  /** When the peer was last heard of, in the time of `tick` and as coarse as that. */
  lastActivityMs: number
  bytesIn = 0
  /** Bytes of frames handed to the socket. */
  bytesOut = 0
  private readonly socket: OwnedSocket
  private readonly shared: WebSocketShared<Session>
  private readonly decoder: FrameDecoder<WebSocketConnection<unknown>>
  private state: State = 'open'
  /** Code of the first close frame, sent or received; 0 until there is one. */
  private closeCode = 0
  private outbox: Buffer[] | null = null
  private outboxBytes = 0
  /** When the pong or the peer's close is due, in the time of `tick`; 0 when nothing is. */
  private deadlineMs = 0
  private wasActive = true
  /** The socket holds bytes that the kernel did not take; the outbox waits until it has. */
  private isBlocked = false
  private owesDrain = false

  /**
   * @param socket of a finished upgrade; the connection owns it from now on.
   * @param nowMs the time, as `tick` will tell it.
   * @param createSession makes what `session` will be.
   */
  constructor(
    socket: Duplex,
    shared: WebSocketShared<Session>,
    nowMs: number,
    createSession: (connection: WebSocketConnection<Session>) => Session,
  ) {
    this.shared = shared
    this.lastActivityMs = nowMs
    this.decoder = new FrameDecoder(this, WebSocketConnection.sink, shared.maxMessageBytes)
    if (socket instanceof Socket) {
      socket.setNoDelay(true)
      socket.setTimeout(0)
    }
    const { end, error, close } = WebSocketConnection.listeners
    const ownedSocket: OwnedSocket = Object.assign(socket, { [owner]: this })
    ownedSocket.on('end', end).on('error', error).on('close', close)
    this.socket = ownedSocket
    this.session = createSession(this)
  }

  /** Begins to listen. @param head bytes that followed the handshake in the same read. */
  start(head: Buffer): void {
    const { socket, shared } = this
    const { data, sharedRead } = WebSocketConnection.listeners
    if (head.length > 0) this.receive(head, head.length)
    if (shared.reads?.attach(socket, sharedRead)) this.receiveEarly()
    else socket.on('data', data)
  }

  get isOpen(): boolean {
    return this.state === 'open'
  }

  /** Bytes sent that the kernel has not taken yet. */
  get bufferedBytes(): number {
    return this.outboxBytes + this.socket.writableLength
  }

  /** Sends one text message. Does nothing when the connection is not open. */
  sendText(text: string): void {
    if (this.state === 'open') this.enqueue(encodeTextFrame(text))
  }

  /**
   * Sends frames that are already encoded, whole or in consecutive pieces. Does nothing when the connection is not open.
   *
   * @param bytes kept until they are sent, perhaps by many connections: nobody may change them any more. May come
   *   from `Flusher.reserve` of the same turn.
   */
  sendFrames(bytes: Buffer): void {
    if (this.state === 'open') this.enqueue(bytes)
  }

  /** Reads `bytes[0 … length)`, which came; for the inbox. Unmasks them where they lie. */
  read(bytes: Buffer, length: number): void {
    this.decoder.push(bytes, length)
  }

  /** The peer ended its direction, with or without a close frame, and all was read: nothing more can come of it. */
  ended(): void {
    if (this.state === 'open') this.state = 'closing'
    this.finish()
  }

  ping(): void {
    if (this.state === 'open') this.enqueue(pingFrame)
  }

  /** Stops reading, so that the peer has to wait. Messages of the chunk in hand are still delivered. */
  pause(): void {
    if (this.state === 'open') this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /**
   * Sends what is unsent and a close frame, then waits for the peer's, at most `closeTimeoutMs` and a tick.
   * Messages that still arrive are not delivered.
   *
   * @param reason at most 123 bytes; longer ones are cut.
   */
  close(code: number, reason = ''): void {
    if (this.state !== 'open') return
    this.beginClosing(code, reason)
    this.resume()
  }

  /** Cuts the connection off at once; what is unsent is lost. */
  terminate(): void {
    this.state = 'closed'
    this.decoder.end()
    this.socket.destroy()
  }

  /** Looks after pings and timeouts. To be called regularly with a time that never goes back. */
  tick(nowMs: number): void {
    const { shared } = this
    // A peer that we do not listen to cannot show that it lives.
    const seemsAlive = this.wasActive || this.socket.isPaused()
    if (seemsAlive && this.state === 'open') {
      this.wasActive = false
      this.lastActivityMs = nowMs
      this.deadlineMs = 0
    } else if (this.deadlineMs > 0) {
      if (nowMs >= this.deadlineMs) this.terminate()
    } else if (this.state === 'closing') {
      this.deadlineMs = nowMs + shared.closeTimeoutMs
    } else if (nowMs - this.lastActivityMs >= shared.pingAfterMs) {
      this.ping()
      this.deadlineMs = nowMs + shared.pongTimeoutMs
    }
  }

  /** Writes what was sent since the last flush. For the `Flusher`. */
  flush(): void {
    if (this.bufferedBytes > this.shared.lowWaterBytes) this.owesDrain = true
    if (!this.isBlocked) this.writeOutbox()
    if (this.owesDrain && this.bufferedBytes <= this.shared.lowWaterBytes) {
      this.owesDrain = false
      if (this.state === 'open') this.shared.handler.onDrain(this)
    }
  }

  private enqueue(bytes: Buffer): void {
    this.outboxBytes += bytes.length
    if (this.isBlocked) this.shared.flusher.keepReserved()
    if (this.outbox !== null) {
      this.outbox.push(bytes)
      return
    }
    this.outbox = [bytes]
    // A blocked outbox is flushed by `unblock`.
    if (!this.isBlocked) this.shared.flusher.markDirty(this)
  }

  private writeOutbox(): void {
    const { socket, outbox, outboxBytes } = this
    if (outbox === null) return
    this.outbox = null
    this.outboxBytes = 0
    if (!socket.writable) return
    this.bytesOut += outboxBytes
    this.shared.flusher.write(socket, outbox, outboxBytes)
    if (socket.writableLength === 0) return
    this.shared.flusher.keepReserved()
    if (!this.isBlocked) {
      this.isBlocked = true
      // An empty write is called back when all before it was taken. A callback on every write would cost
      // the ordinary case, in which the kernel takes all at once, a pass of the task queue.
      socket.write(nothing, () => this.unblock())
    }
  }

  private unblock(): void {
    this.isBlocked = false
    if (this.state !== 'closed') this.flush()
  }

  /** Takes what the stream buffered before its reads were directed elsewhere. */
  private receiveEarly(): void {
    // First, so that whoever holds the reading while these are received is not overruled.
    this.socket.resume()
    for (let chunk = this.socket.read(); chunk !== null; chunk = this.socket.read()) {
      this.receive(chunk, chunk.length)
    }
  }

  private receive(bytes: Buffer, length: number): void {
    this.bytesIn += length
    this.wasActive = true
    const { inbox } = this.shared
    if (inbox === undefined) this.decoder.push(bytes, length)
    else inbox.receive(this, bytes, length)
  }

  private beginClosing(code: number, reason: string): void {
    this.enqueue(encodeCloseFrame(code, reason))
    this.state = 'closing'
    this.closeCode = code
    this.deadlineMs = 0
  }

  /** Ends our direction after everything unsent; the socket closes when the peer ends its own. */
  private finish(): void {
    this.decoder.end()
    this.writeOutbox()
    this.socket.end()
    this.socket.resume()
  }

  private handlePing(payload: Buffer): void {
    if (this.state !== 'open' || this.bufferedBytes > maxBufferedBytesForPong) return
    this.enqueue(encodeControlFrame(opcodes.pong, payload))
  }

  private handleCloseFrame(code: number): void {
    if (this.state === 'open') this.beginClosing(code, '')
    this.finish()
  }

  private handleViolation(code: number, reason: string): void {
    if (this.state === 'open') this.beginClosing(code, reason)
    this.finish()
  }

  private handleSocketClose(): void {
    this.state = 'closed'
    this.decoder.end()
    this.outbox = null
    this.outboxBytes = 0
    this.shared.handler.onClose(this, this.closeCode === 0 ? 1006 : this.closeCode)
  }
}
