/** STREAM against the official implementation: its sender pays our receiver, and our sender pays its receiver. */
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import {
  type Connection,
  createConnection,
  createReceipt,
  createServer,
  type DataAndMoneyStream,
  type Server,
  verifyReceipt as verifyOfficially,
} from 'ilp-protocol-stream'
import { Packet } from 'ilp-protocol-stream/dist/src/packet.js'
import { afterEach, describe, expect, test } from 'vitest'
import {
  decodePreparePacket,
  decodeReplyPacket,
  encodeIlpPacket,
  type IlpReply,
  OerWriter,
  varOctetsLength,
} from '../../src/interledger/packet/index.ts'
import {
  createStreamServer,
  payStream,
  quoteStream,
  type StreamAmount,
  verifyReceipt,
} from '../../src/interledger/stream/index.ts'
import {
  anyStreamPacket,
  encodeStreamPacket,
  pathTo,
  type SendPrepare,
  withLatency,
  withLiquidity,
  withLoss,
  withMaxPacket,
  withRate,
} from '../../src/interledger/stream/testing/index.ts'
import { systemClock } from '../../src/kernel/index.ts'

const RECEIPT = { nonce: randomBytes(16), secret: randomBytes(32) }

/** What stands between the two ends. */
type Wrap = (send: SendPrepare) => SendPrepare

const PATHS: readonly { readonly name: string; readonly wrap: Wrap; readonly rate: number }[] = [
  { name: 'a straight path', wrap: (end) => end, rate: 1 },
  {
    name: 'an exchange rate',
    wrap: (end) => withRate({ source: 1000n, delivered: 2347n }, end),
    rate: 2.347,
  },
  {
    name: 'a rate below one, a largest packet and little liquidity',
    wrap: (end) =>
      withLiquidity(70_000n, withMaxPacket(50_000n, withRate({ source: 1000n, delivered: 377n }, end))),
    rate: 0.377,
  },
  {
    name: 'loss and latency',
    wrap: (end) => {
      const random = everyNth(7)
      return withLatency(() => (random() ? 5 : 1), withLoss(everyNth(9), 'T00', withMaxPacket(100_000n, end)))
    },
    rate: 1,
  },
]

function everyNth(count: number): () => boolean {
  let calls = 0
  return () => {
    calls += 1
    return calls % count === 0
  }
}

/** What the official package calls a plugin, within the process. `send` answers what it sends. */
function createPlugin(address: string, send: SendPrepare) {
  let handler = (_: Buffer): Promise<Buffer> => Promise.reject(new Error('nobody listens'))
  return {
    connect: () => Promise.resolve(),
    disconnect: () => Promise.resolve(),
    isConnected: () => true,
    registerDataHandler: (given: typeof handler) => {
      handler = given
    },
    deregisterDataHandler: () => undefined,
    sendData: async (data: Buffer) => {
      const prepare = decodePreparePacket(data)
      if (!prepare.ok) throw new Error(prepare.refusal)
      const isConfig = prepare.value.destination === 'peer.config'
      return encodeIlpPacket(isConfig ? ildcpReply(address) : await send(prepare.value))
    },
    /** Hands it a Prepare, as if it came over the network. */
    deliver: (async (prepare) => {
      const reply = decodeReplyPacket(await handler(encodeIlpPacket(prepare)))
      if (!reply.ok) throw new Error(reply.refusal)
      return reply.value
    }) satisfies SendPrepare,
  }
}

/** RFC-0031: address, scale, code. */
function ildcpReply(address: string): IlpReply {
  const writer = new OerWriter(varOctetsLength(address.length) + 1 + varOctetsLength(3))
  const data = writer.varAscii(address).uint8(9).varAscii('XRP').bytes
  return { type: 'fulfill', fulfillment: Buffer.alloc(32), data }
}

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0)) await close()
})

describe('the official sender pays our receiver', () => {
  async function connect(wrap: Wrap) {
    const counted = { received: 0n, data: '' }
    const server = createStreamServer({
      serverAddress: () => 'test.stoa.stream',
      secret: randomBytes(32),
      asset: 'drop',
      clock: systemClock,
      accountOf: () => ({ path: 'liabilities/credit/alice', asset: 'drop' }),
      onMoney: ({ amount }) => {
        counted.received += amount
      },
      onData: ({ data }) => {
        counted.data += data.toString()
      },
    })
    const { destinationAddress, sharedSecret } = server.credentials({
      tag: Buffer.from('alice'),
      receipt: RECEIPT,
    })
    const plugin = createPlugin('test.stoa.payer', wrap(pathTo(server)))
    const connection = await createConnection({
      plugin,
      destinationAccount: destinationAddress,
      sharedSecret,
    })
    open.push(() => connection.destroy())
    return { connection, counted, server }
  }

  test.each(PATHS)('over $name', async ({ wrap, rate }) => {
    const { connection, counted } = await connect(wrap)
    const stream = connection.createStream()
    stream.write('for the coffee')
    await stream.sendTotal(500_000, { timeout: 20_000 })
    expect(stream.totalSent).toBe('500000')
    expect(connection.totalDelivered).toBe(counted.received.toString())
    expect(Number(counted.received)).toBeCloseTo(500_000 * rate, -2)
    expect(counted.data).toBe('for the coffee')
    const receipt = verifyOfficially(stream.receipt ?? Buffer.alloc(0), RECEIPT.secret)
    expect(receipt.totalReceived.toString()).toBe(counted.received.toString())
    expect(receipt.nonce).toEqual(RECEIPT.nonce)
  })

  test('on two streams at once, one after another, and closes them', async () => {
    const { connection, counted, server } = await connect((end) => end)
    const streams = [connection.createStream(), connection.createStream()]
    await Promise.all(streams.map((stream, index) => stream.sendTotal(1000 * (index + 1))))
    expect(counted.received).toBe(3000n)
    // More than the ten that are open at once.
    for (let index = 0; index < 15; index++) {
      const stream = connection.createStream()
      await stream.sendTotal(10)
      stream.end()
      await new Promise((done) => stream.once('close', done))
    }
    expect(counted.received).toBe(3150n)
    expect(server.connections).toBe(1)
    await connection.end()
    expect(server.connections).toBe(0)
  })

  test('and sends more data than is taken at once', async () => {
    const { connection, counted } = await connect((end) => end)
    const stream = connection.createStream()
    // In pieces: packets that the official sender fills to the brim are longer than an ILP packet may be.
    const pieces = Array.from({ length: 20 }, (_, index) => `${index} in order. `.repeat(1000))
    for (const piece of pieces) {
      stream.write(piece)
      await stream.sendTotal(Number(stream.totalSent) + 1)
    }
    expect(counted.data).toBe(pieces.join(''))
  })
})

