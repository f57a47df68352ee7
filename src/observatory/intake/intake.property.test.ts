import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createSignatureVerifier } from '../../platform/index.ts'
import { type FrameScan, scanFrame } from './frame-scan.ts'
import { parseFrame } from './parse-frame.ts'
import { frameOf, signedEvent, testFeed, testIntake } from './testing/index.ts'

const anyGarbage = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((json) => Buffer.from(`["EVENT","s",${json}]`)),
  fc.string({ unit: 'binary' }).map((text) => Buffer.from(`["EVENT","${text}",{"id":"${'a'.repeat(64)}"}]`)),
)

test('no bytes make it throw, and what is no event is refused', async () => {
  const intake = await testIntake()
  fc.assert(
    fc.property(anyGarbage, (bytes) => {
      expect(intake.take(testFeed(1), bytes)).toBe(-1)
    }),
    { numRuns: 2_000 },
  )
  expect(intake.takeBatch().count).toBe(0)
})

test('an event that is not known, with any one byte changed, is refused or still says the same', async () => {
  const event = await signedEvent({ content: 'Grüße ☂ "id":"x"', tags: [['e', 'a'.repeat(64)]] })
  const frame = frameOf(event)
  const changes = fc.record({ at: fc.nat(frame.length - 1), byte: fc.integer({ min: 0, max: 255 }) })
  const verifier = await createSignatureVerifier('auto')
  await fc.assert(
    fc.asyncProperty(changes, async ({ at, byte }) => {
      const intake = await testIntake({ verifier, limits: { maxSeenEvents: 16, maxAuthors: 16 } })
      const changed = Buffer.from(frame)
      changed[at] = byte
      if (intake.take(testFeed(1), changed) === -1) return
      expect(parseFrame(changed)).toMatchObject({ ok: true, value: { event } })
    }),
    { numRuns: 500 },
  )
})

test('whatever the scan finds in a frame that parses, the parser finds too', () => {
  const anyName = fc.string({ maxLength: 12 })
  const anyMember = fc.tuple(fc.string(), fc.jsonValue({ maxDepth: 0 }))
  const anyId = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 })
  const scan: FrameScan = { subscriptionEnd: 0, high: 0, low: 0 }
  fc.assert(
    fc.property(anyName, fc.array(anyMember), anyId, fc.array(anyMember), (name, before, id, after) => {
      const members = [...before, ['id', id] as const, ...after.filter(([key]) => key !== 'id')]
      const event = Object.fromEntries(members)
      const frame = Buffer.from(JSON.stringify(['EVENT', name, event]))
      if (!scanFrame(frame, scan)) return
      expect(frame.toString('utf8', 10, scan.subscriptionEnd)).toBe(name)
      expect(scan.high).toBe(Number.parseInt(id.slice(0, 8), 16))
      expect(scan.low).toBe(Number.parseInt(id.slice(8, 16), 16))
    }),
  )
})
