import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ObservationBatch } from '../observation-batch.ts'
import type { RelayReport } from '../relay-report.ts'
import { decodeDelivery, encodeDelivery } from './delivery-bytes.ts'
import { testReport } from './testing/index.ts'

const anyReport: fc.Arbitrary<RelayReport> = fc
  .record({
    relay: fc.nat(),
    pingMs: fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 })),
    cursor: fc
      .tuple(fc.option(fc.nat(), { nil: undefined }), fc.option(fc.nat(), { nil: undefined }))
      .map(([since, until]) => ({ since, until })),
    reason: fc.string({ unit: 'binary' }),
  })
  .map(testReport)

test('a delivery comes out of its bytes as it went in', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.array(anyReport, { maxLength: 5 }),
      fc.array(fc.nat()),
      (region, reports, events) => {
        const observations = new ObservationBatch()
        for (const low of events) observations.eventLow[observations.addRow()] = low
        const decoded = decodeDelivery(encodeDelivery({ collector: 'one', region, reports, observations }))
        expect({ ...decoded, observations: undefined }).toStrictEqual({
          collector: 'one',
          region,
          reports,
          observations: undefined,
        })
        expect(decoded.observations.encode()).toEqual(observations.encode())
      },
    ),
  )
})

test('other bytes are an error and nothing worse', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(() => decodeDelivery(Buffer.from(bytes))).toThrow()
    }),
  )
})
