import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  FAILED_JOBS,
  heldEvent,
  type MemoryOperator,
  reportedEvent,
  testConnection,
} from '../console/testing/index.ts'
import { ADMIN_ACTIONS } from './admin-actions/index.ts'
import { answerLines } from './admin-print.ts'
import { startTestProgram, type TestProgram } from './testing/test-program.ts'

const KEY = '7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e'
const NPUB = 'npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg'
const EVENT = 'cd'.repeat(32)

let program: TestProgram
let memory: MemoryOperator

beforeEach(async () => {
  program = await startTestProgram()
  memory = program.memory
})
afterEach(() => program.stop())

const admin = (...args: readonly string[]) => program.run('admin', ...args)
const CLI = { actor: 'cli', role: 'cli' }

test('a key in any spelling is banned in the name of the command line', async () => {
  const answer = await admin('key', 'ban', NPUB, '--reason', 'spam')
  expect(answer).toMatchObject({ exitCode: 0, stdout: 'changed: 1\n', stderr: '' })
  expect(memory.access.banReasonOf(KEY)).toBe('spam')
  expect(memory.done).toMatchObject([{ by: CLI, what: expect.stringContaining(KEY) }])
})

test('every key that can be named is taken as npub and as hex, and what is neither is told what to type', () => {
  const named = ADMIN_ACTIONS.flatMap(({ group, name, args, options }) => [
    ...args.filter((argument) => argument.name === 'key').map(({ read }) => ({ group, name, read })),
    ...options.filter(({ flags }) => flags.endsWith('<key>')).map(({ read }) => ({ group, name, read })),
  ])
  expect(named.length).toBeGreaterThan(15)
  for (const { group, name, read } of named) {
    const where = `${group} ${name}`
    for (const text of [NPUB, `nostr:${NPUB}`, KEY, KEY.toUpperCase()]) {
      expect({ where, value: read?.(text) }).toEqual({ where, value: { ok: true, value: KEY } })
    }
    expect({ where, value: read?.('alice') }).toMatchObject({
      value: { ok: false, refusal: expect.stringMatching(/64 hex characters, npub1… or nprofile1…/) },
    })
  }
})

test('the first owner is made by their npub', async () => {
  expect(await admin('staff', 'grant', 'owner', NPUB)).toMatchObject({ exitCode: 0, stderr: '' })
  expect(memory.staff).toMatchObject([{ pubkey: KEY, role: 'owner', grantedBy: 'cli' }])
  const wrong = await admin('staff', 'grant', 'owner', 'alice')
  expect(wrong).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('npub1…') })
  expect((await admin('staff', 'grant', NPUB, 'owner')).stderr).toContain('must be one of owner')
})

test('lists are tables for people and JSON for machines', async () => {
  memory.connections.push(testConnection('c1', { pubkeys: [KEY] }))
  const table = await admin('connections')
  expect(table.stdout).toMatch(/^id +address +pubkeys /)
  expect(table.stdout).toContain(`c1  192.0.2.1  ${KEY}`)
  const json = await admin('connections', '--json')
  expect(JSON.parse(json.stdout)).toMatchObject([{ id: 'c1', pubkeys: [KEY] }])
})

test.each([
  [['key', 'ban', 'npub1wrong'], 2, 'public key'],
  [['level', 'set', NPUB, 'emperor'], 2, 'one of anonymous'],
  [['kind', 'allow', '70000'], 2, 'whole number'],
  [['ky', 'ban'], 2, 'Did you mean key'],
  [['invite', 'create', '--uses', 'many'], 2, 'maxUses'],
  [['limit', 'set', 'relay.nothing', '1'], 2, 'not a setting'],
  [['queue', 'approve', EVENT], 1, 'no such thing'],
])('%j ends with %i and says why', async (args, exitCode, text) => {
  const answer = await admin(...args)
  expect(answer.exitCode).toBe(exitCode)
  expect(answer.stderr).toContain(text)
  expect(answer.stdout).toBe('')
})

test('without a running program it says so, and where it looked', async () => {
  await program.stop()
  const answer = await admin('status')
  expect(answer.exitCode).toBe(1)
  expect(answer.stderr).toContain(`No Stoa runs on the data folder ${program.folder}`)
})

test('a part that is not ready is a failure with a reason', async () => {
  memory.closed.add('membership')
  expect(await admin('member', 'list')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('not ready'),
  })
})

