import fc from 'fast-check'
import { expect, test } from 'vitest'
import { peerRequest } from '../ildcp/index.ts'
import { encodeIlpPacket } from '../packet/index.ts'
import { fuzz } from '../packet/testing/index.ts'
import {
  CCP_CONTROL,
  CCP_UPDATE,
  type CcpControl,
  type CcpUpdate,
  decodeCcpControl,
  decodeCcpUpdate,
  encodeCcpControl,
  encodeCcpUpdate,
  MAX_UPDATE_ENTRIES,
} from './ccp-packet.ts'

/**
 * Whole packets as the reference writes them: test vectors of `ilp-protocol-ccp` (interledgerjs, packages/ilp-protocol-ccp/
 * test/index.test.ts), which interledger-rs has too (crates/interledger-ccp/src/fixtures.rs). There is no such package to
 * run them against that still installs.
 */
const CONTROL_PACKET =
  '0c6c0000000000000000323031353036313630303031303030303066687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f292512706565722e726f7574652e636f6e74726f6c1f0170d1a134a0df4f47964f6e19e2ab379000000020010203666f6f03626172'
const EMPTY_UPDATE_PACKET =
  '0c7e0000000000000000323031353036313630303031303030303066687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f292511706565722e726f7574652e7570646174653221e55f8eabcd4e979ab9bf0ff00a224c000000340000003400000034000075300d6578616d706c652e616c69636501000100'
const UPDATE_PACKET =
  '0c8201520000000000000000323031353036313630303031303030303066687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f292511706565722e726f7574652e757064617465820104bffbf6ad0ddc4d3ba1e5b4f0537365bd000000340000002e00000032000075300d6578616d706c652e616c69636501020f6578616d706c652e7072656669783101010f6578616d706c652e707265666978317a6c7d85867c46a2fabfad1afa7a4a5e229ce574fcce63f5edeedfc03f8468ea01000f6578616d706c652e707265666978320102126578616d706c652e636f6e6e6563746f72310f6578616d706c652e707265666978322b08e53fbcc17c5f1bd54ae0d9ad7ba39a5f9a7b126ca9b5c0945609a35324cc01025000000b68656c6c6f20776f726c64e0000104a0a0a0a001020f6578616d706c652e707265666978330f6578616d706c652e70726566697834'
/** Sixty seconds before the packets expire. */
const MADE_MS = Date.UTC(2015, 5, 16)

const control: CcpControl = {
  mode: 'sync',
  tableId: '70d1a134a0df4f47964f6e19e2ab3790',
  epoch: 32,
  features: ['foo', 'bar'],
}
const emptyUpdate: CcpUpdate = {
  tableId: '21e55f8eabcd4e979ab9bf0ff00a224c',
  currentEpoch: 52,
  fromEpoch: 52,
  toEpoch: 52,
  holdDownMs: 30_000,
  speaker: 'example.alice',
  newRoutes: [],
  withdrawn: [],
}
const update: CcpUpdate = {
  ...emptyUpdate,
  tableId: 'bffbf6ad0ddc4d3ba1e5b4f0537365bd',
  fromEpoch: 46,
  toEpoch: 50,
  newRoutes: [
    {
      prefix: 'example.prefix1',
      path: ['example.prefix1'],
      auth: Buffer.from('emx9hYZ8RqL6v60a+npKXiKc5XT8zmP17e7fwD+EaOo=', 'base64'),
      properties: [],
    },
    {
      prefix: 'example.prefix2',
      path: ['example.connector1', 'example.prefix2'],
      auth: Buffer.from('KwjlP7zBfF8b1Urg2a17o5pfmnsSbKm1wJRWCaNTJMw=', 'base64'),
      properties: [
        {
          id: 0,
          isOptional: false,
          isTransitive: true,
          isPartial: false,
          isUtf8: true,
          value: Buffer.from('hello world'),
        },
        {
          id: 1,
          isOptional: true,
          isTransitive: true,
          isPartial: true,
          isUtf8: false,
          value: Buffer.alloc(4, 0xa0),
        },
      ],
    },
  ],
  withdrawn: ['example.prefix3', 'example.prefix4'],
}

function packetOf(destination: string, data: Buffer): string {
  return encodeIlpPacket(peerRequest({ destination, data, nowMs: MADE_MS, waitMs: 60_000 })).toString('hex')
}

