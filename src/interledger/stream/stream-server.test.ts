import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createManualClock } from '../../kernel/index.ts'
import type { LocalDecision } from '../local-receiver.ts'
import { type IlpPrepare, MAX_AMOUNT } from '../packet/index.ts'
import { damaged, seededRandom } from '../packet/testing/index.ts'
import type { ConnectionTerms, StreamCredentials } from './credentials.ts'
import type { FrameType, StreamFrame } from './frames.ts'
import { conditionOf, deriveStreamKeys, fulfillmentFor, seal, unseal } from './keys.ts'
import { decodeReceipt, verifyReceipt } from './receipt.ts'
import { decodeStreamPacket, encodeStreamPacket } from './stream-packet.ts'
import {
  createStreamServer,
  type StreamBytes,
  type StreamMoney,
  type StreamServerDeps,
} from './stream-server.ts'
import { anyStreamPacket } from './testing/index.ts'

const TAG = Buffer.from('alice')
const START_MS = 1_700_000_000_000
const FUZZED_PACKETS = 10_000

function testServer(overrides: Partial<StreamServerDeps> = {}) {
  const clock = createManualClock(START_MS)
  const money: StreamMoney[] = []
  const server = createStreamServer({
    serverAddress: () => 'test.node.stream',
    secret: Buffer.alloc(32, 7),
    asset: 'msat',
    clock,
    accountOf: (tag) => ({ path: `liabilities/credit/${tag}`, asset: 'msat' }),
    onMoney: (each) => money.push(each),
    ...overrides,
  })
  return { server, clock, money }
}

interface Draft {
  readonly amount?: bigint
  readonly minimum?: bigint
  readonly sequence?: bigint
  readonly frames?: readonly StreamFrame[]
  readonly isFulfillable?: boolean
}

function payerOf({ destinationAddress, sharedSecret }: StreamCredentials) {
  const keys = deriveStreamKeys(sharedSecret)
  return {
    prepare: ({
      amount = 0n,
      minimum = 0n,
      sequence = 1n,
      frames = [],
      isFulfillable = true,
    }: Draft): IlpPrepare => {
      const bytes = encodeStreamPacket({ ilpType: 'prepare', sequence, amount: minimum, frames })
      const data = seal(keys.encryption, bytes)
      return {
        type: 'prepare',
        amount,
        expiresAtMs: START_MS + 30_000,
        executionCondition: isFulfillable ? conditionOf(fulfillmentFor(keys, data)) : randomBytes(32),
        destination: destinationAddress,
        data,
      }
    },
    read: (data: Buffer) => {
      const packet = decodeStreamPacket(unseal(keys.encryption, data) ?? Buffer.alloc(0))
      if (!packet.ok) throw new Error(packet.refusal)
      return packet.value
    },
  }
}

function connect(deps?: Partial<StreamServerDeps>, terms: Partial<ConnectionTerms> = {}) {
  const { server, money, clock } = testServer(deps)
  const payer = payerOf(server.credentials({ tag: TAG, ...terms }))
  return {
    server,
    money,
    clock,
    payer,
    decide: (draft: Draft) => server.decide(payer.prepare(draft)),
    /** The answer's STREAM packet, booked where it was accepted. */
    answer: (draft: Draft) => payer.read(replyTo(server.decide(payer.prepare(draft))).data),
  }
}

function replyTo(decision: LocalDecision) {
  return decision.isAccepted ? decision.booked() : decision.reply
}

const moneyFor = (streamId: bigint, shares = 1n): StreamFrame => ({ type: 'streamMoney', streamId, shares })
const dataFor = (offset: number, text: string, streamId = 1n): StreamFrame => ({
  type: 'streamData',
  streamId,
  offset: BigInt(offset),
  data: Buffer.from(text),
})
const framesOf = <Type extends FrameType>(frames: readonly StreamFrame[], type: Type) =>
  frames.filter((each): each is Extract<StreamFrame, { type: Type }> => each.type === type)

