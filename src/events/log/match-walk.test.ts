import { rmSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Audience } from '../audience.ts'
import { alice, bob, bytesOf, carol, idsFound, NOW_SECONDS, pairsIn, testEvent } from '../testing/index.ts'
import { type LogStore, openLogStore } from './log-store.ts'
import { SLICE_CANDIDATES } from './match-stream.ts'
import { temporaryFolder } from './testing.ts'

const COUNT = SLICE_CANDIDATES * 2 + 500

let folder: string
let store: LogStore
beforeEach(async () => {
  folder = temporaryFolder()
  store = await openLogStore({ folder, maintenance: 'inline' })
  // All of one second, so that a slice ends between two events that only their ids tell apart.
  const wraps = Array.from({ length: COUNT }, (_, n) =>
    testEvent({ kind: 1059, pubkey: n === COUNT >> 1 ? alice : carol, tags: [['p', bob]], content: `${n}` }),
  )
  await store.put(wraps.map(bytesOf), NOW_SECONDS)
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

test('a walk of several slices meets each match once, in order', async () => {
  const ids = (pairsIn(await store.idSet({}, COUNT, NOW_SECONDS)) ?? []).map(([, id]) => id)
  expect(ids).toHaveLength(COUNT)
  expect(ids).toEqual([...new Set(ids)].toSorted())
  expect((await store.sketch({}, 8, NOW_SECONDS)).count).toBe(COUNT)
})

test('others have their turn between the slices of a walk', async () => {
  let isDone = false
  const set = store.idSet({}, COUNT, NOW_SECONDS).then((found) => {
    isDone = true
    return found
  })
  let turns = 0
  while (!isDone) {
    turns++
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect((await set)?.createdAt).toHaveLength(COUNT)
  expect(turns).toBeGreaterThanOrEqual(2)
})

test('one that ends at its maximum does not walk on', async () => {
  const task = store.openIdSet({}, 10, NOW_SECONDS)
  expect(task.step()).toBe(true)
  expect(task.value).toBeUndefined()
})

test('a reader of private kinds is led by the index of what is theirs, not through all the others', async () => {
  const readBy = (...pubkeys: string[]): Audience => {
    return { pubkeys, privateKinds: [1059], authorOnlyKinds: [], hiddenKinds: [] }
  }
  for (const [reader, count] of [
    [readBy(alice), 1],
    [readBy(), 0],
    [readBy('0'.repeat(64)), 0],
  ] as const) {
    const task = store.openIdSet({ kinds: [1059] }, 10, NOW_SECONDS, reader)
    // Thrice as many candidates as fit into one step.
    expect(task.step()).toBe(true)
    expect(task.value?.createdAt).toHaveLength(count)
    expect(await idsFound(store, [{ kinds: [1059] }], NOW_SECONDS, reader)).toHaveLength(count)
  }
})
