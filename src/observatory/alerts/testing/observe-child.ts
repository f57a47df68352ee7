/**
 * The program that `crash.test.ts` kills: sees figures that cross a threshold and come back again and again, from the
 * given step on, sends what follows from that, and prints each step that it has looked at.
 */
import { pino } from 'pino'
import { openDatabase } from '../../../platform/database/index.ts'
import { openTestAlerts } from './index.ts'
import { stepSnapshot } from './steps.ts'

const [url = '', first = '0'] = process.argv.slice(2)
const database = await openDatabase({
  url,
  dataDir: '',
  logger: pino({ level: 'silent' }),
  poolSize: 4,
  statementTimeoutMs: 10_000,
  connectTimeoutMs: 5_000,
})
const { alerts } = await openTestAlerts(database)
for (let step = Number(first); ; step++) {
  await alerts.observe(stepSnapshot(step))
  process.stdout.write(`${step}\n`)
}
