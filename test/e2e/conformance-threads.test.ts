/** As conformance.test.ts, with a thread for the store and one for sockets. */
import { afterEach, test } from 'vitest'
import { CONFORMANCE_RUN, judge } from './conformance-judge.ts'
import { Stage } from './stoa-process.ts'

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

test('every row of the conformance suite holds on the log store with threads', CONFORMANCE_RUN, () =>
  judge(stage, { threads: 2 }),
)