test('packets are byte for byte those of the reference, and read as what it wrote', () => {
  expect(packetOf(CCP_CONTROL, encodeCcpControl(control))).toBe(CONTROL_PACKET)
  expect(packetOf(CCP_UPDATE, encodeCcpUpdate(emptyUpdate))).toBe(EMPTY_UPDATE_PACKET)
  expect(packetOf(CCP_UPDATE, encodeCcpUpdate(update))).toBe(UPDATE_PACKET)
  expect(decodeCcpControl(encodeCcpControl(control))).toEqual({ ok: true, value: control })
  expect(decodeCcpUpdate(encodeCcpUpdate(update))).toEqual({ ok: true, value: update })
})

const epoch = fc.integer({ min: 0, max: 0xffff_ffff })
const tableId = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('hex'))
const address = fc.stringMatching(/^(g|test)(\.[a-zA-Z0-9_~-]{1,12}){1,6}$/)
const prefix = fc.oneof(address, fc.constantFrom('', 'g'))
const property = fc.record({
  id: fc.integer({ min: 0, max: 0xffff }),
  isOptional: fc.boolean(),
  isTransitive: fc.boolean(),
  isPartial: fc.boolean(),
  isUtf8: fc.boolean(),
  value: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
})
const anyUpdate: fc.Arbitrary<CcpUpdate> = fc.record({
  tableId,
  currentEpoch: epoch,
  fromEpoch: epoch,
  toEpoch: epoch,
  holdDownMs: epoch,
  speaker: address,
  newRoutes: fc.array(
    fc.record({
      prefix,
      path: fc.array(address, { maxLength: 10 }),
      auth: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
      properties: fc.array(property, { maxLength: 3 }),
    }),
    { maxLength: 20 },
  ),
  withdrawn: fc.array(prefix, { maxLength: 200 }),
})

test('what is written is read as it was, whatever lies behind it', () => {
  fc.assert(
    fc.property(anyUpdate, fc.uint8Array({ maxLength: 5 }), (value, behind) => {
      const bytes = Buffer.concat([encodeCcpUpdate(value), behind])
      expect(decodeCcpUpdate(bytes)).toEqual({ ok: true, value })
    }),
  )
})

test('bytes of any kind, and good ones that were damaged, are read or refused', () => {
  fc.assert(
    fc.property(anyUpdate, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat(), (value, at, byte, cut) => {
      const bytes = encodeCcpUpdate(value)
      bytes[at % bytes.length] = byte
      expect(typeof decodeCcpUpdate(bytes).ok).toBe('boolean')
      expect(decodeCcpUpdate(encodeCcpUpdate(value).subarray(0, cut % bytes.length)).ok).toBe(false)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(typeof decodeCcpUpdate(Buffer.from(bytes)).ok).toBe('boolean')
      expect(typeof decodeCcpControl(Buffer.from(bytes)).ok).toBe('boolean')
    }),
  )
})

test('twenty thousand damaged updates and questions are read or refused, and what is read can be written again', () => {
  const seed = 37
  const inputs = 20_000
  const updates = fc
    .sample(anyUpdate, { numRuns: 200, seed })
    .map(encodeCcpUpdate)
    .filter((bytes) => bytes.length < 600)
  const question = encodeCcpControl({
    mode: 'sync',
    tableId: 'ab'.repeat(16),
    epoch: 5,
    features: ['a', 'b'],
  })
  fuzz({ seed, inputs, originals: [question], decode: decodeCcpControl, encode: encodeCcpControl })
  const read = fuzz({ seed, inputs, originals: updates, decode: decodeCcpUpdate, encode: encodeCcpUpdate })
  expect(read).toBeGreaterThan(200)
})

test('updates beyond the bounds are refused', () => {
  const [route] = update.newRoutes
  const longPath = Array.from({ length: 33 }, (_, hop) => `g.hop${hop}`)
  const wideHop = `g.${'x'.repeat(1_000)}`
  const cases: Partial<CcpUpdate>[] = [
    { withdrawn: Array.from({ length: MAX_UPDATE_ENTRIES + 1 }, () => 'g.a') },
    { newRoutes: [route!], withdrawn: Array.from({ length: MAX_UPDATE_ENTRIES }, () => 'g.a') },
    { newRoutes: [{ ...route!, path: longPath }] },
    { newRoutes: [{ ...route!, path: [wideHop, wideHop, wideHop] }] },
    { newRoutes: [{ ...route!, prefix: 'g..a' }] },
    { newRoutes: [{ ...route!, path: ['nowhere'] }] },
    { speaker: 'g' },
  ]
  for (const wrong of cases) expect(decodeCcpUpdate(encodeCcpUpdate({ ...update, ...wrong })).ok).toBe(false)
})
