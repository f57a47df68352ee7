import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { MemoryOperator } from '../console/testing/index.ts'
import { ILP_ACTIONS, LEDGER_ACTIONS } from './admin-actions/index.ts'
import { startTestProgram, type TestProgram } from './testing/test-program.ts'

const TOKEN = 'a-token-of-many-characters'

let program: TestProgram
let memory: MemoryOperator

beforeEach(async () => {
  program = await startTestProgram()
  memory = program.memory
  writeFileSync(join(program.folder, 'token'), `${TOKEN}\n`)
  writeFileSync(join(program.folder, 'short'), 'short')
})
afterEach(() => program.stop())

const run = (...args: readonly string[]) => program.run(...args)
const tokenFile = () => join(program.folder, 'token')

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
  ['ilp', 'settlement', 'show', '--limit', '1'],
  ['ilp', 'settlement', 'give-up', 'order-1', '--never-taken'],
  ['ilp', 'ping', 'test.memory'],
  ['ilp', 'balance'],
  ['ilp', 'peer', 'close', 'bob'],
]

test('every command reaches the running program, which takes it as it is sent', async () => {
  const named = [...LEDGER_ACTIONS, ...ILP_ACTIONS].map(({ group, name }) => `${group} ${name}`.trim())
  const asked = EVERY.map(([, first = '', second = '']) =>
    ['peer', 'route', 'settlement'].includes(first) ? `${first} ${second}` : first,
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
  const short = await run(
    'ilp',
    'peer',
    'add',
    'a',
    'msat',
    '--their-token-file',
    join(program.folder, 'short'),
  )
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

test('a payment without a key is told the one that it got, before it is asked for', async () => {
  const { exitCode, stdout, stderr } = await run('ilp', 'pay', '$example.com/alice', 'msat', '--send', '5')
  const [, key = ''] = /^stoa: this payment has the key (cli:[0-9a-f]{24})\n$/.exec(stderr) ?? []
  expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringContaining(`key: ${key}\n`) })
  expect(await run('ilp', 'payment', key)).toMatchObject({ exitCode: 0, stdout })
})

test('a payment whose answer is lost says how to learn of it, and asked again with its key is not paid twice', async () => {
  const desk = memory.operator.interledger()!
  const { pay } = desk.payments
  let isLost = true
  Object.assign(desk.payments, {
    pay: async (...args: Parameters<typeof pay>) => {
      const paid = await pay(...args)
      if (isLost) program.hangUp()
      return paid
    },
  })
  const lost = await run('ilp', 'pay', '$example.com/alice', 'msat', '--send', '5')
  expect(lost).toMatchObject({ exitCode: 1, stdout: '' })
  const [, key = ''] = /"stoa ilp payment (cli:[0-9a-f]{24})"/.exec(lost.stderr) ?? []
  expect(lost.stderr).toContain(`this payment has the key ${key}\n`)
  expect(lost.stderr).toContain('gave no answer')
  expect(lost.stderr).toContain(`--key ${key}`)
  isLost = false
  const again = await run('ilp', 'pay', '$example.com/alice', 'msat', '--send', '5', '--key', key)
  expect(again).toMatchObject({ exitCode: 0, stderr: '' })
  expect(await run('ilp', 'payment', key)).toEqual(again)
})

test('a payment that another process may have made is told so as well', async () => {
  const desk = memory.operator.interledger()!
  Object.assign(desk.payments, {
    pay: async () => ({ ok: false, refusal: { code: 'UNAVAILABLE', text: 'nobody answered' } }),
  })
  const unheard = await run('ilp', 'pay', '$example.com/alice', 'msat', '--send', '5', '--key', 'k')
  expect(unheard).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('stoa ilp payment k') })
})

test('of settlement people see rails, orders and channels as tables', async () => {
  const { stdout } = await run('ilp', 'settlement', '--limit', '1')
  expect(stdout).toMatch(/^rails:\n {2}rail +status +failedRounds .*\n {2}stub +degraded +3 /m)
  expect(stdout).toMatch(/^orders:\n {2}key .*\n {2}order-2 .* 1180591620717411303424 .*\n[a-z]/m)
  expect(stdout).toMatch(/^channels:\n {2}rail .*\n {2}stub +channel-1 +in /m)
})

test('an order of settlement is given up at once, on the word that the network never took it', async () => {
  const withoutWord = await run('ilp', 'settlement', 'give-up', 'order-1')
  expect(withoutWord).toMatchObject({
    stdout: '',
    stderr: expect.stringContaining('never took order order-1'),
  })
  expect(withoutWord.exitCode).not.toBe(0)
  expect(await run('ilp', 'settlement', 'give-up', 'order-1', '--never-taken')).toEqual({
    exitCode: 0,
    stdout: 'state: given_up\n',
    stderr: '',
  })
  expect(memory.done).toMatchObject([{ by: { actor: 'cli' }, what: 'give-up order-1' }])
})
