/** The process that a test kills: runs passes over a log store, and tells of each removal. */

import { openLogStore } from '../../events/log/index.ts'
import { systemClock } from '../../kernel/index.ts'
import { parseRetention } from '../rules.ts'
import { runPass } from '../run-pass.ts'

const [folder = '', rule = ''] = process.argv.slice(2)
const store = await openLogStore({ folder, maintenance: 'inline', search: false })
await runPass({
  store,
  rules: parseRetention({ rules: [rule], keepKinds: [], maxDiskBytes: 0, intervalSeconds: 60 }),
  nowSeconds: systemClock.nowSeconds(),
  signal: new AbortController().signal,
  rest: async () => undefined,
  onRemoved: ({ events }) => process.stdout.write(`${events}\n`),
})
// Whoever kills us has the time to.
setInterval(() => undefined, 1_000)
