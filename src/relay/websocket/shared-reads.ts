import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** As much as Node reads from a socket at once. */
const readBytes = 65_536

/**
 * Called for each read, as a method of the socket: its bytes are `buffer[0 … length)` and are overwritten by
 * the next read of any socket.
 */
export type ReadListener<S extends Duplex> = (this: S, length: number, buffer: Buffer) => void

/** What `net.Socket` keeps for its `onread` option, which it takes for sockets that it opens itself only. */
interface ReadSlots {
  readonly buffer: symbol
  readonly listener: symbol
}

/**
 * One buffer into which all sockets of a thread are read. Node otherwise allocates 64 KiB for each read and
 * shrinks it to fit: 2.2 µs of every short read, and 5 µs of one of 16 KB.
 *
 * `net.Socket` can do this by its `onread` option, but `net.Server` offers no way to say so for the sockets
 * it accepts; so this fills in what the option would have. Where a socket does not have these inner parts
 * (another kind of stream, another Node), `attach` says so and its reads come as ordinary 'data' events.
 */
export class SharedReads {
  private readonly buffer = Buffer.allocUnsafeSlow(readBytes)
  private slots: ReadSlots | undefined

  /** Directs all reads of `socket` to `listener` from now on. @returns false when that cannot be done. */
  attach<S extends Duplex>(socket: S, listener: ReadListener<S>): boolean {
    if (!(socket instanceof Socket)) return false
    this.slots ??= findReadSlots(socket)
    const handle: unknown = Reflect.get(socket, '_handle')
    if (this.slots === undefined || !takesUserBuffer(handle)) return false
    Reflect.set(socket, this.slots.buffer, this.buffer)
    Reflect.set(socket, this.slots.listener, listener)
    handle.useUserBuffer(this.buffer)
    return true
  }
}

function findReadSlots(socket: Socket): ReadSlots | undefined {
  const symbols = Object.getOwnPropertySymbols(socket)
  const buffer = symbols.find((symbol) => symbol.description === 'kBuffer')
  const listener = symbols.find((symbol) => symbol.description === 'kBufferCb')
  return buffer === undefined || listener === undefined ? undefined : { buffer, listener }
}

function takesUserBuffer(handle: unknown): handle is { useUserBuffer(buffer: Buffer): void } {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    'useUserBuffer' in handle &&
    typeof handle.useUserBuffer === 'function'
  )
}