test('money for one stream is credited to whom the address was made for, and told once it is booked', () => {
  const { decide, money, payer } = connect()
  const decision = decide({ amount: 500n, frames: [moneyFor(1n)] })
  if (!decision.isAccepted) throw new Error(decision.reply.code)
  expect(decision.creditTo).toEqual({ path: 'liabilities/credit/alice', asset: 'msat' })
  expect(money).toEqual([])
  const { data } = decision.booked()
  expect(money).toEqual([{ tag: TAG, streamId: 1, amount: 500n, total: 500n }])
  expect(payer.read(data)).toMatchObject({ ilpType: 'fulfill', sequence: 1n, amount: 500n })
})

test('an amount is shared out by shares, and what does not divide goes to the lowest stream', () => {
  const { answer, money } = connect()
  answer({ amount: 101n, frames: [moneyFor(5n, 30n), moneyFor(3n, 15n), moneyFor(1n, 5n)] })
  expect(money.map(({ streamId, amount }) => [streamId, amount])).toEqual([
    [5, 60n],
    [3, 30n],
    [1, 11n],
  ])
})

test('less than the minimum is refused with what arrived', () => {
  const { decide, payer, money } = connect()
  const reply = replyTo(decide({ amount: 99n, minimum: 100n, sequence: 8n, frames: [moneyFor(1n)] }))
  expect(reply).toMatchObject({ type: 'reject', code: 'F99', triggeredBy: 'test.node.stream' })
  expect(payer.read(reply.data)).toMatchObject({ ilpType: 'reject', sequence: 8n, amount: 99n })
  expect(money).toEqual([])
})

test('a packet with a condition of another kind is told what arrived, the asset and nothing else', () => {
  const { answer } = connect()
  const told = answer({ amount: 1234n, isFulfillable: false })
  expect(told).toMatchObject({ ilpType: 'reject', amount: 1234n })
  expect(framesOf(told.frames, 'connectionAssetDetails')).toEqual([
    { type: 'connectionAssetDetails', assetCode: 'BTC', assetScale: 11 },
  ])
  expect(framesOf(told.frames, 'connectionClose')).toEqual([])
})

test('nobody receives at an address that the server did not make', () => {
  const { server, payer } = connect()
  const prepare = payer.prepare({ amount: 1n, frames: [moneyFor(1n)] })
  const { destination } = prepare
  const changed = destination.slice(0, -1) + (destination.endsWith('A') ? 'Q' : 'A')
  for (const address of [changed, 'test.node.stream', 'test.node.streamer.x', 'test.node.stream.x']) {
    expect(replyTo(server.decide({ ...prepare, destination: address }))).toMatchObject({ code: 'F02' })
  }
})

test('what is not sealed with the secret, or was sealed for an answer, is an unexpected payment', () => {
  const { server, payer } = connect()
  const prepare = payer.prepare({ amount: 1n, frames: [moneyFor(1n)] })
  const other = payerOf(server.credentials({ tag: TAG })).prepare({ frames: [moneyFor(1n)] })
  expect(replyTo(server.decide({ ...prepare, data: other.data }))).toMatchObject({ code: 'F06' })
  const answered = replyTo(server.decide(prepare))
  expect(replyTo(server.decide({ ...prepare, data: answered.data }))).toMatchObject({ code: 'F06' })
  expect(server.connections).toBe(1)
})

test('nothing that was changed anywhere is accepted', () => {
  const { server, payer } = connect()
  const prepare = payer.prepare({ amount: 1n, frames: [moneyFor(1n)] })
  for (let round = 0; round < 2000; round++) {
    const data = Buffer.from(prepare.data)
    data[round % data.length]! ^= 1 + (round % 255)
    expect(server.decide({ ...prepare, data }).isAccepted).toBe(false)
    const destination = `test.node.stream.${randomBytes(round % 200).toString('base64url')}`
    expect(server.decide({ ...prepare, destination, data: randomBytes(round % 90) }).isAccepted).toBe(false)
  }
  expect(server.decide(prepare).isAccepted).toBe(true)
})

