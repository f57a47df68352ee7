/**
 * The order in which test files begin: those that take minutes first, so that the others run beside them and nobody waits
 * for one at the end. Without it the largest come first, and a file of a few lines may well be the slowest.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** By what they take on two cores, the slowest first. */
const SLOW = [
  'test/e2e/conformance.test.ts',
  'test/e2e/observatory-',
  'test/web/',
  'src/observatory/records/crash.test.ts',
  'test/e2e/',
  'src/platform/jobs/jobs.test.ts',
  'src/platform/database/embedded/',
  'src/interledger/node/payments.test.ts',
  'src/observatory/alerts/',
  'src/settlement/',
]

export default class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.toSorted((a, b) => rankOf(a) - rankOf(b))
  }
}

function rankOf({ moduleId }: TestSpecification): number {
  const rank = SLOW.findIndex((path) => moduleId.includes(path))
  return rank === -1 ? SLOW.length : rank
}
