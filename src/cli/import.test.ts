import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EventStore } from '../events/index.ts'
import { createMemoryStore } from '../events/memory/index.ts'
import { runTestCli, storeWith, type TestWorld } from './testing/run-test-cli.ts'
import { signedEvent } from './testing/signed-event.ts'

let folder = ''
let store: EventStore

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-import-'))
  store = createMemoryStore()
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function importing(args: readonly string[], world: Partial<TestWorld> = {}) {
  return runTestCli(['import', ...args], { cwd: folder, store, ...world })
}

/** The totals of an import that printed them for machines. */
async function totalsOf(args: readonly string[], world: Partial<TestWorld> = {}) {
  const { stdout, stderr, exitCode } = await importing([...args, '--json'], world)
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 })
  return JSON.parse(stdout)
}

function write(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content)
  return name
}

const events = ['one', 'two', 'three'].map((content) => signedEvent({ content }))
const ndjson = `${events.map((event) => JSON.stringify(event)).join('\n')}\n`

describe('where events come from', () => {
  test.each([
    { kind: 'plain', content: Buffer.from(ndjson) },
    { kind: 'gzip', content: gzipSync(ndjson) },
    { kind: 'zstd', content: zstdCompressSync(ndjson) },
  ])(
    'a $kind file and a $kind pipe are told by their first bytes, whatever their name',
    async ({ content }) => {
      expect(await totalsOf([write('events.dat', content)])).toMatchObject({
        accepted: 3,
        duplicate: 0,
        refused: 0,
      })
      expect(await totalsOf(['-'], { stdin: content })).toMatchObject({
        accepted: 0,
        duplicate: 3,
        refused: 0,
      })
      for (const { id } of events) expect(await store.has(id)).toBe(true)
    },
  )

  test('events may be wrapped as they travel, end in CRLF, or lack a last line break', async () => {
    const [one, two, three] = events
    const lines = [
      JSON.stringify(['EVENT', one]),
      JSON.stringify({ event: two }),
      '',
      JSON.stringify(['EVENT', 'sub', three]),
    ]
    expect(await totalsOf([], { stdin: lines.join('\r\n') })).toMatchObject({ lines: 3, accepted: 3 })
  })

  test('what retention would remove at once is refused, and costs no signature check', async () => {
    const old = signedEvent({ content: 'old', created_at: 1_000_000_000 })
    const lines = [...events, { ...old, sig: '0'.repeat(128) }].map((event) => JSON.stringify(event))
    write('stoa.toml', '[retention]\nrules = ["*: days=3650"]\n')
    const totals = await totalsOf(['--config', 'stoa.toml'], { stdin: lines.join('\n') })
    expect(totals).toMatchObject({ accepted: 3, refused: 1 })
    expect(Object.keys(totals.reasons)).toEqual([expect.stringMatching(/^blocked: .*older/)])
    expect(store.stats().events).toBe(3)
  })

  test('a file that is not there fails before anything is opened', async () => {
    const { exitCode, stderr } = await importing(['missing.ndjson'], {
      compose: {
        openEventStore: async () => {
          throw new Error('the store was opened')
        },
      },
    })
    expect(exitCode).toBe(1)
    expect(stderr).toContain(`${join(folder, 'missing.ndjson')} cannot be read.`)
  })

  test('a file that breaks off says how far it came, and keeps that', async () => {
    const { exitCode, stderr } = await importing([write('torn.gz', gzipSync(ndjson).subarray(0, -12))])
    expect(exitCode).toBe(1)
    expect(stderr).toContain('The input broke off')
  })
})

