import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AdminSocket, openAdminSocket, registerAdmin } from '../console/index.ts'
import { createMemoryOperator, type MemoryOperator } from '../console/testing/index.ts'
import { createHttpServer, createLogger, createMetricsRegistry, type HttpServer } from '../platform/index.ts'
import { ILP_ACTIONS, LEDGER_ACTIONS } from './admin-actions/index.ts'
import { runTestCli } from './testing/run-test-cli.ts'

const TOKEN = 'a-token-of-many-characters'

let folder = ''
let memory: MemoryOperator
let http: HttpServer
let socket: AdminSocket

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-money-cli-'))
  memory = createMemoryOperator()
  http = await createHttpServer({
    logger: createLogger({ level: 'silent', format: 'json' }),
    health: () => ({}),
    metrics: createMetricsRegistry(),
    site: { name: '', description: '', publicUrl: '' },
    routes: (app) => registerAdmin(app, memory.operator),
  })
  socket = await openAdminSocket(folder, http.handle)
  writeFileSync(join(folder, 'token'), `${TOKEN}\n`)
  writeFileSync(join(folder, 'short'), 'short')
})
afterEach(async () => {
  await socket.close()
  await http.close()
  rmSync(folder, { recursive: true, force: true })
})

const run = (...args: readonly string[]) => runTestCli(args, { cwd: folder, env: { STOA_DATA__DIR: folder } })
const tokenFile = () => join(folder, 'token')

/** Each command, in an order in which it can be done. */
const EVERY: readonly (readonly string[])[] = [
  ['ledger', 'accounts', '--prefix', 'assets/'],
  ['ledger', 'statement', 'assets/peer/bob', 'msat', '--limit', '5'],
  ['ledger', 'trial-balance'],
  ['ilp', 'show'],
  ['ilp', 'peer', 'add', 'bob', 'msat', '--their-token-file', 'TOKEN', '--max-receivable', '500'],
  ['ilp', 'peer', 'list'],
  [
    'ilp',
    'peer',
    'change',
    'bob',
    '--max-payable',
    '7',
    '--rail',
    'stub',
    '--threshold',
    '5',
    '--target',
    '1',
  ],
  ['ilp', 'peer', 'pause', 'bob'],
  ['ilp', 'peer', 'resume', 'bob'],
  ['ilp', 'route', 'add', 'test.far', 'bob'],
  ['ilp', 'route', 'list'],
  ['ilp', 'route', 'remove', 'test.far'],
  ['ilp', 'quote', '$example.com/alice', 'msat', '--deliver', '5'],
  ['ilp', 'pay', '$example.com/alice', 'msat', '--send', '5', '--key', 'k'],
  ['ilp', 'payment', 'k'],
  ['ilp', 'ping', 'test.memory'],
  ['ilp', 'balance'],
  ['ilp', 'peer', 'close', 'bob'],
]

test('every command reaches the running program, which takes it as it is sent', async () => {
  const named = [...LEDGER_ACTIONS, ...ILP_ACTIONS].map(({ group, name }) => `${group} ${name}`.trim())
  const asked = EVERY.map(([, first = '', second = '']) =>
    ['peer', 'route'].includes(first) ? `${first} ${second}` : first,
  )
  expect(asked.toSorted()).toEqual(named.toSorted())
  for (const args of EVERY) {
    const filled = args.map((arg) => (arg === 'TOKEN' ? tokenFile() : arg))
    const { exitCode, stderr } = await run(...filled)
    expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 0, stderr: '' })
  }
})

test('of a token that the peer shows only the digest goes further than the command line', async () => {
  const desk = memory.operator.interledger()!
  const seen: unknown[] = []
  const { add } = desk.peers
  Object.assign(desk.peers, {
    add: (...args: Parameters<typeof add>) => {
      seen.push(args[0].link)
      return add(...args)
    },
  })
  await run('ilp', 'peer', 'add', 'a', 'msat', '--their-token-file', tokenFile())
  await run(
    'ilp',
    'peer',
    'add',
    'b',
    'msat',
    '--connect',
    'wss://b.example/btp',
    '--token-file',
    tokenFile(),
  )
  const digest = createHash('sha256').update(TOKEN).digest('hex')
  expect(seen).toEqual([
    { kind: 'btp-server', tokenHash: digest },
    { kind: 'btp-client', url: 'wss://b.example/btp', token: TOKEN },
  ])
})

test('what is wrong is said in words, and tells the shell', async () => {
  const short = await run('ilp', 'peer', 'add', 'a', 'msat', '--their-token-file', join(folder, 'short'))
  expect(short).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/holds 5 characters/) })
  const plain = await run(
    'ilp',
    'peer',
    'add',
    'a',
    'msat',
    '--connect',
    'ws://far.example',
    '--token-file',
    tokenFile(),
  )
  expect(plain).toMatchObject({ exitCode: 2, stderr: expect.stringMatching(/encrypted \(wss:/) })
  const nobody = await run('ilp', 'payment', 'unheard-of')
  expect(nobody).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/no such thing/) })
})

test('a payment that failed ends with a failure', async () => {
  const desk = memory.operator.interledger()!
  const { pay } = desk.payments
  Object.assign(desk.payments, {
    pay: async (...args: Parameters<typeof pay>) => {
      const paid = await pay(...args)
      return paid.ok ? { ok: true, value: { ...paid.value, state: 'failed', reason: 'F02' } } : paid
    },
  })
  const failed = await run('ilp', 'pay', '$example.com/alice', 'msat', '--send', '5')
  expect(failed).toMatchObject({ exitCode: 1, stdout: expect.stringMatching(/state: failed/) })
})