test('whatever a payer seals is decided about, and what the server counts is what it has accepted', () => {
  const seed = 31
  const random = seededRandom(seed)
  const { server, clock, money } = testServer()
  const frame: fc.Arbitrary<StreamFrame> = fc.oneof(
    fc.tuple(fc.bigInt(0n, 9n), fc.bigInt(0n, 5n)).map(([id, shares]) => moneyFor(id * 2n + 1n, shares)),
    fc.nat(3).map((length) => dataFor(0, 'x'.repeat(length))),
    fc.constant({ type: 'streamClose', streamId: 3n, errorCode: 1, errorMessage: '' } as const),
  )
  const originals = [
    ...fc.sample(anyStreamPacket, { numRuns: 100, seed }),
    ...fc
      .sample(fc.array(frame, { minLength: 1, maxLength: 8 }), { numRuns: 300, seed })
      .map((frames) => ({ sequence: 1n, amount: 300n, frames })),
  ]
    .map((packet) => encodeStreamPacket({ ...packet, ilpType: 'prepare' }))
    .filter((bytes) => bytes.length < 1_000)
  const PAYERS = 200
  const payers = Array.from({ length: PAYERS }, () => {
    const credentials = server.credentials({ tag: TAG })
    return { credentials, keys: deriveStreamKeys(credentials.sharedSecret), accepted: 0n }
  })
  let acceptances = 0
  for (let index = 0; index < FUZZED_PACKETS; index++) {
    const payer = payers[index % PAYERS]!
    const bytes = damaged(originals[index % originals.length]!, random)
    const data = seal(payer.keys.encryption, bytes)
    const prepare: IlpPrepare = {
      type: 'prepare',
      amount: BigInt(Math.floor(random() * 1_000)),
      expiresAtMs: clock.nowMs() + 30_000,
      executionCondition: conditionOf(fulfillmentFor(payer.keys, data)),
      destination: payer.credentials.destinationAddress,
      // Some of it is changed again on its way.
      data: index % 3 === 0 ? damaged(data, random) : data,
    }
    const decision = server.decide(prepare)
    if (!decision.isAccepted) {
      if (!/^F(06|99)$/.test(decision.reply.code)) expect.fail(`${decision.reply.code} (seed ${seed})`)
      continue
    }
    acceptances++
    if (index % 5 === 0) decision.notBooked()
    else {
      payer.accepted += prepare.amount
      decision.booked()
    }
  }
  expect(acceptances).toBeGreaterThan(FUZZED_PACKETS / 100)
  const counted = money.reduce((sum, { amount }) => sum + amount, 0n)
  expect(counted).toBe(payers.reduce((sum, { accepted }) => sum + accepted, 0n))
})

test('a sealed packet is good once, also while the first is being booked, and again when that came to nothing', () => {
  const { server, payer, money } = connect()
  const prepare = payer.prepare({ amount: 10n, frames: [moneyFor(1n)] })
  const first = server.decide(prepare)
  expect(server.decide(prepare).isAccepted).toBe(false)
  if (first.isAccepted) first.notBooked()
  expect(replyTo(server.decide(prepare)).type).toBe('fulfill')
  expect(server.decide({ ...prepare, expiresAtMs: START_MS + 60_000 }).isAccepted).toBe(false)
  expect(money).toHaveLength(1)
})

test('credentials stay good when the server is started again, and are void for a server with another secret', () => {
  const terms = { tag: TAG, receiveMax: 50n }
  const { destinationAddress, sharedSecret } = testServer().server.credentials(terms)
  const payer = payerOf({ destinationAddress, sharedSecret })
  const draft = { amount: 50n, frames: [moneyFor(1n)] }
  expect(replyTo(testServer().server.decide(payer.prepare(draft))).type).toBe('fulfill')
  const other = testServer({ secret: Buffer.alloc(32, 8) })
  expect(replyTo(other.server.decide(payer.prepare(draft)))).toMatchObject({ code: 'F02' })
})

test('not more than its maximum is received on a connection, what is being booked included', () => {
  const { decide, answer } = connect({}, { receiveMax: 1000n })
  const first = decide({ amount: 600n, frames: [moneyFor(1n)] })
  const told = answer({ amount: 600n, sequence: 2n, frames: [moneyFor(1n)] })
  expect(told).toMatchObject({ ilpType: 'reject' })
  expect(framesOf(told.frames, 'streamMaxMoney')).toEqual([
    { type: 'streamMaxMoney', streamId: 1n, receiveMax: 1000n, totalReceived: 0n },
  ])
  if (first.isAccepted) first.notBooked()
  expect(answer({ amount: 1000n, frames: [moneyFor(1n)] }).ilpType).toBe('fulfill')
  expect(answer({ amount: 1n, sequence: 3n, frames: [moneyFor(1n)] }).ilpType).toBe('reject')
})

