/** The process that `crash.test.ts` kills: puts one batch after the other, two under way, and prints what was answered. */
import { batchOf } from './crash-script.ts'
import { openLogStore } from './log-store.ts'

const [folder = '', seed = '', first = ''] = process.argv.slice(2)
const store = await openLogStore({
  folder,
  segmentBytes: 6_000,
  maintenance: 'worker',
  compaction: { joinCount: 3, minRemovedShare: 0.3 },
})
const underWay: Promise<void>[] = []
for (let batch = Number(first); ; batch++) {
  const { events, nowSeconds } = batchOf(Number(seed), batch)
  const done = store.put(events, nowSeconds).then((outcomes) => {
    process.stdout.write(`${batch} ${outcomes.map(({ status }) => status).join(',')}\n`)
  })
  underWay.push(done)
  if (underWay.length === 2) await underWay.shift()
}
