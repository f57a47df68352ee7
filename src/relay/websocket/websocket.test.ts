import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { Duplex } from 'node:stream'
import { afterEach, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { Flusher } from './flusher.ts'
import { encodeTextFrame, opcodes } from './frames.ts'
import { SharedReads } from './shared-reads.ts'
import {
  clientFrame,
  closePayload,
  connectRaw,
  startTestServer,
  type TestServer,
  type TestServerOptions,
  waitFor,
} from './testing.ts'
import { WebSocketConnection } from './websocket.ts'

const maxMessageBytes = 200_000
let server: TestServer
afterEach(() => server?.stop())

async function connectClient(): Promise<WebSocket> {
  const client = new WebSocket(server.url)
  await once(client, 'open')
  return client
}

async function nextMessage(client: WebSocket): Promise<string> {
  const [data] = await once(client, 'message')
  return String(data)
}

async function firstCloseCodes(): Promise<number[]> {
  await waitFor(() => server.closeCodes.length > 0)
  return server.closeCodes
}

/** The server's end of the only connection. */
function onlyConnection(): WebSocketConnection<undefined> {
  return [...server.connections][0]!
}

describe.each([
  ['reads into one buffer', true],
  ["'data' events", false],
])('with %s', (_, sharesReads) => {
  const start = async (options: TestServerOptions = {}) => {
    server = await startTestServer({ sharesReads, ...options })
  }

  test.each([0, 1, 125, 126, 65_535, 65_536, maxMessageBytes])(
    'a text of %i bytes is echoed',
    async (length) => {
      await start({ maxMessageBytes })
      const client = await connectClient()
      const text = 'stoa'.repeat(length / 4 + 1).slice(0, length)
      client.send(text)
      expect(await nextMessage(client)).toBe(text)
    },
  )

  test('a text one byte too long closes with 1009', async () => {
    await start({ maxMessageBytes })
    const client = await connectClient()
    client.send('x'.repeat(maxMessageBytes + 1))
    const [code] = await once(client, 'close')
    expect(code).toBe(1009)
    expect(await firstCloseCodes()).toEqual([1009])
  })

  test('many messages at once are answered in order', async () => {
    await start()
    const client = await connectClient()
    const sent = Array.from({ length: 500 }, (_, index) => `${index} ${'é'.repeat(index)}`)
    const received: string[] = []
    client.on('message', (data) => received.push(String(data)))
    for (const text of sent) client.send(text)
    await waitFor(() => received.length === sent.length)
    expect(received).toEqual(sent)
  })

  test('fragments with a ping between them make one message, and the ping its pong', async () => {
    await start()
    const client = await connectClient()
    const pong = once(client, 'pong')
    client.send('first, ', { fin: false })
    client.ping('are you there')
    client.send('second', { fin: true })
    expect(await nextMessage(client)).toBe('first, second')
    expect(String((await pong)[0])).toBe('are you there')
  })

  test('a frame in the same packet as the handshake is not lost', async () => {
    await start()
    const client = await connectRaw(server.port, clientFrame({ payload: 'early' }))
    expect(await client.bytes(7)).toEqual(encodeTextFrame('early'))
  })

  test('frames that come before the connection listens are not lost', async () => {
    await start({ startDelayMs: 60 })
    const client = await connectRaw(server.port)
    client.socket.write(clientFrame({ payload: 'one' }))
    await new Promise((resolve) => setTimeout(resolve, 20))
    client.socket.write(clientFrame({ payload: 'two' }))
    expect((await client.bytes(10)).toString()).toBe('\x81\x03one\x81\x03two'.replaceAll('\x81', '\ufffd'))
  })

  test('a paused connection reads on when it is resumed', async () => {
    await start()
    const client = await connectClient()
    onlyConnection().pause()
    client.send('patience')
    await new Promise((resolve) => setTimeout(resolve, 30))
    const { bytesIn } = onlyConnection()
    onlyConnection().resume()
    expect(await nextMessage(client)).toBe('patience')
    expect(bytesIn).toBe(0)
  })

  test('bytes are counted both ways', async () => {
    await start()
    const client = await connectClient()
    client.send('12345')
    await nextMessage(client)
    expect(onlyConnection()).toMatchObject({ bytesIn: 11, bytesOut: 7, bufferedBytes: 0 })
  })

  test.each([
    ['an unmasked frame', clientFrame({ payload: 'x', isMasked: false }), 1002],
    ['a reserved bit', clientFrame({ reservedBits: 0x40 }), 1002],
    ['invalid UTF-8', clientFrame({ payload: Buffer.from([0xff]) }), 1007],
    ['an invalid close code', clientFrame({ opcode: opcodes.close, payload: closePayload(1006) }), 1002],
  ])('%s is answered with its close code and the end', async (_, bytes, code) => {
    await start()
    const client = await connectRaw(server.port)
    client.socket.write(bytes)
    const head = await client.bytes(4)
    await client.ended
    client.socket.end()
    expect(await firstCloseCodes()).toEqual([code])
    expect(head[0]).toBe(0x88)
    expect(head.readUInt16BE(2)).toBe(code)
  })

  test('a peer that resets the connection is 1006, and sending to it does nothing', async () => {
    await start()
    const client = await connectRaw(server.port)
    const connection = onlyConnection()
    client.socket.resetAndDestroy()
    connection.sendText('into the void')
    await firstCloseCodes()
    connection.sendText('x')
    connection.close(1000)
    connection.terminate()
    expect(server.closeCodes).toEqual([1006])
    expect(connection).toMatchObject({ isOpen: false, bufferedBytes: 0 })
  })

  test('a peer that ends its direction without a close frame still gets its answer, then 1006', async () => {
    await start()
    const client = await connectRaw(server.port)
    client.socket.end(clientFrame({ payload: 'last words' }))
    expect(await client.bytes(12)).toEqual(encodeTextFrame('last words'))
    expect(await firstCloseCodes()).toEqual([1006])
  })

  test('after terminate nothing is delivered, not even what came with the same packet', async () => {
    const delivered: string[] = []
    await start({
      onText: (connection, buffer, start, end) => {
        delivered.push(buffer.toString('utf8', start, end))
        connection.terminate()
      },
    })
    const client = await connectRaw(server.port)
    client.socket.write(Buffer.concat([clientFrame({ payload: 'one' }), clientFrame({ payload: 'two' })]))
    await firstCloseCodes()
    expect(delivered).toEqual(['one'])
  })

  test('random bytes harm nobody else', async () => {
    await start()
    const client = await connectClient()
    for (let seed = 1; seed <= 30; seed++) {
      const raw = await connectRaw(server.port)
      raw.socket.end(pseudoRandomBytes(seed, 3_000))
      await raw.ended
    }
    client.send('still here')
    expect(await nextMessage(client)).toBe('still here')
    await waitFor(() => server.connections.size === 1)
  })
})

describe('closing', () => {
  test('a peer that is gone before the connection listens is reported all the same', async () => {
    server = await startTestServer({ startDelayMs: 50 })
    const client = await connectRaw(server.port)
    const connection = onlyConnection()
    client.socket.resetAndDestroy()
    connection.sendText('x')
    expect(await firstCloseCodes()).toEqual([1006])
  })

  test('the peer begins: its code comes back and is reported', async () => {
    server = await startTestServer()
    const client = await connectClient()
    client.close(3001, 'enough')
    const [code] = await once(client, 'close')
    expect(code).toBe(3001)
    expect(await firstCloseCodes()).toEqual([3001])
  })

  test('the peer begins without a code', async () => {
    server = await startTestServer()
    const client = await connectClient()
    client.close()
    expect((await once(client, 'close'))[0]).toBe(1005)
    expect(await firstCloseCodes()).toEqual([1005])
  })

  test('we begin: what was sent before arrives, then code and reason', async () => {
    server = await startTestServer()
    const client = await connectClient()
    const message = nextMessage(client)
    onlyConnection().sendText('goodbye')
    onlyConnection().close(1012, 'restarting')
    onlyConnection().sendText('too late')
    const [code, reason] = await once(client, 'close')
    expect([await message, code, String(reason)]).toEqual(['goodbye', 1012, 'restarting'])
    expect(await firstCloseCodes()).toEqual([1012])
  })

  test('messages that cross our close frame are not delivered, the close that answers it is', async () => {
    server = await startTestServer()
    const client = await connectRaw(server.port)
    onlyConnection().close(1001)
    await client.bytes(4)
    client.socket.end(
      Buffer.concat([
        clientFrame({ payload: 'crossed' }),
        clientFrame({ opcode: opcodes.close, payload: closePayload(1001) }),
      ]),
    )
    await client.ended
    expect(await firstCloseCodes()).toEqual([1001])
  })

  test('a peer that never answers the close is cut off after the timeout', async () => {
    server = await startTestServer({ closeTimeoutMs: 1_000 })
    const client = await connectRaw(server.port)
    const connection = onlyConnection()
    connection.close(1001)
    connection.tick(10_000)
    connection.tick(10_999)
    await client.bytes(4)
    expect(server.closeCodes).toEqual([])
    connection.tick(11_000)
    expect(await firstCloseCodes()).toEqual([1001])
  })
})

describe('keeping alive', () => {
  const timing = { pingAfterMs: 1_000, pongTimeoutMs: 500 }

  test('a silent peer is pinged, and its pong keeps it', async () => {
    server = await startTestServer(timing)
    const client = await connectClient()
    const connection = onlyConnection()
    connection.tick(10_000)
    connection.tick(10_999)
    const { bytesOut } = connection
    const ping = once(client, 'ping')
    connection.tick(11_000)
    await ping
    await waitFor(() => connection.bytesIn > 0)
    connection.tick(11_500)
    connection.tick(12_000)
    expect(bytesOut).toBe(0)
    expect(connection).toMatchObject({ isOpen: true, lastActivityMs: 11_500 })
  })

  test('a peer that we do not listen to is not cut off for its silence', async () => {
    server = await startTestServer(timing)
    await connectRaw(server.port)
    const connection = onlyConnection()
    connection.pause()
    for (const nowMs of [10_000, 11_000, 11_500, 20_000]) connection.tick(nowMs)
    expect(connection.isOpen).toBe(true)
  })

  test('a peer that does not answer the ping is cut off', async () => {
    server = await startTestServer(timing)
    await connectRaw(server.port)
    const connection = onlyConnection()
    for (const nowMs of [10_000, 11_000, 11_499]) connection.tick(nowMs)
    expect(connection.isOpen).toBe(true)
    connection.tick(11_500)
    expect(await firstCloseCodes()).toEqual([1006])
  })
})

describe('a slow reader', () => {
  test('gets everything in order once it reads, and we hear when to go on', async () => {
    server = await startTestServer({ lowWaterBytes: 10_000 })
    const client = await connectRaw(server.port)
    client.socket.pause()
    const connection = onlyConnection()
    const frames = Array.from({ length: 3_000 }, (_, index) => encodeTextFrame(`${index} `.repeat(1_000)))
    for (const [index, frame] of frames.entries()) {
      connection.sendFrames(frame)
      if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(connection.bufferedBytes).toBeGreaterThan(1_000_000)
    const drainsBefore = server.counts.drains
    client.socket.resume()
    const all = Buffer.concat(frames)
    const received = await client.bytes(all.length)
    expect(received.equals(all)).toBe(true)
    await waitFor(() => server.counts.drains > drainsBefore)
    expect(server.counts.drains).toBe(drainsBefore + 1)
    expect(connection.bufferedBytes).toBe(0)
  })

  test('cannot make us keep a pong for each of its pings', async () => {
    server = await startTestServer()
    const client = await connectRaw(server.port)
    client.socket.pause()
    const connection = onlyConnection()
    connection.sendFrames(
      Buffer.concat(Array.from({ length: 400 }, () => encodeTextFrame('x'.repeat(60_000)))),
    )
    await new Promise((resolve) => setTimeout(resolve, 20))
    const before = connection.bufferedBytes
    const pings = Buffer.concat(
      Array.from({ length: 5_000 }, () => clientFrame({ opcode: opcodes.ping, payload: 'x' })),
    )
    client.socket.write(pings)
    await waitFor(() => connection.bytesIn === pings.length)
    expect(connection.bufferedBytes).toBeLessThanOrEqual(before)
  })

  test('that took everything at once is a drain too, when more than the low-water mark was waiting', async () => {
    server = await startTestServer({ lowWaterBytes: 100 })
    await connectRaw(server.port)
    const connection = onlyConnection()
    connection.sendText('x'.repeat(1_000))
    expect(connection.bufferedBytes).toBeGreaterThan(100)
    await waitFor(() => server.counts.drains === 1)
    expect(connection.bufferedBytes).toBe(0)
  })
})

describe('writes', () => {
  /** A stream that notes each write and completes it when told to, or at once. */
  class RecordingStream extends Duplex {
    readonly written: string[] = []
    readonly held: (() => void)[] = []
    holds = false
    override _read(): void {}
    override _write(chunk: Buffer, _: string, done: () => void): void {
      this.written.push(chunk.toString('latin1'))
      if (this.holds) this.held.push(done)
      else done()
    }
  }

  function connectStream(flusher: Flusher) {
    const stream = new RecordingStream()
    const shared = {
      handler: { onText() {}, onBinary() {}, onClose() {}, onDrain() {} },
      flusher,
      maxMessageBytes: 1_000,
      lowWaterBytes: 1_000,
      pingAfterMs: 1_000,
      pongTimeoutMs: 1_000,
      closeTimeoutMs: 1_000,
    }
    const connection = new WebSocketConnection(stream, shared, 0, () => undefined)
    connection.start(Buffer.alloc(0))
    return { stream, connection }
  }

  const turn = () => new Promise((resolve) => setImmediate(resolve))

  test('of one turn leave together, for each connection', async () => {
    const flusher = new Flusher()
    const one = connectStream(flusher)
    const two = connectStream(flusher)
    const sharedFrames = encodeTextFrame('both')
    one.connection.sendText('1')
    two.connection.sendFrames(sharedFrames)
    one.connection.sendFrames(sharedFrames)
    one.connection.ping()
    await turn()
    two.connection.sendText('2')
    await turn()
    expect(one.stream.written).toEqual(['\x81\x011\x81\x04both\x89\x00'])
    expect(two.stream.written).toEqual(['\x81\x04both', '\x81\x012'])
    expect(sharedFrames).toEqual(encodeTextFrame('both'))
  })

  test('that the kernel has not taken keep their bytes while others are written', async () => {
    const flusher = new Flusher()
    const slow = connectStream(flusher)
    const quick = connectStream(flusher)
    slow.stream.holds = true
    const chunks: Buffer[] = []
    const write = slow.stream._write.bind(slow.stream)
    slow.stream._write = (chunk, encoding, done) => {
      chunks.push(chunk)
      write(chunk, encoding, done)
    }
    slow.connection.sendText('slow')
    slow.connection.sendText('coach')
    await turn()
    quick.connection.sendText('quick')
    quick.connection.sendText('horse')
    await turn()
    expect(String(chunks[0]).replaceAll('\ufffd', '')).toBe('\x04slow\x05coach')
    expect(quick.stream.written).toEqual(['\x81\x05quick\x81\x05horse'])

    slow.connection.sendText('waits')
    await turn()
    expect(slow.stream.written).toHaveLength(1)
    slow.stream.holds = false
    slow.stream.held[0]!()
    await waitFor(() => slow.stream.written.includes('\x81\x05waits'))
  })
})

test('any number of blocked connections keep their bytes, each its own', async () => {
  const flusher = new Flusher()
  const held: Buffer[] = []
  const expected: Buffer[] = []
  for (let number = 0; number < 12; number++) {
    const stream = new Duplex({ read() {}, write: (chunk) => held.push(chunk) })
    const pieces = [encodeTextFrame(`${number} `.repeat(5_000)), encodeTextFrame(`${-number} `.repeat(9_000))]
    expected.push(Buffer.concat(pieces))
    flusher.write(stream, pieces, pieces[0]!.length + pieces[1]!.length)
  }
  expect(held.map(String)).toEqual(expected.map(String))
})

test('the reads of a socket of this Node can be directed into one buffer', async () => {
  server = await startTestServer()
  const reads = new SharedReads()
  const listener = createServer((socket) => {
    const chunks: string[] = []
    const isAttached = reads.attach(socket, (length, buffer) => {
      chunks.push(buffer.toString('utf8', 0, length))
    })
    socket.on('end', () => socket.end(`${isAttached} ${chunks.join('')}`))
    socket.resume()
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const address = listener.address()
  const socket = connect({
    port: typeof address === 'object' ? address!.port : 0,
    host: '127.0.0.1',
    allowHalfOpen: true,
  })
  socket.end('hello')
  expect((await socket.toArray()).join('')).toBe('true hello')
  listener.close()
})

/** xorshift32; the same bytes for the same seed. */
function pseudoRandomBytes(seed: number, length: number): Buffer {
  let state = seed
  const bytes = Uint8Array.from({ length }, () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state & 0xff
  })
  return Buffer.from(bytes)
}
