/** The whole conformance suite against the real program, with every relay it asks for. */
import { afterEach, describe, expect, test } from 'vitest'
import { allSections, printReport, type Report, runConformance } from '../conformance/index.ts'
import { canBreakStorage, createStoaControl } from './stoa-control.ts'
import { Stage } from './stoa-process.ts'

const RUN_TIMEOUT_MS = 300_000
/** Rows judge what is answered; a disk that others keep busy may let a durable write wait for seconds. */
const ANSWER_TIMEOUT_MS = 10_000

/** Rows that say nothing about Stoa today. Nothing else may be skipped, and none of these may come to run unnoticed. */
const SKIPPED: Readonly<Record<string, string>> = {
  'S-24': 'waits ten minutes; run it by hand with --slow',
  'I-04': 'self comes with NIP-43',
  'I-09': 'fees come with payments',
  'I-11': 'settings shown in NIP-11 need a restart for now',
  'A-18': 'keys cannot be banned yet (NIP-86)',
  'C-04': 'counts are exact, so nothing is called approximate',
  'C-08': 'no HyperLogLog yet',
  'C-09': 'no HyperLogLog yet',
  'C-10': 'no HyperLogLog yet',
  'C-11': 'no HyperLogLog yet',
  'C-12': 'no HyperLogLog yet',
  ...(canBreakStorage ? {} : { 'O-08': 'there is no prlimit on this machine' }),
}

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

describe.each([{ threads: 1 }, { threads: 2 }])('with $threads thread(s)', ({ threads }) => {
  test(
    'every row of the conformance suite holds, but for those that say nothing about Stoa',
    async () => {
      const { url } = await stage.start({ threads })
      const report = await runConformance({
        url,
        control: createStoaControl(stage, { threads }),
        answerMs: ANSWER_TIMEOUT_MS,
      })
      if (report.failed > 0) console.error(printFailures(report))
      expect(idsOf(report, 'fail')).toEqual([])
      expect(idsOf(report, 'skip')).toEqual(Object.keys(SKIPPED).toSorted())
      expect(report.passed).toBe(rowCount() - Object.keys(SKIPPED).length)
    },
    RUN_TIMEOUT_MS,
  )
})

function rowCount(): number {
  return allSections.reduce((count, { rows }) => count + rows.length, 0)
}

function idsOf({ results }: Report, outcome: 'fail' | 'skip'): string[] {
  return results.flatMap((result) => (result.outcome === outcome ? result.id : [])).toSorted()
}

function printFailures(report: Report): string {
  const results = report.results.filter(({ outcome }) => outcome === 'fail')
  return printReport({ ...report, results }, allSections, { hasColors: false, isVerbose: true, columns: 140 })
}
