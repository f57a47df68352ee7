import { describe, test } from 'vitest'
import { makeLogStore } from './log/testing.ts'
import { createMemoryStore } from './memory/index.ts'
import { assertEnginesAgreeOnRandomStreams, type MakeStore } from './testing/index.ts'

const makeMemoryStore: MakeStore = async () => {
  const store = createMemoryStore()
  return { store, reopen: async () => store, dispose: () => store.close() }
}

describe('the log engine answers as the memory engine does, whatever happens to both', () => {
  test('in one segment', async () => {
    await assertEnginesAgreeOnRandomStreams(makeMemoryStore, makeLogStore({ segmentBytes: 64 * 1024 }), {
      runs: 60,
    })
  }, 120_000)

  test('in segments so small that they are sealed and compacted all the time', async () => {
    const compaction = { vanishedAgeMs: 0 }
    const tiny = makeLogStore({ segmentBytes: 1_500, maintenance: 'inline', compaction })
    await assertEnginesAgreeOnRandomStreams(makeMemoryStore, tiny, { runs: 60 })
  }, 120_000)

  test('in small segments whose indexes and events are read from disk by page', async () => {
    const cold = makeLogStore({ segmentBytes: 1_500, maintenance: 'inline', indexBytes: 0, cacheBytes: 0 })
    await assertEnginesAgreeOnRandomStreams(makeMemoryStore, cold, { runs: 60 })
  }, 120_000)

  test('while a worker thread seals and compacts', async () => {
    const compaction = { vanishedAgeMs: 0 }
    const busy = makeLogStore({ segmentBytes: 1_500, maintenance: 'worker', compaction })
    await assertEnginesAgreeOnRandomStreams(makeMemoryStore, busy, { runs: 8 })
  }, 120_000)
})
