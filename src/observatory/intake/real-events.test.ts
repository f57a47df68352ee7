/** Events found in the wild, beside the repository; skipped where they are not there. */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { computeEventId, parseEvent } from '../../nostr/index.ts'
import { CanonicalReader } from './canonical-event.ts'
import { type FrameScan, scanFrame } from './frame-scan.ts'
import { parseFrame } from './parse-frame.ts'
import { rowsOf, testFeed, testIntake } from './testing/index.ts'

const folder = resolve(import.meta.dirname, '../../../../shared/data/events')
const realPath = resolve(folder, 'real_events.ndjson')
const invalidPath = resolve(folder, 'invalid_events.ndjson')
const isPresent = existsSync(realPath) && existsSync(invalidPath)
if (!isPresent)
  console.warn('skipped: ../shared/data/events (real_events.ndjson, invalid_events.ndjson) is missing')

const readLines = (path: string) => readFileSync(path, 'utf8').split('\n').filter(Boolean)

/** Some copies of the file lack six characters in its content, so its id is rightly not the hash there. */
const DAMAGED_IN_SOME_COPIES = '35fd4cec388cc988a1b9133947f9cc202d628f0b11fd7abb3bfd808d2198db7a'

describe.skipIf(!isPresent)('events found in the wild', () => {
  test('every real event holds when it is new and when it is known', async () => {
    const intake = await testIntake()
    const lines = readLines(realPath).filter((line) => !line.includes(`{"id":"${DAMAGED_IN_SOME_COPIES}"`))
    expect(lines.length).toBeGreaterThanOrEqual(7_427)
    for (const relay of [1, 2]) {
      const feed = testFeed(relay)
      const wrong = lines.filter((line) => intake.take(feed, Buffer.from(`["EVENT","s",${line}]`)) === -1)
      // A few are dated where no event can be; nobody pages by those.
      expect(feed.offences.every((offence) => offence.endsWith('-date'))).toBe(true)
      expect(wrong).toHaveLength(feed.offences.length)
      expect(wrong.length).toBeLessThan(10)
    }
    expect(intake.stats()).toMatchObject({ verified: lines.length, known: lines.length, refused: 0 })
    const rows = rowsOf(intake.takeBatch())
    expect(rows.slice(lines.length).map((row) => ({ ...row, relay: 1 }))).toEqual(rows.slice(0, lines.length))
    const receipts = rows.filter(({ kind }) => kind === 9735)
    const paying = receipts.filter(({ zapMsat }) => zapMsat > 0n)
    expect(receipts.length).toBeGreaterThan(0)
    expect(paying.length / receipts.length).toBeGreaterThan(0.5)
  })

  test('the scan finds what the parser finds, wherever the id stands', () => {
    const scan: FrameScan = { subscriptionEnd: 0, high: 0, low: 0 }
    for (const line of readLines(realPath)) {
      const { id, ...rest }: Record<string, unknown> = JSON.parse(line)
      for (const spelling of [line, JSON.stringify({ ...rest, id })]) {
        expect(scanFrame(Buffer.from(`["EVENT","sub:1",${spelling}]`), scan)).toBe(true)
        const fingerprint = [scan.high, scan.low].map((word) => word.toString(16).padStart(8, '0')).join('')
        expect(fingerprint).toBe(String(id).slice(0, 16))
      }
    }
  })

  test('nearly every real event is spelled so that it is read the quick way, which says what the plain one says', () => {
    const reader = new CanonicalReader()
    const head = '["EVENT","s",'
    const lines = readLines(realPath)
    const quick = lines.filter((line) => {
      const frame = Buffer.from(`${head}${line}]`)
      const event = reader.read(frame, head.length)
      if (event === undefined) return false
      // Texts are compared: a deep comparison of each event takes ten times as long.
      expect(JSON.stringify(parseFrame(frame))).toBe(
        JSON.stringify({ ok: true, value: { subscriptionId: 's', event } }),
      )
      return reader.computeId(frame) === computeEventId(event)
    })
    expect(quick.length / lines.length).toBeGreaterThan(0.99)
  })

  test('every event that is broken is refused, and the relay is told as what', async () => {
    const intake = await testIntake()
    const lines = readLines(invalidPath)
    expect(lines.length).toBe(105)
    for (const line of lines) {
      const { event }: { event: unknown } = JSON.parse(line)
      const feed = testFeed(1)
      expect(intake.take(feed, Buffer.from(JSON.stringify(['EVENT', 's', event])))).toBe(-1)
      const expected = parseEvent(event).ok ? ['forged-id', 'wrong-signature'] : ['malformed-event']
      expect(expected).toContain(feed.offences[0])
    }
    expect(intake.takeBatch().count).toBe(0)
  })
})
