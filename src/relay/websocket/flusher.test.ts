import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Flusher } from './flusher.ts'

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

/** A socket whose peer does not read: it has taken nothing that it was given until the end. */
class StalledSocket extends Duplex {
  readonly #chunks: Buffer[] = []
  #taken = (): void => {}

  constructor() {
    super({ highWaterMark: 1 << 30 })
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, taken: () => void): void {
    this.#chunks.push(chunk)
    this.#taken = taken
  }

  /** Everything that was written, as it is in memory by now. */
  received(): Buffer {
    while (this.writableLength > 0) this.#taken()
    return Buffer.concat(this.#chunks)
  }
}

/** A connection reduced to what the flusher needs: an outbox that goes to a socket. */
function connectionTo(flusher: Flusher) {
  const socket = new StalledSocket()
  let outbox: Buffer[] = []
  const connection = {
    flush: () => {
      const pieces = outbox
      outbox = []
      if (pieces.length === 0) return
      flusher.write(
        socket,
        pieces,
        pieces.reduce((sum, piece) => sum + piece.length, 0),
      )
      flusher.keepReserved()
    },
  }
  const send = (bytes: Buffer) => {
    outbox.push(bytes)
    flusher.markDirty(connection)
  }
  return { send, received: () => socket.received() }
}

test('whatever is reserved, in however many turns, arrives as it was written', async () => {
  // Small ones are joined in memory that is used again, big ones are not; most turns have several of both.
  const length = fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 1, max: 500 }) },
    { weight: 1, arbitrary: fc.integer({ min: 100_000, max: 700_000 }) },
  )
  const endsTurn = fc.nat(4).map((n) => n === 0)
  const step = fc.record({ length, isReserved: fc.boolean(), to: fc.nat(2), endsTurn })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const flusher = new Flusher()
      const connections = [connectionTo(flusher), connectionTo(flusher), connectionTo(flusher)]
      const expected: Buffer[][] = [[], [], []]
      for (const [index, { length: bytes, isReserved, to, endsTurn }] of steps.entries()) {
        const piece = isReserved ? flusher.reserve(bytes) : Buffer.allocUnsafe(bytes)
        piece.fill(65 + (index % 26))
        expected[to]!.push(Buffer.from(piece))
        connections[to]!.send(piece)
        if (endsTurn) await nextTurn()
      }
      await nextTurn()
      for (const [to, connection] of connections.entries()) {
        expect(connection.received().equals(Buffer.concat(expected[to]!))).toBe(true)
      }
    }),
    { numRuns: 60 },
  )
})

test('memory that the kernel has copied is used again', async () => {
  const flusher = new Flusher()
  const first = flusher.reserve(1_000)
  flusher.flushAll()
  const second = flusher.reserve(1_000)
  expect(second.buffer).toBe(first.buffer)
  expect(second.byteOffset).toBe(first.byteOffset)
  flusher.keepReserved()
  flusher.flushAll()
  expect(flusher.reserve(1_000).buffer).not.toBe(first.buffer)
})