test('totals do not grow beyond 64 bits', () => {
  const { answer } = connect()
  expect(answer({ amount: MAX_AMOUNT, frames: [moneyFor(1n)] }).ilpType).toBe('fulfill')
  expect(answer({ amount: 1n, sequence: 2n, frames: [moneyFor(1n)] }).ilpType).toBe('reject')
})

test.each([
  ['of even ids', moneyFor(2n), 8],
  ['above the highest id', moneyFor(21n), 5],
  ['with an id of 64 bits', moneyFor(MAX_AMOUNT), 5],
])('streams %s close the connection', (_, frame, errorCode) => {
  const { answer } = connect()
  const { ilpType, frames } = answer({ amount: 5n, frames: [frame] })
  expect(ilpType).toBe('reject')
  expect(framesOf(frames, 'connectionClose')).toMatchObject([{ errorCode }])
})

test('money without a stream is refused', () => {
  expect(connect().answer({ amount: 5n }).ilpType).toBe('reject')
  expect(connect().answer({ amount: 5n, frames: [moneyFor(1n, 0n)] }).ilpType).toBe('reject')
})

test('a closed stream takes no more money, and another one may be opened in its place', () => {
  const { answer } = connect()
  const close: StreamFrame = { type: 'streamClose', streamId: 1n, errorCode: 1, errorMessage: '' }
  const closing = answer({ amount: 5n, frames: [moneyFor(1n), close] })
  expect(framesOf(closing.frames, 'connectionMaxStreamId').at(-1)?.maxStreamId).toBe(22n)
  const late = answer({ amount: 5n, frames: [moneyFor(1n)] })
  expect(framesOf(late.frames, 'streamClose')).toMatchObject([{ streamId: 1n, errorCode: 6 }])
  expect(answer({ amount: 5n, frames: [moneyFor(21n)] }).ilpType).toBe('fulfill')
})

test('a stream that a packet closes is open until that packet is booked, and stays so when it is not', () => {
  const { decide, answer } = connect()
  const close: StreamFrame = { type: 'streamClose', streamId: 1n, errorCode: 1, errorMessage: '' }
  const closing = decide({ amount: 5n, frames: [moneyFor(1n), close] })
  expect(answer({ amount: 6n, sequence: 2n, frames: [moneyFor(1n)] }).ilpType).toBe('fulfill')
  if (closing.isAccepted) closing.notBooked()
  expect(answer({ amount: 7n, sequence: 3n, frames: [moneyFor(1n)] }).ilpType).toBe('fulfill')
  expect(answer({ amount: 5n, sequence: 4n, frames: [moneyFor(1n), close] }).ilpType).toBe('fulfill')
  expect(answer({ amount: 8n, sequence: 5n, frames: [moneyFor(1n)] }).ilpType).toBe('reject')
})

test('streams that get nothing of a packet are not remembered, and a connection has thirty in its life', () => {
  const { answer } = connect()
  const shares = Array.from({ length: 10 }, (_, index) => moneyFor(BigInt(index * 2 + 1)))
  // Three units for ten streams: what does not divide goes to the lowest.
  const { frames } = answer({ amount: 3n, frames: shares })
  expect(framesOf(frames, 'streamMaxMoney')).toEqual([
    { type: 'streamMaxMoney', streamId: 1n, receiveMax: MAX_AMOUNT, totalReceived: 3n },
  ])
  const close = (streamId: bigint): StreamFrame => ({
    type: 'streamClose',
    streamId,
    errorCode: 1,
    errorMessage: '',
  })
  let opened = 0
  for (let id = 1n; id < 200n; id += 2n) {
    const { ilpType } = answer({ amount: 1n, sequence: 2n + id, frames: [moneyFor(id), close(id)] })
    if (ilpType === 'fulfill') opened += 1
  }
  expect(opened).toBe(30)
})

