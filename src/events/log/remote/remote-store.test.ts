import { describe, expect, test } from 'vitest'
import { describeEventStoreContract } from '../../contract.ts'
import { createMemoryStore } from '../../memory/index.ts'
import {
  assertEnginesAgreeOnRandomStreams,
  bytesOf,
  drain,
  NOW_SECONDS,
  testEvent,
} from '../../testing/index.ts'
import { packEvents, unpackEvents } from './protocol.ts'
import { makeRemoteStore } from './testing.ts'

describeEventStoreContract('log, used through a port', makeRemoteStore({ segmentBytes: 1024 * 1024 }))

describe('the store as another thread sees it', () => {
  test('answers as the memory engine does, while segments come and go', async () => {
    const makeMemoryStore = async () => {
      const store = createMemoryStore()
      return { store, reopen: async () => store, dispose: () => store.close() }
    }
    const tiny = makeRemoteStore({ segmentBytes: 1_500, maintenance: 'inline', cacheBytes: 0 })
    await assertEnginesAgreeOnRandomStreams(makeMemoryStore, tiny, { runs: 15 })
  }, 120_000)

  test('knows without asking that a new id is not stored', async () => {
    const { store, dispose } = await makeRemoteStore({ segmentBytes: 64 * 1024 })()
    const event = testEvent({ content: 'hello' })
    await store.put([bytesOf(event)], NOW_SECONDS)
    expect(store.has('f'.repeat(64))).toBe(false)
    expect(await store.has(event.id)).toBe(true)
    await dispose()
  })

  test('tells everybody who waits when the store is gone', async () => {
    const { store, dispose } = await makeRemoteStore({ segmentBytes: 64 * 1024 })()
    await dispose()
    await expect(store.put([bytesOf(testEvent({}))], NOW_SECONDS)).rejects.toMatchObject({
      code: 'STORE_CLOSED',
    })
    await expect(drain(store.query([{}], NOW_SECONDS), [1])).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  })

  test('packing a batch for the journey loses nothing, not even empty ones', () => {
    const batch = [Buffer.from('one'), Buffer.alloc(0), Buffer.from('three')]
    expect(unpackEvents(packEvents(batch)).map((bytes) => Buffer.from(bytes).toString())).toEqual([
      'one',
      '',
      'three',
    ])
  })
})