describe('every line is accepted, a duplicate, or refused for a stated reason', () => {
  test('refused lines are counted by reason and written down with it', async () => {
    const good = signedEvent({ content: 'good' })
    const lines = [
      JSON.stringify(good),
      'not json',
      JSON.stringify({ ...good, content: 'forged' }),
      JSON.stringify({ ...signedEvent({ content: 'x' }), sig: good.sig }),
      JSON.stringify({ ...good, kind: '1' }),
      JSON.stringify(signedEvent({ kind: 20_001 })),
      JSON.stringify(signedEvent({ tags: [['expiration', '1']] })),
      JSON.stringify(good),
    ]
    const file = write(
      'mixed.ndjson',
      Buffer.concat([Buffer.from(`${lines.join('\n')}\n`), Buffer.from([0xff, 0x0a])]),
    )
    const totals = await totalsOf([file, '--rejects', 'rejects.ndjson'])
    expect(totals).toMatchObject({ lines: 9, accepted: 1, duplicate: 1, refused: 7 })
    const rejects = readFileSync(join(folder, 'rejects.ndjson'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(rejects.map(({ line, reason }) => [line, reason])).toEqual([
      [2, 'invalid: not JSON'],
      [3, 'invalid: id is not the hash of the event'],
      [4, 'invalid: the signature is wrong'],
      [5, 'invalid: kind must be an integer from 0 to 65535'],
      [6, 'ephemeral: events of its kind are not stored (NIP-01)'],
      [7, 'expired: its expiration has passed (NIP-40)'],
      [9, 'invalid: not UTF-8'],
    ])
    expect(rejects[0].text).toBe('not json')
    expect(Object.keys(totals.reasons)).toHaveLength(7)
  })

  test('an older version and a deleted event are refused with their rule', async () => {
    const newer = signedEvent({ kind: 0, created_at: 200, content: '{}' })
    const gone = signedEvent({ content: 'gone' })
    const deletion = signedEvent({ kind: 5, created_at: 1_700_000_001, tags: [['e', gone.id]] })
    const stdin = [newer, signedEvent({ kind: 0, created_at: 100 }), deletion, gone]
      .map((event) => JSON.stringify(event))
      .join('\n')
    expect((await totalsOf([], { stdin })).reasons).toEqual({
      'superseded: a newer version is stored (NIP-01)': 1,
      'deleted: its author has deleted it (NIP-09)': 1,
    })
  })

  test('more lines than one batch keep their numbers', async () => {
    const lines = Array.from({ length: 2500 }, (_, index) => (index === 2222 ? '{}' : '[]'))
    await totalsOf(['-', '--rejects', 'r.ndjson'], { stdin: lines.join('\n') })
    const rejects = readFileSync(join(folder, 'r.ndjson'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(rejects).toHaveLength(2500)
    expect(rejects.find(({ text }) => text === '{}').line).toBe(2223)
  })

  test('totals for people list the reasons', async () => {
    const { stdout } = await importing([], { stdin: `${ndjson}x\ny\n` })
    expect(stdout).toMatch(/^5 lines read in \d+ s/)
    expect(stdout).toMatch(/accepted {3}3\n {2}duplicate {2}0\n {2}refused {4}2\n {4}2 × invalid: not JSON\n/)
  })
})

describe('going on', () => {
  test('--resume reads only what was added to the file since', async () => {
    write('growing.ndjson', `${ndjson}x\n`)
    expect(await totalsOf(['growing.ndjson'])).toMatchObject({ lines: 4 })
    const more = signedEvent({ content: 'more' })
    write('growing.ndjson', `${ndjson}x\n${JSON.stringify(more)}\n`)
    expect(await totalsOf(['growing.ndjson', '--resume'])).toMatchObject({ lines: 1, accepted: 1 })
    expect(await totalsOf(['growing.ndjson'])).toMatchObject({ lines: 5, duplicate: 4 })
  })

  test('--resume of a compressed file passes over what was read', async () => {
    write('events.gz', gzipSync(ndjson))
    await totalsOf(['events.gz'])
    expect(await totalsOf(['events.gz', '--resume'])).toMatchObject({ lines: 0 })
  })

  test('another file of the same name is read from its beginning', async () => {
    write('events.ndjson', ndjson)
    await totalsOf(['events.ndjson'])
    write('events.ndjson', `${JSON.stringify(signedEvent({ content: 'another' }))}\n${ndjson}`)
    expect(await totalsOf(['events.ndjson', '--resume'])).toMatchObject({
      lines: 4,
      accepted: 1,
      duplicate: 3,
    })
  })

  test('an interrupted import says so, fails, and is taken up where it stopped', async () => {
    const many = Array.from({ length: 2000 }, () => '[]').join('\n')
    write('many.ndjson', many)
    const interrupt = new AbortController()
    const stopAfterFirstBatch: EventStore['put'] = async () => {
      interrupt.abort()
      return []
    }
    const { exitCode, stdout } = await importing(['many.ndjson', '--json'], {
      interrupted: interrupt.signal,
      compose: { openEventStore: async () => storeWith(createMemoryStore(), { put: stopAfterFirstBatch }) },
    })
    expect(exitCode).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ lines: 1000, wasInterrupted: true })
    expect(await totalsOf(['many.ndjson', '--resume'])).toMatchObject({ lines: 1000, refused: 1000 })
  })

  test('a store that cannot write stops the import at a named line, and that batch counts as not read', async () => {
    write('events.ndjson', ndjson)
    const full: EventStore['put'] = async (batch) =>
      batch.map(() => ({ status: 'failed', message: 'disk full' }))
    const { exitCode, stderr } = await importing(['events.ndjson'], {
      compose: { openEventStore: async () => storeWith(createMemoryStore(), { put: full }) },
    })
    expect(exitCode).toBe(1)
    expect(stderr).toContain('Stopped at line 1, the store could not write: disk full')
    expect(existsSync(join(folder, 'data', 'import'))).toBe(false)
    expect(await totalsOf(['events.ndjson', '--resume'])).toMatchObject({ lines: 3, accepted: 3 })
  })
})
