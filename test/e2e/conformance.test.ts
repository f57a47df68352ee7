/** The whole conformance suite against the real program, with every relay it asks for: on the log store, in one thread. */
import { afterEach, test } from 'vitest'
import { CONFORMANCE_RUN, judge } from './conformance-judge.ts'
import { Stage } from './stoa-process.ts'

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

test('every row of the conformance suite holds on the log store', CONFORMANCE_RUN, () =>
  judge(stage, { threads: 1 }),
)
