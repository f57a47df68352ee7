/** The process that `crash.test.ts` kills: puts one batch after the other, and prints what was answered. */

import { bytesOf, NOW_SECONDS, testEvent } from '../../testing/index.ts'
import { openPostgresStore } from '../index.ts'

const [url = '', schema = '', name = ''] = process.argv.slice(2)
const store = await openPostgresStore({ url, schema, maxReaders: 1 })
const underWay: Promise<void>[] = []
for (let batch = 0; ; batch++) {
  const events = Array.from({ length: 20 }, (_, n) => testEvent({ content: `${name} ${batch} ${n}` }))
  const done = store.put(events.map(bytesOf), NOW_SECONDS).then((outcomes) => {
    const lines = outcomes.map(({ status }, index) => `${status} ${events[index]?.id}\n`)
    process.stdout.write(lines.join(''))
  })
  underWay.push(done)
  if (underWay.length === 3) await underWay.shift()
}
