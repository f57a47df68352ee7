import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatTimestamp, parseTimestamp } from './timestamp.ts'

// The examples of RFC-0030, "Fixed-length Timestamps".
test.each([
  ['20171224161432279', '2017-12-24T16:14:32.279Z'],
  ['20171224161432270', '2017-12-24T16:14:32.270Z'],
  ['20171224161432200', '2017-12-24T16:14:32.200Z'],
  ['20171224161432000', '2017-12-24T16:14:32.000Z'],
  ['20161231235959852', '2016-12-31T23:59:59.852Z'],
  ['20171225000000000', '2017-12-25T00:00:00.000Z'],
  ['99991224161432279', '9999-12-24T16:14:32.279Z'],
])('%s is %s, both ways', (text, iso) => {
  expect(parseTimestamp(text)).toBe(Date.parse(iso))
  expect(formatTimestamp(Date.parse(iso))).toBe(text)
})

test.each([
  '20171224235312.431+0200',
  '201712242153124318',
  '20171324161432200',
  '20171224230000000.',
  '20171224240000000',
  '20171224215300',
  '2017122421531',
  '20161231235960852',
  '20170229000000000',
  '00501224161432279',
  '2017122416143227x',
  '',
])('%j is no time', (text) => {
  expect(parseTimestamp(text)).toBeUndefined()
})

test('times are written and read as a calendar does, whichever seconds came before', () => {
  const start = Date.UTC(2026, 10, 21, 10, 59, 0)
  // A few minutes, so that places where seconds are kept are taken again and again.
  const time = fc.oneof(fc.integer({ min: start, max: start + 300_000 }), fc.integer({ min: 0, max: 4e12 }))
  fc.assert(
    fc.property(fc.array(time, { maxLength: 50 }), (times) => {
      for (const ms of times) {
        const text = new Date(ms).toISOString().replaceAll(/[-:TZ.]/g, '')
        expect(formatTimestamp(ms)).toBe(text)
        expect(parseTimestamp(text)).toBe(ms)
      }
    }),
  )
})
