import { type Connection, HOLD_FOR_TURN, holdReading, releaseReading, type Session } from '../session.ts'
import type { Inbox } from '../websocket/index.ts'
import type { Turns } from './turns.ts'

/** What came from a connection and waits for its turn. */
export interface Unread {
  readonly chunks: Buffer[]
  /** Of the first chunk, so much was read. */
  readBytes: number
  /** In all chunks. */
  bytes: number
  /** The peer sends nothing more. */
  hasEnded: boolean
  /** Reads the next piece. */
  readonly read: () => void
}

/** So many bytes are read in one piece: the messages in them are all answered before somebody else has a turn. */
const PIECE_BYTES = 4_096
/** With more than this waiting, a connection is not read; the rest waits at its sender. */
const HOLD_ABOVE_BYTES = 65_536

/** Reads at once what comes from those who use little of the thread, and in turns what comes from others. */
export class PacedInbox implements Inbox<Session> {
  readonly #turns: Turns

  constructor(turns: Turns) {
    this.#turns = turns
  }

  receive(connection: Connection, bytes: Buffer, length: number): void {
    const { session } = connection
    // Of what comes after we have closed only the close frame counts, and nothing is answered: no reason to keep it.
    if (!connection.isOpen) {
      this.#readRest(connection)
      connection.read(bytes, length)
      return
    }
    if (session.unread === undefined && !this.#turns.defers(session.source)) {
      this.#turns.runNow(session.source, () => connection.read(bytes, length))
      return
    }
    this.#keep(connection, Buffer.from(bytes.subarray(0, length)))
  }

  end(connection: Connection): boolean {
    const { unread } = connection.session
    if (unread === undefined) return false
    unread.hasEnded = true
    return true
  }

  #keep(connection: Connection, chunk: Buffer): void {
    const { session } = connection
    if (session.unread === undefined) {
      const read = () => this.#readPiece(connection)
      session.unread = { chunks: [], readBytes: 0, bytes: 0, hasEnded: false, read }
      this.#turns.enqueue(session.source, read)
    }
    session.unread.chunks.push(chunk)
    session.unread.bytes += chunk.length
    if (session.unread.bytes > HOLD_ABOVE_BYTES) holdReading(connection, HOLD_FOR_TURN)
  }

  #readRest(connection: Connection): void {
    const { unread } = connection.session
    connection.session.unread = undefined
    for (const chunk of unread?.chunks ?? []) {
      const rest = chunk === unread?.chunks[0] ? chunk.subarray(unread.readBytes) : chunk
      connection.read(rest, rest.length)
    }
  }

  #readPiece(connection: Connection): void {
    const { session } = connection
    const { unread } = session
    const chunk = unread?.chunks[0]
    if (unread === undefined || chunk === undefined) return
    const end = Math.min(chunk.length, unread.readBytes + PIECE_BYTES)
    const piece = chunk.subarray(unread.readBytes, end)
    unread.readBytes = end
    unread.bytes -= piece.length
    if (end === chunk.length) {
      unread.chunks.shift()
      unread.readBytes = 0
    }
    if (unread.bytes > 0) this.#turns.enqueue(session.source, unread.read)
    else session.unread = undefined
    connection.read(piece, piece.length)
    if (unread.bytes > 0) return
    releaseReading(connection, HOLD_FOR_TURN)
    if (unread.hasEnded) connection.ended()
  }
}
