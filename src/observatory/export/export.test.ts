import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { DuckDBInstance } from '@duckdb/node-api'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { EXPORT_FORMATS, EXPORTS, type ExportName, exportHistory } from './index.ts'

const BEGIN_SECONDS = 1_800_000_000
let database: Database
let folder = ''

beforeAll(async () => {
  database = await testDatabase()
  folder = mkdtempSync(join(tmpdir(), 'stoa-export-test-'))
  for (const statement of ROWS.split(';')) await sql.raw(statement).execute(database.db)
})
afterAll(async () => {
  await database.close()
  rmSync(folder, { recursive: true, force: true })
})

/** More than one page; texts that CSV and JSON must quote; a zap of more than 64 bits. */
const ROWS = `
  INSERT INTO relays (url, origin) SELECT 'wss://r' || n || '.example/', 'seed' FROM generate_series(1, 5) n;
  INSERT INTO events_aggregated (hour, relay, kind, events)
    SELECT to_timestamp(${BEGIN_SECONDS} + 3600 * h), r, k, h * r + k FROM generate_series(0, 299) h, generate_series(1, 6) r, generate_series(0, 3) k;
  INSERT INTO network_events SELECT to_timestamp(${BEGIN_SECONDS} + 3600 * h), 9735, h, h, 18446744073709551617 + h FROM generate_series(0, 49) h;
  INSERT INTO relay_hours SELECT to_timestamp(${BEGIN_SECONDS} + 3600 * h), 1, 'eu', 3600, 3599.5, CASE WHEN h = 0 THEN '{}'::int[] ELSE '{0,0,5}' END FROM generate_series(0, 9) h;
  INSERT INTO active_users SELECT DATE '2027-01-15' + d, 10 + d, d, '\\x00' FROM generate_series(0, 9) d;
  INSERT INTO clients VALUES ('a "client", with'' quotes', 3, '{1,7}', to_timestamp(${BEGIN_SECONDS})), (E'line\\nbreak é😀', 5, '{}', to_timestamp(${BEGIN_SECONDS + 1}));
  INSERT INTO statistics_snapshots VALUES ('24h', to_timestamp(${BEGIN_SECONDS}), '{"zaps": {"msat": "18446744073709551617"}, "text": "a\\"b"}')`

/** How SQL says the same, as texts: the cells of a row, and where they are from. */
const SAME: Readonly<Record<ExportName, readonly [cells: string, from: string]>> = {
  'relay-events': [
    "(hour AT TIME ZONE 'UTC')::text, relay::text, url, kind::text, events::text",
    'events_aggregated LEFT JOIN relays ON id = relay ORDER BY hour, relay, kind',
  ],
  'network-events': [
    "(hour AT TIME ZONE 'UTC')::text, kind::text, events::text, zaps::text, zap_msat::text",
    'network_events ORDER BY hour',
  ],
  'relay-hours': [
    `(hour AT TIME ZONE 'UTC')::text, relay::text, url, region, watched_seconds::text, connected_seconds::text,
    observatory_latency(latencies, 0.5)::text, observatory_latency(latencies, 0.95)::text`,
    'relay_hours JOIN relays ON id = relay ORDER BY hour',
  ],
  'active-users': ['day::text, users::text, new_users::text', 'active_users ORDER BY day'],
  clients: [
    "name, events::text, to_json(kinds)::text, (last_seen AT TIME ZONE 'UTC')::text",
    'clients ORDER BY name',
  ],
  snapshots: ["range, (taken_at AT TIME ZONE 'UTC')::text, body::text", 'statistics_snapshots'],
}

for (const format of EXPORT_FORMATS) {
  test(`each export as ${format}, read back by DuckDB, is what SQL says`, async () => {
    for (const what of EXPORTS) {
      const bytes = await buffer(await exportHistory(database.db, { what, format }))
      const [cells, from] = SAME[what]
      const { rows } = await sql<{ cells: readonly (string | null)[] }>`
        SELECT ARRAY[${sql.raw(cells)}] AS cells FROM ${sql.raw(from)}`.execute(database.db)
      expect(rows.length).toBeGreaterThan(0)
      expect(await readBack(bytes, format), what).toEqual(rows.map((row) => row.cells.map(comparable)))
    }
  })
}

test('only what is in the span is exported, its end not being in it', async () => {
  const read = async (sinceSeconds: number, untilSeconds: number) => {
    const stream = await exportHistory(database.db, {
      what: 'network-events',
      format: 'json',
      sinceSeconds,
      untilSeconds,
    })
    return JSON.parse((await buffer(stream)).toString()) as readonly { events: number; zap_msat: string }[]
  }
  const some = await read(BEGIN_SECONDS + 3_600, BEGIN_SECONDS + 3 * 3_600)
  expect(some.map(({ events, zap_msat }) => [events, zap_msat])).toEqual([
    [1, '18446744073709551618'],
    [2, '18446744073709551619'],
  ])
  expect(await read(0, 1)).toEqual([])
})

test('no file is left behind, whether the export was read, left or refused', async () => {
  const folders = () =>
    readdirSync(tmpdir()).filter((name) => name.startsWith('stoa-export-') && !name.includes('test'))
  const before = folders()
  const request = { what: 'clients', format: 'parquet' } as const
  const [one, other] = [await exportHistory(database.db, request), await exportHistory(database.db, request)]
  await expect(exportHistory(database.db, request)).rejects.toMatchObject({
    code: 'OBSERVATORY_EXPORT_FAILED',
  })
  await buffer(one)
  other.destroy()
  const left = () => folders().filter((name) => !before.includes(name))
  await expect.poll(left, { timeout: 10_000 }).toEqual([])
})

async function readBack(bytes: Buffer, format: (typeof EXPORT_FORMATS)[number]): Promise<readonly unknown[]> {
  const file = join(folder, `back.${format}`)
  writeFileSync(file, bytes)
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
  const connection = await instance.connect()
  const reader = { csv: 'read_csv', json: 'read_json', parquet: 'read_parquet' }[format]
  const options = {
    csv: ', header = true, all_varchar = true',
    json: ', maximum_depth = 1',
    parquet: '',
  }[format]
  const result = await connection.runAndReadAll(
    `SELECT COLUMNS(*)::VARCHAR FROM ${reader}('${file}'${options})`,
  )
  const rows = result.getRowsJson().map((row) => row.map((value) => comparable(value as string | null)))
  connection.closeSync()
  instance.closeSync()
  return rows
}

/** Spellings that mean the same: lists and JSON with and without spaces, numbers, times with and without zeros. */
function comparable(value: string | null): unknown {
  if (value === null || value === '') return null
  if (/^-?\d{1,15}(\.\d+)?$/.test(value)) return Number(value)
  // At depth 1, DuckDB's reader hands texts of JSON over as JSON.
  if (value.startsWith('"')) return comparable(JSON.parse(value) as string)
  if (/^[[{]/.test(value)) return JSON.stringify(JSON.parse(value))
  return value.replace(/(\d\d:\d\d:\d\d)\.0+$/, '$1').replace(/^(\d{4}-\d\d-\d\d) 00:00:00$/, '$1')
}
