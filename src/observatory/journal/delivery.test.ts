import { setTimeout as delay } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { ObservationBatch } from '../observation-batch.ts'
import type { RelayReport } from '../relay-report.ts'
import { encodeDelivery } from './delivery-bytes.ts'
import {
  NumberedSource,
  QUICK,
  TestSink,
  testDelivery,
  testFolder,
  testJournal,
  testReport,
} from './testing/index.ts'

const upTo = (count: number) => Array.from({ length: count }, (_, n) => n)
const PATIENCE = { timeout: 20_000, interval: 5 }

async function parts({ maxRows = 10_000, maxBytes = 10_000_000 } = {}) {
  const folder = await testFolder()
  const journal = await testJournal(folder, maxBytes)
  return { folder, journal, intake: new NumberedSource(maxRows), sink: new TestSink() }
}

test('observations and reports are delivered together, and nothing when there is nothing', async () => {
  const { journal, intake, sink } = await parts()
  let reports: readonly RelayReport[] = [testReport(), testReport({ watchedSeconds: 2 })]
  const takeReports = () => {
    const taken = reports
    reports = []
    return taken
  }
  const delivery = testDelivery({ journal, intake, sink, takeReports })
  intake.observe(3)
  await delivery.flush()
  await delivery.flush()
  expect(sink.deliveries).toMatchObject([
    { collector: 'one', region: 'here', reports: [{ relay: 1, watchedSeconds: 3 }] },
  ])
  expect(sink.numbers).toEqual(upTo(3))
  expect(delivery.stats()).toMatchObject({
    deliveries: 1,
    rows: 3,
    failures: 0,
    waitingRows: 0,
  })
})

test('a thousand rows do not wait for the interval to end, and what gathers meanwhile goes together', async () => {
  const { journal, intake, sink } = await parts()
  sink.tookMs = 30
  testDelivery({ journal, intake, sink, limits: { ...QUICK, intervalMs: 3_600_000 } })
  intake.observe(100)
  await vi.waitFor(() => expect(sink.atOnce).toBe(1), PATIENCE)
  for (let n = 0; n < 5; n++) intake.observe(100)
  await vi.waitFor(() => expect(sink.numbers).toEqual(upTo(600)), PATIENCE)
  expect(sink.deliveries.map(({ observations }) => observations.count)).toEqual([100, 500])
  expect(sink.mostAtOnce).toBe(1)
})

test('a database that is away for a while loses nothing, and gets everything in order', async () => {
  const { journal, intake, sink } = await parts()
  const delivery = testDelivery({ journal, intake, sink })
  for (let round = 0; round < 60; round++) {
    sink.isAway = round >= 10 && round < 40
    intake.observe(20)
    await delay(3)
  }
  await delivery.flush()
  await vi.waitFor(() => expect(sink.numbers.length).toBe(1_200), PATIENCE)
  expect(sink.numbers).toEqual(upTo(1_200))
  await vi.waitFor(() => {
    expect(delivery.stats()).toMatchObject({ failuresInARow: 0, journalBytes: 0, isJournalFull: false })
  }, PATIENCE)
  expect(delivery.stats().journalled).toBeGreaterThan(0)
})

test('while the database is away, what is flushed is on disk, and the next start delivers it first', async () => {
  const { folder, journal, intake, sink } = await parts()
  sink.isAway = true
  const delivery = testDelivery({ journal, intake, sink })
  for (let n = 0; n < 5; n++) {
    intake.observe(10)
    await delivery.flush()
  }
  expect(intake.waitingRows).toBe(0)
  intake.observe(1)
  await delivery.stop()
  await journal.close()
  const again = new TestSink()
  const next = new NumberedSource()
  next.observe(60)
  next.takeBatch()
  next.observe(2)
  testDelivery({ journal: await testJournal(folder), intake: next, sink: again })
  await vi.waitFor(() => expect(again.numbers).toEqual([...upTo(51), 60, 61]), PATIENCE)
})

