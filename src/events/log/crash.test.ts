import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createMemoryStore } from '../memory/index.ts'
import type { EventStore } from '../store.ts'
import { idsFound } from '../testing/index.ts'
import { batchOf, randomOf } from './crash-script.ts'
import { openLogStore } from './log-store.ts'
import { noticeBoard, temporaryFolder } from './testing.ts'
import { verifyLogStore } from './verify-store.ts'

const SEED = Number(process.env.STOA_TEST_SEED ?? 20_260)
const KILLS = 20
const CHILD = fileURLToPath(new URL('./crash-child.ts', import.meta.url))

let folder: string
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => rmSync(folder, { recursive: true }))

test(`after each of ${KILLS} kills all that was answered is there, and nothing that went is back`, async () => {
  const random = randomOf(SEED)
  /** What the store must hold, event by event. */
  const model = createMemoryStore()
  let batch = 0
  let answeredInAll = 0
  let sealedOrCompacted = 0
  for (let kill = 1; kill <= KILLS; kill++) {
    const answers = await runUntilKilled(batch, 20 + random() * 150)
    const where = `seed ${SEED}, kill ${kill}, batches ${batch} to ${batch + answers.length}`
    for (const answer of answers) {
      const { events, nowSeconds } = batchOf(SEED, batch)
      const outcomes = await model.put(events, nowSeconds)
      expect(answer, where).toBe(`${batch} ${outcomes.map(({ status }) => status).join(',')}`)
      batch++
    }
    answeredInAll += answers.length
    expect(
      verifyLogStore(folder).lines.filter((line) => line.includes('damaged')),
      where,
    ).toEqual([])
    const board = noticeBoard()
    const store = await openLogStore({ folder, maintenance: 'inline', notify: board.notify })
    batch += await catchUp(model, store, batch, where)
    expect(
      board.warnings().filter((event) => event !== 'store.torn_tail_cut'),
      where,
    ).toEqual([])
    sealedOrCompacted += board.notices.length
    // As a kill would leave it in turn, half of the times.
    if (random() < 0.5) await store.settled()
    await store.close()
  }
  expect(answeredInAll).toBeGreaterThan(KILLS)
  expect(sealedOrCompacted).toBeGreaterThan(0)
}, 90_000)

/** Starts the child, kills it after so long, and returns the lines that it printed. */
async function runUntilKilled(firstBatch: number, ms: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [CHILD, folder, String(SEED), String(firstBatch)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  const reader = createInterface(child.stdout)
  reader.on('line', (line) => lines.push(line))
  const ended = Promise.all([once(reader, 'close'), once(child, 'exit')])
  await once(reader, 'line')
  await delay(ms)
  child.kill('SIGKILL')
  await ended
  return lines
}

/**
 * Two batches may have been under way: some first part of their events is there as well. Brings the model to what the
 * store holds, and the store to the end of the last batch that it holds a part of; returns how many batches these are.
 */
async function catchUp(model: EventStore, store: EventStore, batch: number, where: string): Promise<number> {
  const found = await textOf(store)
  const underWay = [0, 1].flatMap((ahead) =>
    batchOf(SEED, batch + ahead).events.map((event) => ({
      event,
      ahead,
      nowSeconds: batchOf(SEED, batch).nowSeconds,
    })),
  )
  let reached = 0
  for (const { event, ahead, nowSeconds } of underWay) {
    if ((await textOf(model)) === found) break
    await model.put([event], nowSeconds)
    reached = ahead + 1
  }
  expect(await textOf(model), where).toBe(found)
  for (let ahead = 0; ahead < reached; ahead++) {
    const { events, nowSeconds } = batchOf(SEED, batch + ahead)
    await model.put(events, nowSeconds)
    await store.put(events, nowSeconds)
  }
  expect(await textOf(store), where).toBe(await textOf(model))
  return reached
}

async function textOf(store: EventStore): Promise<string> {
  return (await idsFound(store, [{}])).join('\n')
}
