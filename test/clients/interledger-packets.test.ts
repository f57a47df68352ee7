/** Our packets against those of the official `ilp-packet`, both ways. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import {
  deserializeIlpPacket,
  deserializeIlpReject,
  serializeIlpFulfill,
  serializeIlpPrepare,
  serializeIlpReject,
} from 'ilp-packet'
import { expect, test } from 'vitest'
import {
  decodeIlpPacket,
  encodeIlpPacket,
  type IlpPacket,
  isIlpAddress,
} from '../../src/interledger/packet/index.ts'
import {
  anyFulfill,
  anyPrepare,
  anyReject,
  damaged,
  seededRandom,
} from '../../src/interledger/packet/testing/index.ts'

const PACKETS_OF_EACH_TYPE = 10_000
const DAMAGED_INPUTS = 50_000

/** What they read and we refuse, each with its reason in `src/interledger/packet/README.md`. */
const KNOWN_DIFFERENCES: ReadonlySet<string> = new Set([
  'expiresAt is no time',
  'the code is no error code',
  'the destination is no ILP address',
  'triggeredBy is no ILP address',
])

/** What the official package writes. */
function theirs(packet: IlpPacket): Buffer {
  if (packet.type === 'fulfill') return serializeIlpFulfill(packet)
  if (packet.type === 'reject') return serializeIlpReject(packet)
  return serializeIlpPrepare({
    ...packet,
    amount: String(packet.amount),
    expiresAt: new Date(packet.expiresAtMs),
  })
}

/** What the official package reads, in our words; undefined when it throws. */
function readByThem(bytes: Buffer): IlpPacket | undefined {
  try {
    const packet = deserializeIlpPacket(bytes)
    if (packet.type === 13) return { type: 'fulfill', ...packet.data }
    if (packet.type === 14) return { type: 'reject', ...packet.data }
    const { amount, expiresAt, ...rest } = packet.data
    return { type: 'prepare', amount: BigInt(amount), expiresAtMs: expiresAt.getTime(), ...rest }
  } catch {
    return undefined
  }
}

test.each([
  ['Prepares', anyPrepare],
  ['Fulfills', anyFulfill],
  ['Rejects', anyReject],
] as const)('%s are the same bytes, and read the same, in ten thousand cases', (_, anyPacket) => {
  fc.assert(
    fc.property<[IlpPacket]>(anyPacket, (packet) => {
      const ours = encodeIlpPacket(packet)
      // Whole packets are compared by their bytes: `toEqual` on ten thousand large buffers takes minutes.
      if (!ours.equals(theirs(packet))) expect.fail('the bytes differ')
      const read = readByThem(ours)
      if (read === undefined || !encodeIlpPacket(read).equals(ours)) expect.fail('they read something else')
      const back = decodeIlpPacket(theirs(packet))
      if (!back.ok || !encodeIlpPacket(back.value).equals(ours)) expect.fail('we read something else')
    }),
    { numRuns: PACKETS_OF_EACH_TYPE },
  )
})

test('of damaged packets both read the same, but for what the README of packets lists', () => {
  const seed = 4
  const random = seededRandom(seed)
  const originals = fc
    .sample<IlpPacket>(fc.oneof(anyPrepare, anyFulfill, anyReject), { numRuns: 300, seed })
    .map(encodeIlpPacket)
    .filter((bytes) => bytes.length < 1_000)
  const differences: string[] = []
  for (let index = 0; index < DAMAGED_INPUTS; index++) {
    const input = damaged(originals[index % originals.length]!, random)
    const ours = decodeIlpPacket(input)
    const their = readByThem(input)
    if (!ours.ok && their === undefined) continue
    if (ours.ok && their !== undefined && encodeIlpPacket(ours.value).equals(encodeIlpPacket(their))) continue
    const isKnown = !ours.ok && their !== undefined && KNOWN_DIFFERENCES.has(ours.refusal)
    if (!isKnown) differences.push(`${ours.ok ? 'read' : ours.refusal}: ${input.toString('hex')}`)
  }
  expect(differences.slice(0, 5)).toEqual([])
})

test('a Reject of theirs without data and without sender is read', () => {
  const packet = { code: 'F02', triggeredBy: '', message: '', data: Buffer.alloc(0) }
  expect(decodeIlpPacket(serializeIlpReject(packet))).toEqual({
    ok: true,
    value: { type: 'reject', ...packet },
  })
  expect(deserializeIlpReject(encodeIlpPacket({ type: 'reject', ...packet }))).toEqual(packet)
})

test('a Prepare has the bytes that are written down here, whatever the package of others does', () => {
  const packet: IlpPacket = {
    type: 'prepare',
    amount: 107n,
    expiresAtMs: Date.parse('2017-12-23T01:21:40.549Z'),
    executionCondition: createHash('sha256').update('').digest(),
    destination: 'example.alice',
    data: Buffer.from('5d'.repeat(3), 'hex'),
  }
  expect(isIlpAddress(packet.destination)).toBe(true)
  expect(encodeIlpPacket(packet).toString('hex')).toBe(
    '0c4b000000000000006b' +
      '3230313731323233303132313430353439' +
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' +
      '0d6578616d706c652e616c696365' +
      '035d5d5d',
  )
})
