import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { PolicySettings } from '../settings.ts'
import { ALICE, BOB, testContext, testDeps, testEvent, testSettings } from './testing/policy-kit.ts'
import { createWritePolicies, type WritePolicies } from './write-policies.ts'

let folder: string
let running: WritePolicies | undefined

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-plugin-'))
})

afterEach(() => {
  running?.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A plugin as people write them: reads lines, answers by the content of the event, and notes what it was asked. */
function writePlugin(body: string): string {
  const file = join(folder, 'plugin.mjs')
  writeFileSync(
    file,
    `#!${process.execPath}
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
const say = (answer) => process.stdout.write(JSON.stringify(answer) + '\\n')
for await (const line of createInterface({ input: process.stdin })) {
  appendFileSync(${JSON.stringify(join(folder, 'asked'))}, line + '\\n')
  const request = JSON.parse(line)
  const { id, content } = request.event
  ${body}
}
`,
  )
  chmodSync(file, 0o755)
  return file
}

const BY_CONTENT = `
  if (content === 'crash') process.exit(3)
  if (content === 'sleep') continue
  if (content === 'chatter') process.stdout.write('thinking…\\n{"half":1}\\n')
  if (content === 'bad') say({ id, action: 'reject', msg: 'blocked: no bad words' })
  else if (content === 'rude') say({ id, action: 'reject', msg: 'be polite' })
  else if (content === 'bot') say({ id, action: 'shadowReject' })
  else say({ id, action: 'accept' })
`

function relayWith(file: string, plugin: Partial<PolicySettings['plugin']> = {}) {
  const deps = testDeps()
  running = createWritePolicies(testSettings({ policies: { plugin: { command: [file], ...plugin } } }), deps)
  const policies = running
  return {
    deps,
    judge: async (content: string, context = testContext()) =>
      policies.judgeLate(testEvent({ content }), context),
  }
}

test('a plugin accepts, rejects with its words, and shadow-rejects', async () => {
  const { judge } = relayWith(writePlugin(BY_CONTENT))
  expect(await judge('good')).toBeUndefined()
  expect(await judge('bad')).toEqual({ do: 'refuse', text: 'blocked: no bad words' })
  expect(await judge('rude')).toEqual({ do: 'refuse', text: 'blocked: be polite' })
  expect(await judge('bot')).toEqual({ do: 'pretend' })
  expect(await judge('chatter')).toBeUndefined()
})

test('it is told what strfry tells, one line for each event', async () => {
  const { judge } = relayWith(writePlugin(BY_CONTENT))
  await judge('hello\nworld', testContext({ address: '2001:db8:0:1::/64', pubkeys: [BOB] }))
  await judge('x', testContext({ origin: 'mirror', address: 'wss://relay.example' }))
  const [first, second] = readFileSync(join(folder, 'asked'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(first).toMatchObject({
    type: 'new',
    event: { pubkey: ALICE, content: 'hello\nworld' },
    receivedAt: testContext().nowSeconds,
    sourceType: 'IP6',
    sourceInfo: '2001:db8:0:1::/64',
    authed: BOB,
  })
  expect(second).toMatchObject({ sourceType: 'Stream', sourceInfo: 'wss://relay.example' })
})

test('many at once are answered each with its own answer', async () => {
  const { judge } = relayWith(writePlugin(BY_CONTENT))
  const contents = Array.from({ length: 300 }, (_, index) => (index % 3 === 0 ? 'bad' : 'good'))
  const verdicts = await Promise.all(contents.map((content) => judge(content)))
  expect(verdicts.map((verdict) => verdict === undefined)).toEqual(
    contents.map((content) => content === 'good'),
  )
})

test.each(['accept', 'refuse'] as const)(
  'when it crashes, events meanwhile are met by: %s; then it runs again',
  async (whenUnavailable) => {
    const { judge, deps } = relayWith(writePlugin(BY_CONTENT), { whenUnavailable })
    const without = whenUnavailable === 'accept' ? undefined : { text: expect.stringMatching(/^error: /) }
    const [crashed, waiting] = await Promise.all([judge('crash'), judge('bad')])
    for (const verdict of [crashed, waiting, await judge('bad')]) {
      if (without === undefined) expect(verdict).toBeUndefined()
      else expect(verdict).toMatchObject(without)
    }
    expect(deps.notices).toMatchObject([
      { event: 'policies.plugin_failed', facts: { why: 'it ended with code 3' } },
    ])
    await vi.waitFor(
      async () => expect(await judge('bad')).toMatchObject({ text: 'blocked: no bad words' }),
      10_000,
    )
  },
)

test('one that does not answer in time is started again', async () => {
  const { judge, deps } = relayWith(writePlugin(BY_CONTENT), { timeoutMs: 300 })
  // Until it has started, events are not kept waiting, and it is not given up either.
  await vi.waitFor(async () => expect(await judge('good')).toBeUndefined(), 10_000)
  expect(await judge('sleep')).toMatchObject({ text: expect.stringMatching(/^error: /) })
  expect(deps.notices).toMatchObject([{ facts: { why: 'it did not answer in time' } }])
  await vi.waitFor(
    async () => expect(await judge('rude')).toMatchObject({ text: 'blocked: be polite' }),
    10_000,
  )
})

test('a program that cannot be started leaves the events to the setting', async () => {
  const { judge, deps } = relayWith(join(folder, 'missing'))
  expect(await judge('good')).toMatchObject({ text: expect.stringMatching(/^error: /) })
  expect(deps.notices).toMatchObject([{ event: 'policies.plugin_failed' }])
})

test('more than may wait are not asked about', async () => {
  const { judge } = relayWith(writePlugin(BY_CONTENT), { maxWaiting: 1, timeoutMs: 500 })
  const [, second] = await Promise.all([judge('sleep'), judge('good')])
  expect(second).toMatchObject({ text: expect.stringMatching(/^error: /) })
})

test('when its file changes, the new one is asked, and the old one still answers what it was asked', async () => {
  const { judge } = relayWith(writePlugin(BY_CONTENT))
  expect(await judge('bad')).toMatchObject({ do: 'refuse' })
  writePlugin(`say({ id, action: 'accept' })`)
  await vi.waitFor(async () => expect(await judge('bad')).toBeUndefined(), 15_000)
})