/** In this order each finds what the one before has left. */
const EVERY: readonly (readonly string[])[] = [
  ['status', 'show'],
  ['key', 'ban', NPUB, '--purge'],
  ['key', 'unban', NPUB],
  ['key', 'allow', NPUB],
  ['key', 'unallow', NPUB],
  ['key', 'shadow', NPUB],
  ['key', 'unshadow', NPUB],
  ['key', 'list'],
  ['event', 'ban', EVENT],
  ['event', 'allow', EVENT],
  ['event', 'list'],
  ['ip', 'ban', '192.0.2.0/24'],
  ['ip', 'unban', '192.0.2.0/24'],
  ['ip', 'unlimit', '192.0.2.1'],
  ['ip', 'limit', '192.0.2.1'],
  ['ip', 'list', '--list', 'unlimited-ip'],
  ['kind', 'allow', '1'],
  ['kind', 'deny', '1'],
  ['kind', 'forget', '1'],
  ['kind', 'list'],
  ['level', 'set', NPUB, 'trusted', '--days', '30'],
  ['level', 'unset', NPUB],
  ['level', 'list'],
  ['maintenance', 'on'],
  ['maintenance', 'off'],
  ['relay', 'name', 'Agora'],
  ['relay', 'description', 'A market'],
  ['relay', 'icon', 'https://relay.example/icon.png'],
  ['relay', 'max-connections', '--number', '50'],
  ['connections', 'list', '--key', NPUB],
  ['kick', 'connection', 'c1'],
  ['kick', 'key', NPUB, '--text', 'bye'],
  ['kick', 'ip', '192.0.2.1'],
  ['limit', 'set', 'relay.limits.maxLimit', '10'],
  ['limit', 'list'],
  ['queue', 'list'],
  ['queue', 'approve', EVENT],
  ['queue', 'reject', KEY],
  ['report', 'list'],
  ['report', 'resolve', 'event', EVENT, 'dismiss'],
  ['invite', 'create', '--uses', '3', '--days', '7'],
  ['invite', 'list'],
  ['invite', 'revoke', 'made-up-code'],
  ['member', 'add', NPUB],
  ['member', 'list'],
  ['member', 'remove', NPUB],
  ['role', 'put', 'vip', '--label', 'VIP', '--color', '120', '--order', '-1'],
  ['role', 'assign', NPUB, 'vip'],
  ['role', 'unassign', NPUB, 'vip'],
  ['role', 'list'],
  ['role', 'remove', 'vip'],
  ['staff', 'grant', 'owner', NPUB],
  ['staff', 'list'],
  ['staff', 'revoke', 'owner', NPUB],
  ['trusted', 'add', NPUB, '--reason', 'a friend'],
  ['trusted', 'list'],
  ['trusted', 'remove', NPUB],
  ['subscription', 'set', NPUB, '30'],
  ['subscription', 'list'],
  ['name', 'set', 'bob', NPUB, '--relays', 'wss://a.example,wss://b.example'],
  ['name', 'list'],
  ['name', 'remove', 'bob'],
  ['mirror', 'add', 'wss://other.example', '--filter', '{"kinds":[1]}'],
  ['mirror', 'pause', 'mirror-1'],
  ['mirror', 'resume', 'mirror-1'],
  ['mirror', 'list'],
  ['mirror', 'remove', 'mirror-1'],
  ['backup', 'now'],
  ['backup', 'list'],
  ['jobs', 'queues'],
  ['jobs', 'failures', '--limit', '10'],
  ['jobs', 'retry', FAILED_JOBS[0]],
  ['jobs', 'remove', FAILED_JOBS[1]],
  ['audit', 'list'],
  ['audit', 'verify'],
]

describe('every action', () => {
  test('is in the table of this test', () => {
    expect(EVERY.map(([group, name]) => `${group} ${name}`).toSorted()).toEqual(
      ADMIN_ACTIONS.map(({ group, name }) => `${group} ${name}`).toSorted(),
    )
  })

  test('reaches the running program, which takes it as it is sent', async () => {
    memory.held.push(heldEvent(EVENT), heldEvent(KEY))
    memory.reports.push(reportedEvent(EVENT))
    for (const args of EVERY) {
      const { exitCode, stderr } = await admin(...args)
      expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 0, stderr: '' })
    }
    expect(memory.access.toJSON()).toMatchObject({
      maintenance: false,
      maxConnections: 50,
      information: { name: 'Agora' },
    })
    expect(new Set(memory.done.map(({ by }) => JSON.stringify(by)))).toEqual(new Set([JSON.stringify(CLI)]))
  })
})

test('what others wrote cannot colour or move anything in a terminal', () => {
  const [, line = ''] = answerLines([{ reason: 'a\u001b[31mred\u202e\nnext' }])
  expect(line).not.toMatch(/\p{C}/u)
  expect(line).toContain('red')
})

test('times are shown as times, and an empty list as such', () => {
  expect(answerLines([{ addedAtSeconds: 1_700_000_000 }])).toEqual(['addedAtSeconds', '2023-11-14 22:13:20'])
  expect(answerLines([])).toEqual(['(none)'])
})
