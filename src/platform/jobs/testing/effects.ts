/** The queue of `jobs.test.ts` and of the worker that it kills. */
import { sql } from 'kysely'
import type { Database } from '../../database/index.ts'
import type { JobQueue, RunningJob } from '../index.ts'

export interface Effect {
  readonly word: string
}

/** A job that is silent for a second counts as lost, so that a test need not wait long. */
export const EFFECTS: JobQueue<Effect> = {
  name: 'test.effects',
  parse: (data) => {
    if (typeof data === 'object' && data !== null && 'word' in data && typeof data.word === 'string') {
      return { word: data.word }
    }
    throw new Error('a word is missing')
  },
  maxRetries: 5,
  retryDelaySeconds: 1,
  expireSeconds: 2,
}

export async function makeEffectsTable({ db }: Database): Promise<void> {
  // Without a unique key: an effect that came twice would be seen.
  await sql`CREATE TABLE effects (word text NOT NULL, attempt integer NOT NULL)`.execute(db)
}

/** Does the effect and ends the job, in one transaction. */
export async function doEffect(
  { db }: Database,
  job: RunningJob<Effect>,
  before?: () => Promise<void>,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    await sql`INSERT INTO effects VALUES (${job.data.word}, ${job.attempt})`.execute(tx)
    await before?.()
    await job.completeIn(tx)
  })
}
