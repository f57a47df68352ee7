import { expect, test } from 'vitest'
import { SECONDS_PER_DAY } from '../ranges.ts'
import { NOSTR_BEGAN_SECONDS } from '../statistics/index.ts'
import { batchOf, observation } from '../statistics/testing/index.ts'
import { EVERY_DAY, fingerprintsKeptDays, firstDayOf, withoutTooOld } from './first-day.ts'

const FIRST_DAY = 20_000
const SINCE = FIRST_DAY * SECONDS_PER_DAY

test('observations before the first day are left out and counted; those before Nostr are left to the engine', () => {
  const dates = [SINCE - 1, SINCE, NOSTR_BEGAN_SECONDS, NOSTR_BEGAN_SECONDS - 1, SINCE + 5]
  const whole = batchOf(
    dates.map((createdAt, event) => observation({ createdAt, event, client: `client ${event}` })),
  )
  const { batch, tooOld } = withoutTooOld(whole, FIRST_DAY)
  expect(tooOld).toBe(2)
  const left = Array.from({ length: batch.count }, (_, row) => batch.at(row))
  expect(left).toEqual([1, 3, 4].map((row) => whole.at(row)))
  expect(withoutTooOld(whole, EVERY_DAY)).toEqual({ batch: whole, tooOld: 0 })
})

test('a transaction has the first day of the newest row that is not behind it', () => {
  const rows = [
    { applied: 5n, day: 100 },
    { applied: 9n, day: 101 },
  ]
  expect([4n, 5n, 8n, 9n, 50n].map((applied) => firstDayOf(rows, applied))).toEqual([
    EVERY_DAY,
    100,
    100,
    101,
    101,
  ])
})

test('where relays are read further back than fingerprints would be kept, they are kept for ever', () => {
  const kept = (backfillHours: number) => fingerprintsKeptDays({ backfillHours, keepFingerprintsDays: 120 })
  expect([24, 120 * 24, 120 * 24 + 1, 0].map(kept)).toEqual([120, 120, undefined, undefined])
})
