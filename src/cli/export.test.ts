import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EventStore } from '../events/index.ts'
import { createMemoryStore } from '../events/memory/index.ts'
import { AppError } from '../kernel/index.ts'
import { runTestCli, storeWith } from './testing/run-test-cli.ts'
import { signedEvent } from './testing/signed-event.ts'

let folder = ''
let store: EventStore
const events = Array.from({ length: 5 }, (_, index) =>
  signedEvent({ created_at: 100 + index, kind: index % 2 === 0 ? 1 : 7, content: `é ${index}` }),
)
const newestFirst = events.toReversed().map((event) => `${JSON.stringify(inOrder(event))}\n`)

function inOrder({ id, pubkey, created_at, kind, tags, content, sig }: (typeof events)[number]) {
  return { id, pubkey, created_at, kind, tags, content, sig }
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-export-'))
  store = createMemoryStore()
  await store.put(
    events.map((event) => Buffer.from(JSON.stringify(inOrder(event)))),
    1000,
  )
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const exporting = (...args: string[]) => runTestCli(['export', ...args], { cwd: folder, store })

test('everything comes out newest first, byte for byte', async () => {
  expect(await exporting()).toEqual({ exitCode: 0, stdout: newestFirst.join(''), stderr: '' })
})

test('several filters are a union', async () => {
  const { stdout } = await exporting('--filter', '{"kinds":[7]}', '--filter', '{"kinds":[1],"limit":1}')
  expect(stdout).toBe([newestFirst[0], newestFirst[1], newestFirst[3]].join(''))
})

test.each(['{"kinds":["1"]}', '{', '{"search":"x"}'])(
  'the filter %s is refused before anything is opened',
  async (filter) => {
    const { exitCode, stderr, stdout } = await exporting('--filter', filter)
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toContain('--filter')
  },
)

test('a compressed file holds the same, and nothing half written stays beside it', async () => {
  await exporting('--output', 'a.gz', '--gzip')
  const { stdout } = await exporting('--output', 'a.zst', '--zstd')
  expect(stdout).toBe('5 events written to a.zst\n')
  expect(gunzipSync(readFileSync(join(folder, 'a.gz'))).toString()).toBe(newestFirst.join(''))
  expect(zstdDecompressSync(readFileSync(join(folder, 'a.zst'))).toString()).toBe(newestFirst.join(''))
  expect(readdirSync(folder).toSorted()).toEqual(['a.gz', 'a.zst'])
})

test('an export imported into an empty store exports the same', async () => {
  const first = await exporting()
  const other = createMemoryStore()
  await runTestCli(['import'], { cwd: folder, store: other, stdin: first.stdout })
  expect((await runTestCli(['export'], { cwd: folder, store: other })).stdout).toBe(first.stdout)
})

test('a reader that has seen enough is no failure', async () => {
  const cut = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
  const broken = storeWith(createMemoryStore(), { query: () => ({ next: () => Promise.reject(cut) }) })
  const { exitCode } = await runTestCli(['export'], {
    cwd: folder,
    compose: { openEventStore: async () => broken },
  })
  expect(exitCode).toBe(0)
})

test('a folder in use refuses with code 3 and says what to do', async () => {
  writeFileSync(join(folder, 'stoa.toml'), '')
  const locked = async (): Promise<EventStore> => {
    throw new AppError('STORE_LOCKED', 'The data folder ./data is in use by process 7: stop it first.')
  }
  const { exitCode, stderr } = await runTestCli(['export'], {
    cwd: folder,
    compose: { openEventStore: locked },
  })
  expect(exitCode).toBe(3)
  expect(stderr).toBe('stoa: The data folder ./data is in use by process 7: stop it first.\n')
})
