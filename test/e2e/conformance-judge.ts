/** Holds the real program to the whole conformance suite. The files that call it are several, so that they run beside each other. */
import { expect } from 'vitest'
import { allSections, printReport, type Report, runConformance } from '../conformance/index.ts'
import { type ControlOptions, canBreakStorage, createStoaControl } from './stoa-control.ts'
import type { Stage } from './stoa-process.ts'

/** Of one test. */
export const CONFORMANCE_RUN = { timeout: 600_000 }
/** Rows judge what is answered; a disk that others keep busy may let a durable write wait for seconds. */
const ANSWER_TIMEOUT_MS = 10_000

/** Rows that say nothing about Stoa today. Nothing else may be skipped, and none of these may come to run unnoticed. */
export const SKIPPED: Readonly<Record<string, string>> = {
  'S-24': 'waits ten minutes; run it by hand with --slow',
  'I-09': 'fees come with payments',
  'C-04': 'counts are exact, so nothing is called approximate',
  ...(canBreakStorage ? {} : { 'O-08': 'there is no prlimit on this machine' }),
}

/** Runs the suite against a relay of this kind: every row holds, but for those that say nothing about Stoa. */
export async function judge(
  stage: Stage,
  options: ControlOptions,
  skipped: Readonly<Record<string, string>> = SKIPPED,
): Promise<void> {
  const env = (await options.place?.()) ?? {}
  const { url } = await stage.start({ threads: options.threads, hasOffice: true, env })
  const control = createStoaControl(stage, options)
  const report = await runConformance({ url, control, answerMs: ANSWER_TIMEOUT_MS })
  if (report.failed > 0) console.error(printFailures(report))
  expect(idsOf(report, 'fail')).toEqual([])
  expect(idsOf(report, 'skip')).toEqual(Object.keys(skipped).toSorted())
  expect(report.passed).toBe(rowCount() - Object.keys(skipped).length)
}

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
