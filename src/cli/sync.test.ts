import { afterEach, expect, test } from 'vitest'
import { createMemoryStore } from '../events/memory/index.ts'
import { AppError } from '../kernel/index.ts'
import { allIds, fillStore, signedEvent, startTestRelay } from '../mirrors/testing/index.ts'
import { runTestCli } from './testing/run-test-cli.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

const cwd = import.meta.dirname
const notes = (count: number, content: string) =>
  Array.from({ length: count }, (_, n) =>
    signedEvent({ content: `${content} ${n}`, created_at: 1_700_000_000 + n }),
  )

async function stores() {
  const [store, theirs] = [createMemoryStore(), createMemoryStore()]
  await fillStore(store, notes(5, 'mine'))
  await fillStore(theirs, notes(7, 'theirs'))
  const peer = await startTestRelay(theirs)
  cleanUps.push(() => peer.stop())
  return { store, theirs, url: peer.url }
}

test('sync fetches what is missing here, and says how much that was', async () => {
  const { store, theirs, url } = await stores()
  const run = await runTestCli(['sync', url], { cwd, store })
  expect(run).toMatchObject({ exitCode: 0, stderr: '' })
  expect(run.stdout).toMatch(/7 events moved .* by comparing/)
  expect(run.stdout).toMatch(/stored +7/)
  expect([store.stats().events, theirs.stats().events]).toEqual([12, 7])
})

test('sync --both within a span of time brings both sides to the same there', async () => {
  const { store, theirs, url } = await stores()
  const until = '2023-11-14T22:13:21Z'
  const run = await runTestCli(['sync', url, '--both', '--until', until, '--json'], { cwd, store })
  expect(JSON.parse(run.stdout)).toMatchObject({ stored: 2, uploaded: 2, wasInterrupted: false })
  expect([store.stats().events, theirs.stats().events]).toEqual([7, 9])
})

test('rules of the relay refuse what they would refuse from clients', async () => {
  const { store, url } = await stores()
  const compose = {
    createWritePolicies: async () => ({
      judgeEarly: () => ({ do: 'refuse' as const, text: 'blocked: no' }),
      judgeLate: () => undefined,
      close: () => undefined,
    }),
  }
  const before = await allIds(store)
  const run = await runTestCli(['sync', url, '--json'], { cwd, store, compose })
  expect(JSON.parse(run.stdout)).toMatchObject({ stored: 0, refused: 7, refusals: { blocked: 7 } })
  expect(await allIds(store)).toEqual(before)
})

test('a store that a running program holds is left alone, and mirrors are pointed at', async () => {
  const openEventStore = async () => {
    throw new AppError('STORE_LOCKED', 'It is in use.')
  }
  const run = await runTestCli(['sync', 'ws://127.0.0.1:1'], { cwd, compose: { openEventStore } })
  expect(run).toMatchObject({ exitCode: 3, stderr: expect.stringContaining('relay.mirrors') })
})

test('a relay that cannot be reached is a failure', async () => {
  const run = await runTestCli(['sync', 'ws://127.0.0.1:1'], { cwd, store: createMemoryStore() })
  expect(run).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('ECONNREFUSED') })
})

test.each([
  ['--filter', '{"limit":5}', 'no limit'],
  ['--filter', 'kinds', 'not JSON'],
  ['--since', 'yesterday', 'neither a date'],
])('%s %s is refused', async (option, value, why) => {
  const run = await runTestCli(['sync', 'ws://127.0.0.1:1', option, value], {
    cwd,
    store: createMemoryStore(),
  })
  expect(run).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(why) })
})

test('up and down together are spelled --both', async () => {
  const run = await runTestCli(['sync', 'ws://127.0.0.1:1', '--up', '--down'], {
    cwd,
    store: createMemoryStore(),
  })
  expect(run.exitCode).toBe(2)
})