test('a connection that was closed, or was silent for long, begins anew', () => {
  const { answer, money, server, clock } = connect()
  answer({ amount: 5n, frames: [moneyFor(1n)] })
  const close: StreamFrame = { type: 'connectionClose', errorCode: 1, errorMessage: '' }
  answer({ frames: [close], isFulfillable: false })
  expect(server.connections).toBe(0)
  answer({ amount: 6n, frames: [moneyFor(1n)] })
  clock.advanceSeconds(3600)
  answer({ amount: 7n, frames: [moneyFor(1n)] })
  expect(money.map(({ total }) => total)).toEqual([5n, 6n, 7n])
})

test('each fulfilled packet carries a receipt of the total that was booked, for whoever knows its secret', () => {
  const receipt = { nonce: randomBytes(16), secret: randomBytes(32) }
  const { decide, payer } = connect({}, { receipt })
  const [first, second] = [1n, 2n].map((sequence) =>
    decide({ amount: 10n * sequence, sequence, frames: [moneyFor(1n)] }),
  )
  const receiptIn = (decision: LocalDecision | undefined) =>
    framesOf(payer.read(replyTo(decision!).data).frames, 'streamReceipt')[0]!.receipt
  const later = receiptIn(second)
  const total = (bytes: Buffer) => verifyReceipt(bytes, () => receipt.secret)
  // The second was booked before the first: a receipt does not count what is not in the books.
  expect(total(later)).toMatchObject({ value: { nonce: receipt.nonce, streamId: 1, totalReceived: 20n } })
  expect(total(receiptIn(first))).toMatchObject({ value: { totalReceived: 30n } })
  expect(verifyReceipt(later, () => randomBytes(32)).ok).toBe(false)
  expect(verifyReceipt(later, () => undefined).ok).toBe(false)
  later[20]! ^= 1
  expect(decodeReceipt(later).ok).toBe(true)
  expect(total(later).ok).toBe(false)
})

test('data is handed on in order, once, when its packet is booked', () => {
  const got: string[] = []
  const onData = ({ streamId, offset, data }: StreamBytes) => got.push(`${streamId}@${offset} ${data}`)
  const { answer, decide } = connect({ onData })
  expect(answer({ frames: [dataFor(0, 'hel'), dataFor(3, 'lo'), dataFor(0, 'x', 3n)] }).ilpType).toBe(
    'fulfill',
  )
  expect(answer({ frames: [dataFor(9, 'ahead')] }).ilpType).toBe('reject')
  expect(answer({ frames: [dataFor(3, 'lo')] }).ilpType).toBe('fulfill')
  const twice = [decide({ frames: [dataFor(5, '!')] }), decide({ frames: [dataFor(5, '!')] })]
  expect(twice.map((each) => replyTo(each).type)).toEqual(['fulfill', 'fulfill'])
  expect(got).toEqual(['1@0 hel', '1@3 lo', '3@0 x', '1@5 !'])
})

test('more data than was promised to be taken closes the connection; without a taker it is 64 KiB in all', () => {
  const { answer } = connect()
  const half = 'x'.repeat(32_000)
  expect(answer({ frames: [dataFor(0, half)] }).ilpType).toBe('fulfill')
  expect(answer({ frames: [dataFor(32_000, half)] }).ilpType).toBe('fulfill')
  const { frames } = answer({ frames: [dataFor(64_000, 'y'.repeat(2000))] })
  expect(framesOf(frames, 'connectionMaxData')).toMatchObject([{ maxOffset: 65_536n }])
  expect(framesOf(frames, 'connectionClose')).toMatchObject([{ errorCode: 4 }])
})

test('so many connections are remembered as may be, and the one that is used is not the one forgotten', () => {
  const { server, money } = testServer({ maxConnections: 10 })
  const [used, ...others] = Array.from({ length: 30 }, () => payerOf(server.credentials({ tag: TAG })))
  for (const other of others) {
    replyTo(server.decide(used!.prepare({ amount: 1n, frames: [moneyFor(1n)] })))
    replyTo(server.decide(other.prepare({ isFulfillable: false })))
  }
  expect(server.connections).toBe(10)
  expect(money.at(-1)?.total).toBe(29n)
})
