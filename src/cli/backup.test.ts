import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Config } from '../config/index.ts'
import type { EventStore } from '../events/index.ts'
import { openLogStore } from '../events/log/index.ts'
import { createMemoryStore } from '../events/memory/index.ts'
import { runTestCli } from './testing/run-test-cli.ts'
import { signedEvent } from './testing/signed-event.ts'

let folder = ''
let store: EventStore

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-backup-cli-'))
  store = createMemoryStore()
  const lines = Array.from({ length: 5 }, (_, n) =>
    JSON.stringify(signedEvent({ content: `${n}`, created_at: n + 1 })),
  )
  await runTestCli(['import'], { cwd: folder, store, stdin: lines.join('\n') })
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const run = (...args: string[]) => runTestCli(args, { cwd: folder, store })
const openEventStore = ({ data }: Config) =>
  openLogStore({ folder: join(folder, data.dir, 'events'), maintenance: 'inline' })

test('a backup is made, listed, verified and restored, and what is exported then is byte for byte the same', async () => {
  const made = await run('backup', 'copies')
  expect(made).toMatchObject({ exitCode: 0, stderr: '' })
  expect(made.stdout).toMatch(/^backup-\S+: 5 events/)
  expect((await run('backup', 'list', 'copies')).stdout).toMatch(/^backup-\S+Z {2}5 events {2}no database/)
  expect(await run('backup', 'verify', 'copies')).toMatchObject({ exitCode: 0 })

  const target = { cwd: folder, compose: { openEventStore } }
  const restored = await runTestCli(['restore', 'copies', '--data', 'fresh'], target)
  expect(restored).toMatchObject({ exitCode: 0, stderr: '' })
  expect(restored.stdout).toContain('5 events')
  const exported = await runTestCli(['export', '--data', 'fresh'], target)
  expect(exported.stdout).toBe((await run('export')).stdout)
  expect(exported.stdout.split('\n').length).toBe(6)

  const again = await runTestCli(['restore', 'copies', '--data', 'fresh'], target)
  expect(again.exitCode).toBe(3)
  expect(again.stderr).toContain('is not empty')
})

test('verify names a damaged file and ends with 3, and restore refuses it with 3', async () => {
  await run('backup', 'copies')
  const [file = ''] = readdirSync(join(folder, 'copies', 'content'))
  appendFileSync(join(folder, 'copies', 'content', file), 'x')
  const verified = await run('backup', 'verify', 'copies')
  expect(verified.exitCode).toBe(3)
  expect(verified.stdout).toContain(`${file} has `)
  const restored = await run('restore', 'copies', '--data', 'fresh')
  expect(restored).toMatchObject({ exitCode: 3 })
  expect(restored.stderr).toContain(file)
})

test.each([[['backup']], [['backup', 'copies', '--keep', '0']]])(
  '%j is refused by its words',
  async (args) => {
    expect(await run(...args)).toMatchObject({ exitCode: 2, stdout: '' })
  },
)

test('prune shows in a dry run what it then removes', async () => {
  const rules = { STOA_RETENTION__RULES: '1: events=2' }
  const prune = (...args: string[]) => runTestCli(['prune', ...args], { cwd: folder, store, env: rules })
  expect((await prune('--dry-run')).stdout).toMatch(
    /^3 events, about \d.* would be removed\n {2}3 × count {2}\(1: events=2\)/,
  )
  expect(store.stats().events).toBe(5)
  const { exitCode, stdout } = await prune('--json')
  expect(exitCode).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ isWhole: true, removed: [{ reason: 'count', events: 3 }] })
  expect(store.stats().events).toBe(2)
  expect((await run('prune')).stdout).toContain('Nothing is ever removed')
})