describe('our sender pays the official receiver', () => {
  interface Receiver {
    readonly server: Server
    readonly send: SendPrepare
    readonly received: () => string
  }

  async function listen(wrap: Wrap, receiveMax: string): Promise<Receiver> {
    const plugin = createPlugin('test.official', () =>
      Promise.reject(new Error('it knows no address of ours')),
    )
    const server = await createServer({ plugin, serverSecret: randomBytes(32) })
    const streams: DataAndMoneyStream[] = []
    server.on('connection', (connection: Connection) => {
      connection.on('stream', (stream: DataAndMoneyStream) => {
        stream.setReceiveMax(receiveMax)
        streams.push(stream)
      })
    })
    open.push(() => server.close())
    const received = () =>
      streams.reduce((sum, { totalReceived }) => sum + BigInt(totalReceived), 0n).toString()
    return { server, send: wrap(plugin.deliver), received }
  }

  function pay({ server, send }: Receiver, amount: StreamAmount) {
    const { destinationAccount, sharedSecret } = server.generateAddressAndSecret({
      receiptNonce: RECEIPT.nonce,
      receiptSecret: RECEIPT.secret,
    })
    const request = { send, destinationAddress: destinationAccount, sharedSecret, clock: systemClock }
    return payStream({ ...request, amount, slippagePpm: 10_000 })
  }

  test.each(PATHS)('what it sends, over $name', async ({ wrap, rate }) => {
    const receiver = await listen(wrap, '1000000000')
    const outcome = await pay(receiver, { send: 500_000n })
    if (!outcome.ok) throw new Error(outcome.refusal.text)
    const { sent, delivered, receipt = Buffer.alloc(0) } = outcome.value
    expect(sent).toBe(500_000n)
    expect(delivered.toString()).toBe(receiver.received())
    expect(Number(delivered)).toBeCloseTo(500_000 * rate, -2)
    expect(verifyReceipt(receipt, () => RECEIPT.secret)).toMatchObject({
      value: { streamId: 1, totalReceived: delivered, nonce: RECEIPT.nonce },
    })
  })

  test.each(PATHS)('what is to be delivered, over $name', async ({ wrap, rate }) => {
    const deliver = 123_457n
    const receiver = await listen(wrap, deliver.toString())
    const outcome = await pay(receiver, { deliver, maxSend: 400_000n })
    if (!outcome.ok) throw new Error(outcome.refusal.text)
    expect(outcome.value.delivered.toString()).toBe(receiver.received())
    expect(outcome.value.delivered).toBeGreaterThanOrEqual(deliver)
    expect(outcome.value.delivered).toBeLessThan(deliver + BigInt(Math.ceil(rate)))
  })

  test('and learns the rate without paying', async () => {
    const receiver = await listen((end) => withRate({ source: 4n, delivered: 1n }, end), '1000')
    const { destinationAccount, sharedSecret } = receiver.server.generateAddressAndSecret()
    const quote = await quoteStream({
      send: receiver.send,
      destinationAddress: destinationAccount,
      sharedSecret,
      clock: systemClock,
    })
    expect(quote).toMatchObject({ value: { rate: { source: 10n ** 12n, delivered: 250_000_000_000n } } })
    expect(receiver.received()).toBe('0')
  })

  test('until it is full', async () => {
    const receiver = await listen((end) => withMaxPacket(1000n, end), '10000')
    const outcome = await pay(receiver, { send: 50_000n })
    expect(outcome).toMatchObject({ refusal: { code: 'RECEIVER_FULL', paid: { delivered: 10_000n } } })
    expect(receiver.received()).toBe('10000')
  })
})

test('the official codec reads packets of all frames, and writes the same bytes', () => {
  fc.assert(
    fc.property(anyStreamPacket, (packet) => {
      const bytes = encodeStreamPacket(packet)
      const theirs = Packet._deserializeUnencrypted(bytes)
      expect(theirs.sequence.toString()).toBe(packet.sequence.toString())
      expect(theirs.frames).toHaveLength(packet.frames.length)
      expect(theirs._serialize()).toEqual(bytes)
    }),
    { numRuns: 1000 },
  )
})

test('a receipt that the official package made is ours too, byte by byte', () => {
  const bytes = createReceipt({ ...RECEIPT, streamId: 3, totalReceived: '18446744073709551615' })
  expect(verifyReceipt(bytes, () => RECEIPT.secret)).toEqual({
    ok: true,
    value: { nonce: RECEIPT.nonce, streamId: 3, totalReceived: 2n ** 64n - 1n },
  })
})
