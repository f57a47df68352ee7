import { expect, test } from 'vitest'
import { mergeReports } from './merge-reports.ts'
import { testReport } from './testing/index.ts'

test('reports of one relay become one: sums, samples, and the newest of everything else', () => {
  const first = testReport({
    reason: 'it closes',
    state: 'waiting',
    openMs: [5],
    offences: { 'forged-id': 2, flood: 1 },
    information: {
      nips: [1],
      countries: [],
      needsPayment: false,
      needsAuth: false,
      needsWork: false,
      restrictsWrites: false,
      languages: [],
    },
    cursor: { since: undefined, until: 50 },
    isProven: true,
    failures: 3,
  })
  const second = testReport({
    atSeconds: 101,
    openMs: [6],
    offences: { 'forged-id': 1 },
    cursor: { since: 10, until: 60 },
    isProven: false,
    watchedSeconds: 4,
  })
  const other = testReport({ relay: 2 })
  expect(mergeReports([first, other, second])).toEqual([
    {
      ...second,
      watchedSeconds: 5,
      connectedSeconds: 2,
      openMs: [5, 6],
      offences: { 'forged-id': 3, flood: 1 },
      information: first.information,
      isProven: true,
    },
    other,
  ])
})

test('samples are bounded however many reports are merged', () => {
  const reports = Array.from({ length: 50 }, (_, n) =>
    testReport({ pingMs: Array.from({ length: 20 }, () => n) }),
  )
  const [merged] = mergeReports(reports)
  expect(merged?.pingMs.length).toBeLessThanOrEqual(200)
  expect(merged?.pingMs.at(-1)).toBe(49)
})
