/** The whole conformance suite against the real program, with every relay it asks for. */
import { afterEach, describe, expect, test } from 'vitest'
import { allSections, printReport, type Report, runConformance } from '../conformance/index.ts'
import { canBreakStorage, createStoaControl } from './stoa-control.ts'
import { Stage } from './stoa-process.ts'

const RUN_TIMEOUT_MS = 600_000
/** Rows judge what is answered; a disk that others keep busy may let a durable write wait for seconds. */
const ANSWER_TIMEOUT_MS = 10_000

/** Rows that say nothing about Stoa today. Nothing else may be skipped, and none of these may come to run unnoticed. */
const SKIPPED: Readonly<Record<string, string>> = {
  'S-24': 'waits ten minutes; run it by hand with --slow',
  'I-09': 'fees come with payments',
  'C-04': 'counts are exact, so nothing is called approximate',
  ...(canBreakStorage ? {} : { 'O-08': 'there is no prlimit on this machine' }),
}

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

describe.each([{ threads: 1 }, { threads: 2 }])('with $threads thread(s)', ({ threads }) => {
  test(
    'every row of the conformance suite holds, but for those that say nothing about Stoa',
    async () => {
      const { url } = await stage.start({ threads, hasOffice: true })
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
