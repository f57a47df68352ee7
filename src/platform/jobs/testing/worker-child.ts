/**
 * The worker that `jobs.test.ts` kills: does jobs slowly, and says when one begins and when one is done. What it says last
 * may not be what it did last: it is killed between any two steps.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { openDatabase } from '../../database/index.ts'
import { startJobs } from '../index.ts'
import { doEffect, EFFECTS } from './effects.ts'

const [url = ''] = process.argv.slice(2)
const logger = pino({ level: 'silent' })
const database = await openDatabase({
  url,
  dataDir: '',
  logger,
  poolSize: 6,
  statementTimeoutMs: 10_000,
  connectTimeoutMs: 5_000,
})
const jobs = await startJobs({ database, logger, queues: [EFFECTS], supervise: false })
await jobs.work(
  EFFECTS,
  async (job) => {
    process.stdout.write(`begin ${job.data.word}\n`)
    await doEffect(database, job, async () => {
      await delay(Math.random() * 20)
    })
    process.stdout.write(`done ${job.data.word}\n`)
  },
  { concurrency: 4 },
)
