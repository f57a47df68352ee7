import { expect, test } from 'vitest'
import { totalsOf } from '../scripts/ci-totals.ts'

test('skipped and pending tests are counted apart, and a file that did not load has failed', () => {
  const report = {
    numPassedTests: 5,
    numFailedTests: 1,
    numPendingTests: 2,
    numTodoTests: 1,
    testResults: [
      { name: 'a.test.ts', status: 'failed', assertionResults: [{}] },
      { name: 'broken.test.ts', status: 'failed', assertionResults: [] },
      { name: 'b.test.ts', status: 'passed', assertionResults: [{}] },
    ],
  }
  expect(totalsOf(report)).toEqual({ passed: 5, failed: 2, skipped: 3 })
})
