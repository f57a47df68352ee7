import { once } from 'node:events'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { API_KEY_ID, type MemoryOperator } from '../console/testing/index.ts'
import { accepted, refused } from '../kernel/index.ts'
import { OBSERVATORY_ACTIONS } from './admin-actions/index.ts'
import { startTestProgram, type TestProgram } from './testing/test-program.ts'

let program: TestProgram
let memory: MemoryOperator

beforeEach(async () => {
  program = await startTestProgram()
  memory = program.memory
})
afterEach(() => program.stop())

const run = (...args: readonly string[]) => program.run('observatory', ...args)
const GROUPS = ['relay', 'alerts', 'tier']

/** In this order each finds what the one before has left. */
const EVERY: readonly (readonly string[])[] = [
  ['show'],
  ['begin-anew'],
  ['relay', 'add', 'wss://other.example'],
  ['relay', 'refuse', 'wss://bad.example', '--why', 'it lies'],
  ['relays', '--text', 'example', '--refused', '--state', 'refused', '--limit', '5'],
  ['relay', 'allow', 'wss://bad.example'],
  ['alerts', 'list'],
  ['tier', 'subscribe', API_KEY_ID, 'plus'],
  ['tier', 'show', API_KEY_ID],
  ['tier', 'end', API_KEY_ID],
]

test('every command reaches the running program, which takes it as it is sent', async () => {
  const asked = EVERY.map(([first = '', second = '']) =>
    GROUPS.includes(first) ? `${first} ${second}` : first,
  )
  expect(asked.toSorted()).toEqual(
    OBSERVATORY_ACTIONS.map(({ group, name }) => `${group} ${name}`.trim()).toSorted(),
  )
  for (const args of EVERY) {
    const { exitCode, stderr } = await run(...args)
    expect({ args, exitCode, stderr }).toEqual({ args, exitCode: 0, stderr: '' })
  }
})

test('people see lines and tables, and machines JSON', async () => {
  const shown = await run('show')
  expect(shown.stdout).toMatch(/^watch: network$/m)
  expect(shown.stdout).toMatch(/^figures:\n {2}from: engine\n {2}atSeconds: 2023-11-14 22:13:20$/m)
  expect(shown.stdout).toMatch(/^offences:\n {2}forged-id: 2$/m)
  expect(shown.stdout).toMatch(/^collectors:\n {2}name +region +deliveredAtSeconds\n {2}c0ffee +home /m)
  await run('relay', 'refuse', 'wss://bad.example', '--why', 'it lies')
  const listed = await run('relays', '--refused', '--json')
  expect(JSON.parse(listed.stdout)).toMatchObject([{ url: 'wss://bad.example', refusedWhy: 'it lies' }])
  expect((await run('relays')).stdout).toBe('(none)\n')
})

test('an API key is named by its id; of its text, should somebody paste it, the secret goes no further', async () => {
  const answer = await run('tier', 'subscribe', `stoa_${API_KEY_ID}_${'s'.repeat(43)}`, 'plus')
  expect(answer).toMatchObject({ exitCode: 0, stderr: '' })
  expect(memory.done).toMatchObject([{ by: { actor: 'cli' }, what: `subscribe ${API_KEY_ID} plus` }])
})

test.each([
  [['tier', 'show', 'alice'], 2, '16 hex characters'],
  [['tier', 'show', 'f'.repeat(16)], 1, 'no such thing'],
  [['tier', 'subscribe', API_KEY_ID, 'gold'], 2, 'no tier "gold"'],
  [['relays', '--state', 'asleep'], 2, 'state'],
  [['relay', 'allow', 'wss://unheard.example'], 1, 'no such thing'],
  [['export', 'everything'], 2, 'one of relay-events'],
  [['export', 'clients', '--format', 'xml'], 2, 'one of csv'],
  [['export', 'clients', '--since', 'yesterday'], 2, '2026-11-21'],
])('%j ends with %i and says why', async (args, exitCode, text) => {
  const answer = await run(...args)
  expect(answer).toMatchObject({ exitCode, stdout: '' })
  expect(answer.stderr).toContain(text)
})

describe('an export', () => {
  const serve = (exportHistory: unknown) =>
    void Object.assign(memory.operator.observatory()!, { exportHistory })

  test('goes to standard output as it is sent, for the time that was asked', async () => {
    const asked: unknown[] = []
    const bytes = Buffer.from([0x50, 0x41, 0x52, 0x31, 0x00, 0xff])
    serve(async (query: unknown) => {
      asked.push(query)
      return accepted(Readable.from([bytes]))
    })
    const args = ['relay-hours', '--format', 'json', '--since', '2026-11-01', '--until', '1800000000']
    const { exitCode, stdout, stderr } = await run('export', ...args)
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    expect(stdout).toBe(bytes.toString())
    const sinceSeconds = Date.parse('2026-11-01') / 1_000
    expect(asked).toEqual([
      { what: 'relay-hours', format: 'json', sinceSeconds, untilSeconds: 1_800_000_000 },
    ])
  })

  test('that cannot be made is a failure with the reason', async () => {
    serve(async () => refused({ code: 'UNAVAILABLE', text: 'DuckDB is not installed here' }))
    const answer = await run('export', 'clients')
    expect(answer).toMatchObject({ exitCode: 1, stdout: '', stderr: 'stoa: DuckDB is not installed here\n' })
  })

  test('that breaks off half-way is not taken for whole', async () => {
    serve(async () => {
      const half = new Readable({ read: () => {} })
      half.push('name,events\n')
      void once(half, 'resume').then(() => setTimeout(() => half.destroy(new Error('the disk is gone')), 50))
      return accepted(half)
    })
    const answer = await run('export', 'clients')
    expect(answer.exitCode).toBe(1)
    expect(answer.stderr).toContain('the export is not whole')
  })
})

test('without a running program it says so, and where it looked', async () => {
  await program.stop()
  for (const args of [['show'], ['export', 'clients']]) {
    const answer = await run(...args)
    expect(answer.exitCode).toBe(1)
    expect(answer.stderr).toContain(`No Stoa runs on the data folder ${program.folder}`)
  }
})