test('when the journal is full the intake fills, and everything arrives in order once the database is back', async () => {
  const { journal, intake, sink } = await parts({ maxRows: 500, maxBytes: 30_000 })
  sink.isAway = true
  const delivery = testDelivery({ journal, intake, sink })
  await vi.waitFor(() => {
    if (!intake.isFull) intake.observe(50)
    expect([delivery.stats().isJournalFull, intake.isFull]).toEqual([true, true])
  }, PATIENCE)
  expect(journal.bytes).toBeLessThanOrEqual(30_000)
  const { observed } = intake
  await delay(50)
  expect(intake.isFull).toBe(true)
  sink.isAway = false
  await vi.waitFor(() => expect(sink.numbers.length).toBe(observed), PATIENCE)
  expect(sink.numbers).toEqual(upTo(observed))
  // The last file goes when its delivery has been answered.
  await vi.waitFor(() => {
    expect(delivery.stats()).toMatchObject({ isJournalFull: false, journalBytes: 0, waitingRows: 0 })
  }, PATIENCE)
})

test('a slow database does not let more than half of the rows wait: the rest goes to disk, in order', async () => {
  const { journal, intake, sink } = await parts({ maxRows: 200 })
  sink.tookMs = 60
  const delivery = testDelivery({ journal, intake, sink })
  let most = 0
  for (let n = 0; n < 80; n++) {
    intake.observe(10)
    await delay(2)
    most = Math.max(most, intake.waitingRows)
  }
  sink.tookMs = 0
  await vi.waitFor(() => expect(sink.numbers.length).toBe(800), PATIENCE)
  // What is written to disk while its own delivery succeeds is not delivered again.
  expect(sink.numbers).toEqual(upTo(800))
  expect(delivery.stats().journalled).toBeGreaterThan(0)
  expect(most).toBeLessThanOrEqual(200)
})

test('a delivery that is never answered fails after its time, and is tried again', async () => {
  const { journal, intake, sink } = await parts()
  let tries = 0
  const hanging = {
    deliver: (delivery: Parameters<TestSink['deliver']>[0]) =>
      ++tries === 1 ? new Promise<void>(() => {}) : sink.deliver(delivery),
  }
  const delivery = testDelivery({ journal, intake, sink: hanging, limits: { ...QUICK, timeoutMs: 50 } })
  intake.observe(5)
  await vi.waitFor(() => expect(sink.numbers).toEqual(upTo(5)), PATIENCE)
  expect(delivery.stats().failures).toBe(1)
})

test('stopping delivers what waits', async () => {
  const { journal, intake, sink } = await parts()
  const delivery = testDelivery({ journal, intake, sink, limits: { ...QUICK, intervalMs: 3_600_000 } })
  intake.observe(7)
  await delivery.stop()
  expect(sink.numbers).toEqual(upTo(7))
  expect(journal.isEmpty).toBe(true)
})

test('a record that cannot be read is passed over', async () => {
  const { journal, intake, sink } = await parts()
  const observations = new ObservationBatch()
  observations.addRow()
  await journal.append(Buffer.from('of another version'))
  await journal.append(encodeDelivery({ collector: 'one', region: 'here', observations, reports: [] }))
  testDelivery({ journal, intake, sink })
  await vi.waitFor(() => expect(sink.numbers).toEqual([0]), PATIENCE)
})

test('cursors never arrive before the observations that they speak of', async () => {
  const { journal, intake, sink } = await parts()
  const takeReports = () => [testReport({ cursor: { since: 0, until: intake.observed } })]
  // Whether an observation is in the batch is known only later, as with a shared table.
  const pending = { count: 0 }
  const source = Object.assign(Object.create(intake) as NumberedSource, {
    settled: async () => {
      await delay(3)
      intake.observe(pending.count)
      pending.count = 0
    },
    takeBatch: () => intake.takeBatch(),
    whenRows: () => {},
  })
  Object.defineProperty(source, 'waitingRows', { get: () => intake.waitingRows })
  const delivery = testDelivery({ journal, intake: source, sink, takeReports })
  for (let n = 0; n < 30; n++) {
    pending.count += 2
    intake.observe(1)
    await delay(2)
  }
  await delivery.flush()
  let arrived = 0
  for (const { observations, reports } of sink.deliveries) {
    arrived += observations.count
    for (const { cursor } of reports) expect(cursor?.until).toBeLessThanOrEqual(arrived)
  }
  expect(sink.deliveries.length).toBeGreaterThan(1)
})
