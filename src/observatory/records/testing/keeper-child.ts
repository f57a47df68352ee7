/** The program that tests kill: keeps, and goes through an interval in each tenth of a second, so that it writes checkpoints all the time. */
import { pino } from 'pino'
import { openDatabase } from '../../../platform/database/index.ts'
import { beginTestTerm, testClock, testKeeper } from './index.ts'

const [url = ''] = process.argv.slice(2)
const { db } = await openDatabase({
  url,
  dataDir: '',
  logger: pino({ level: 'silent' }),
  poolSize: 2,
  statementTimeoutMs: 10_000,
  connectTimeoutMs: 5_000,
})
const clock = testClock()
const keeper = await testKeeper(db, {
  clock,
  term: await beginTestTerm(db),
  settings: { snapshotSeconds: 1, maxBatchesAtOnce: 3 },
})
keeper.onChange(() => process.stdout.write(`${keeper.stats().applied}\n`))
// Seconds of which all observations are in the same hour.
setInterval(() => clock.advanceSeconds(1), 100)
