/** The program that `audit.test.ts` kills: writes one row after the other and prints the numbers that are committed. */
import { pino } from 'pino'
import { systemClock } from '../kernel/index.ts'
import { openDatabase } from '../platform/database/index.ts'
import { createAuditLog } from './audit-log.ts'

const [url = ''] = process.argv.slice(2)
const { db } = await openDatabase({
  url,
  dataDir: '',
  logger: pino({ level: 'silent' }),
  poolSize: 2,
  statementTimeoutMs: 10_000,
  connectTimeoutMs: 5_000,
})
const audit = createAuditLog({ db, clock: systemClock })
for (;;) {
  const { number } = await db
    .transaction()
    .execute((tx) => audit.record(tx, { actor: 'cli', role: 'cli', action: 'test.did', subject: 'x' }))
  process.stdout.write(`${number}\n`)
}
