/**
 * The program that tests kill: opens the embedded database of a data folder, says so, then writes one number after the
 * other, each in a transaction of its own, and prints those that the database has acknowledged.
 */
import { sql } from 'kysely'
import { pino } from 'pino'
import { AppError } from '../../../kernel/index.ts'
import { openDatabase } from '../open-database.ts'

const [dataDir = '', first = '0'] = process.argv.slice(2)
try {
  const { db } = await openDatabase({
    dataDir,
    logger: pino({ level: 'silent' }),
    poolSize: 4,
    statementTimeoutMs: 10_000,
    connectTimeoutMs: 5_000,
  })
  await sql`CREATE TABLE IF NOT EXISTS acknowledged (number integer PRIMARY KEY)`.execute(db)
  process.stdout.write('open\n')
  for (let number = Number(first); ; number++) {
    await sql`INSERT INTO acknowledged VALUES (${number})`.execute(db)
    process.stdout.write(`${number}\n`)
  }
} catch (error) {
  process.stdout.write(`${error instanceof AppError ? error.code : String(error)}\n`)
}
