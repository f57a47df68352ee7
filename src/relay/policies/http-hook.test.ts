import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import type { PolicySettings } from '../settings.ts'
import { ALICE, testContext, testDeps, testEvent, testSettings } from './testing/policy-kit.ts'
import { createWritePolicies, type WritePolicies } from './write-policies.ts'

let server: Server | undefined
let running: WritePolicies | undefined

afterEach(async () => {
  running?.close()
  server?.closeAllConnections()
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)))
  server = undefined
})

interface Question {
  readonly event: { readonly id: string; readonly content: string; readonly pubkey: string }
  readonly type: string
}

type Answer = (question: Question, response: ServerResponse, request: IncomingMessage) => void

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString())
}

/** A real web service on a free port, and a relay that asks it. */
async function relayAsking(answer: Answer, hook: Partial<PolicySettings['hook']> = {}) {
  server = createServer((request, response) => {
    void readJson(request).then((question) => answer(question as Question, response, request))
  })
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const deps = testDeps()
  const url = `http://127.0.0.1:${port}/judge`
  running = createWritePolicies(testSettings({ policies: { hook: { url, ...hook } } }), deps)
  const policies = running
  return { deps, judge: async (content: string) => policies.judgeLate(testEvent({ content }), testContext()) }
}

const byContent: Answer = ({ event: { id, content } }, response) => {
  if (content === 'broken') response.writeHead(500).end('{}')
  else if (content === 'nonsense') response.end('<html>')
  else if (content === 'endless') response.end('x'.repeat(100_000))
  else if (content === 'elsewhere') response.writeHead(302, { location: '/other' }).end()
  else if (content !== 'silent') response.end(JSON.stringify({ id, action: content, msg: 'says the hook' }))
}

const unavailable = expect.objectContaining({ text: expect.stringMatching(/^error: /) })

test('a hook accepts, rejects, shadow-rejects and holds', async () => {
  const { judge } = await relayAsking(byContent)
  expect(await judge('accept')).toBeUndefined()
  expect(await judge('reject')).toEqual({ do: 'refuse', text: 'blocked: says the hook' })
  expect(await judge('shadowReject')).toEqual({ do: 'pretend' })
  expect(await judge('hold')).toEqual({ do: 'hold', why: 'says the hook' })
})

test('it is sent the question of a plugin, with the secret in the header and nowhere else', async () => {
  let seen: { question: Question; authorization: string | undefined; method: string | undefined } | undefined
  const { judge } = await relayAsking(
    (question, response, { headers, method }) => {
      seen = { question, authorization: headers.authorization, method }
      byContent(question, response, undefined as never)
    },
    { secret: 'open sesame' },
  )
  await judge('accept')
  expect(seen).toMatchObject({
    question: { type: 'new', event: { pubkey: ALICE, content: 'accept' } },
    authorization: 'Bearer open sesame',
    method: 'POST',
  })
  expect(JSON.stringify(seen?.question)).not.toContain('sesame')
})

test.each(['broken', 'nonsense', 'endless', 'elsewhere', 'silent'])(
  'an answer that is %s counts as none, and the operator says what happens then',
  async (content) => {
    const hook = { timeoutMs: 300 }
    expect(await (await relayAsking(byContent, hook)).judge(content)).toEqual(unavailable)
    server?.closeAllConnections()
    server?.close()
    expect(
      await (await relayAsking(byContent, { ...hook, whenUnavailable: 'accept' })).judge(content),
    ).toBeUndefined()
  },
)

test('after some failures it is left alone, and asked again after a while', async () => {
  let asked = 0
  const answer: Answer = (question, response, request) => {
    asked++
    byContent(question, response, request)
  }
  const { judge, deps } = await relayAsking(answer, { breakAfterFailures: 2, breakSeconds: 30 })
  for (const content of ['broken', 'accept', 'broken', 'broken', 'accept', 'accept']) await judge(content)
  expect(asked).toBe(4)
  expect(deps.notices).toMatchObject([{ event: 'policies.hook_failed', facts: { why: 'status 500' } }])
  deps.clock.advanceSeconds(30)
  expect(await judge('accept')).toBeUndefined()
  expect(asked).toBe(5)
})

test('requests at a time and events that wait are bounded, and nobody who waits is forgotten', async () => {
  const open: (() => void)[] = []
  let most = 0
  const answer: Answer = ({ event: { id } }, response) => {
    open.push(() => response.end(JSON.stringify({ id, action: 'accept' })))
    most = Math.max(most, open.length)
  }
  const { judge } = await relayAsking(answer, { maxConcurrent: 2, maxWaiting: 3, timeoutMs: 20_000 })
  const judging = Array.from({ length: 7 }, () => judge('accept'))
  expect(await judging[5]).toEqual(unavailable)
  expect(await judging[6]).toEqual(unavailable)
  for (let answered = 0; answered < 5; answered++) {
    await vi.waitFor(() => expect(open.length).toBeGreaterThan(0))
    open.shift()?.()
  }
  expect(await Promise.all(judging.slice(0, 5))).toEqual(Array(5).fill(undefined))
  expect(most).toBe(2)
})

test('what was decided without it is counted, as are its failures', async () => {
  const { judge } = await relayAsking(byContent, { breakAfterFailures: 2 })
  const hook = () => running?.state().outside.hook
  await judge('accept')
  expect(hook()).toMatchObject({ up: 1, waiting: 0, unanswered: 0, failures: 0 })
  await judge('broken')
  await judge('broken')
  await judge('accept')
  expect(hook()).toMatchObject({ up: 0, waiting: 0, unanswered: 3, failures: 2 })
})
