/** The whole conformance suite against the real program, with every relay it asks for. */
import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import { noServerBecause, startPostgres } from '../../src/events/postgres/testing/index.ts'
import { allSections, printReport, type Report, runConformance } from '../conformance/index.ts'
import { type ControlOptions, canBreakStorage, createStoaControl } from './stoa-control.ts'
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

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

describe.each([{ threads: 1 }, { threads: 2 }])(
  'on the log store, with $threads thread(s)',
  ({ threads }) => {
    test('every row of the conformance suite holds, but for those that say nothing about Stoa', RUN, () =>
      judge({ threads }, SKIPPED),
    )
  },
)

describe.skipIf(noServerBecause !== undefined)('on PostgreSQL', () => {
  test(
    'every row of the conformance suite holds, but for those that say nothing about Stoa',
    RUN,
    async () => {
      const server = await startPostgres()
      try {
        const place = async () => ({
          STOA_STORE__ENGINE: 'postgres',
          STOA_DATABASE__URL: await freshDatabase(server.url),
        })
        await judge({ threads: 1, place }, { ...SKIPPED, 'O-08': 'it is not this process that writes' })
      } finally {
        await stage.end()
        await server.stop()
      }
    },
  )
})

if (noServerBecause !== undefined)
  console.warn(`SKIPPED: the conformance suite on PostgreSQL, since ${noServerBecause}`)

/** Runs the suite against a relay of this kind. */
async function judge(options: ControlOptions, skipped: Readonly<Record<string, string>>): Promise<void> {
  const env = (await options.place?.()) ?? {}
  const { url } = await stage.start({ threads: options.threads, hasOffice: true, env })
  const control = createStoaControl(stage, options)
  const report = await runConformance({ url, control, answerMs: ANSWER_TIMEOUT_MS })
  if (report.failed > 0) console.error(printFailures(report))
  expect(idsOf(report, 'fail')).toEqual([])
  expect(idsOf(report, 'skip')).toEqual(Object.keys(skipped).toSorted())
  expect(report.passed).toBe(rowCount() - Object.keys(skipped).length)
}

/** A database of its own for each relay. */
async function freshDatabase(serverUrl: string): Promise<string> {
  const name = `relay_${randomUUID().replaceAll('-', '')}`
  const client = new Client(serverUrl)
  await client.connect()
  await client.query(`CREATE DATABASE ${name}`)
  await client.end()
  return serverUrl.replace('/postgres?', `/${name}?`)
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
