/**
 * Reads the JSON report of a test run and prints its totals as one line: `12 passed, 0 failed, 0 skipped`. Exits with 1
 * when anything failed or was skipped: on a machine of CI, what is not tested counts as broken.
 *
 * @example node scripts/ci-totals.ts report.json
 */
import { readFileSync } from 'node:fs'
import { z } from 'zod'

const reportSchema = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  testResults: z.array(
    z.object({ name: z.string(), status: z.string(), assertionResults: z.array(z.unknown()) }),
  ),
})

export interface Totals {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** A file that could not even be loaded has no tests to count, and counts as one that failed. */
export function totalsOf(report: unknown): Totals {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } =
    reportSchema.parse(report)
  const brokenFiles = testResults.filter(({ status, assertionResults }) => {
    return status === 'failed' && assertionResults.length === 0
  })
  return {
    passed: numPassedTests,
    failed: numFailedTests + brokenFiles.length,
    skipped: numPendingTests + numTodoTests,
  }
}

if (import.meta.main) {
  const { passed, failed, skipped } = totalsOf(JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')))
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  if (passed === 0 || failed > 0 || skipped > 0) process.exitCode = 1
}
