/** The whole conformance suite against the real program, with every relay it asks for. */
import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  noServerBecause,
  type PostgresServer,
  startPostgres,
} from '../../src/events/postgres/testing/index.ts'
import { migrate, readMigrations } from '../../src/platform/database/index.ts'
import { allSections, printReport, type Report, runConformance } from '../conformance/index.ts'
import { freshKey } from '../conformance/kit/keys.ts'
import { type ControlOptions, canBreakStorage, createStoaControl, makeOwner } from './stoa-control.ts'
import { Stage } from './stoa-process.ts'

const RUN = { timeout: 600_000 }
/** Rows judge what is answered; a disk that others keep busy may let a durable write wait for seconds. */
const ANSWER_TIMEOUT_MS = 10_000

/** Rows that say nothing about Stoa today. Nothing else may be skipped, and none of these may come to run unnoticed. */
const SKIPPED: Readonly<Record<string, string>> = {
  'S-24': 'waits ten minutes; run it by hand with --slow',
  'I-09': 'fees come with payments',
  'C-04': 'counts are exact, so nothing is called approximate',
  ...(canBreakStorage ? {} : { 'O-08': 'there is no prlimit on this machine' }),
}

const TEMPLATE = 'template_stoa'

const stage = new Stage()
/** One for all relays that need a database. Without it each starts its own, which is most of what a run then takes. */
let server: PostgresServer | undefined
/** Names of the databases that a run has made. */
const made: string[] = []
beforeAll(async () => {
  if (noServerBecause !== undefined) return
  server = await startPostgres()
  await runOn(server, `CREATE DATABASE ${TEMPLATE}`)
  await migrate(urlOf(server, TEMPLATE), readMigrations())
})
afterEach(async ({ task }) => {
  await stage.end({ hasFailed: task.result?.state === 'fail' })
  for (const name of made.splice(0))
    if (server !== undefined) await runOn(server, `DROP DATABASE ${name} WITH (FORCE)`)
})
afterAll(() => server?.stop())

describe.each([{ threads: 1 }, { threads: 2 }])(
  'on the log store, with $threads thread(s)',
  ({ threads }) => {
    test('every row of the conformance suite holds, but for those that say nothing about Stoa', RUN, () =>
      judge({ threads, officeDatabase: server && freshDatabase }, SKIPPED),
    )
  },
)

describe.skipIf(noServerBecause !== undefined)('on PostgreSQL', () => {
  test('every row of the conformance suite holds, but for those that say nothing about Stoa', RUN, () => {
    const place = async () => ({ STOA_STORE__ENGINE: 'postgres', STOA_DATABASE__URL: await freshDatabase() })
    return judge({ threads: 1, place }, { ...SKIPPED, 'O-08': 'it is not this process that writes' })
  })
})

if (noServerBecause !== undefined)
  console.warn(`SKIPPED: the conformance suite on PostgreSQL, since ${noServerBecause}`)

/** Runs the suite against a relay of this kind. */
async function judge(options: ControlOptions, skipped: Readonly<Record<string, string>>): Promise<void> {
  const env = (await options.place?.()) ?? {}
  const stoa = await stage.start({ threads: options.threads, hasOffice: true, env })
  const owner = freshKey()
  await makeOwner(stoa, owner.pubkey)
  const report = await runConformance({
    url: stoa.url,
    control: createStoaControl(stage, options),
    adminSecret: owner.secret,
    answerMs: ANSWER_TIMEOUT_MS,
  })
  if (report.failed > 0) console.error(printFailures(report))
  expect(idsOf(report, 'fail')).toEqual([])
  expect(idsOf(report, 'skip')).toEqual(Object.keys(skipped).toSorted())
  expect(report.passed).toBe(rowCount() - Object.keys(skipped).length)
}

/** A database of its own for each relay, migrated already. */
async function freshDatabase(): Promise<string> {
  if (server === undefined) throw new Error('there is no server to make a database on')
  const name = `relay_${randomUUID().replaceAll('-', '')}`
  await runOn(server, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`)
  made.push(name)
  return urlOf(server, name)
}

function urlOf({ url }: PostgresServer, database: string): string {
  return url.replace('/postgres?', `/${database}?`)
}

async function runOn({ url }: PostgresServer, sql: string): Promise<void> {
  const client = new Client(url)
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

function rowCount(): number {
  return allSections.reduce((count, { rows }) => count + rows.length, 0)
}

function idsOf({ results }: Report, outcome: 'fail' | 'skip'): string[] {
  return results.flatMap((result) => (result.outcome === outcome ? result.id : [])).toSorted()
}

function printFailures(report: Report): string {
  const results = report.results.filter(({ outcome }) => outcome === 'fail')
  return printReport({ ...report, results }, allSections, { hasColors: false, isVerbose: true, columns: 140 })
}
