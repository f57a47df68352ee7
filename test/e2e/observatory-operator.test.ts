/** The observatory in the hands of its operator: by the command line, by `/metrics`, by `stoa doctor`; and people's own keys. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { authorizationOf, httpAuthEvent } from '../conformance/kit/http-auth.ts'
import { authorNamed, eventBy } from './authors.ts'
import { untilCounted } from './observatory/ask-figures.ts'
import {
  relayNames,
  startWatchedNetwork,
  type WatchedNetwork,
  watching,
} from './observatory/watched-network.ts'
import { Stage, type StoaEnvironment, type StoaProcess } from './stoa-process.ts'

vi.setConfig({ testTimeout: 240_000 })

const PATIENCE = { timeout: 90_000, interval: 300 }
const RELAYS = 6
const alice = authorNamed('alice')
const mallory = authorNamed('mallory')

const stage = new Stage()
let hasFailed = false
afterEach(({ task }) => {
  hasFailed ||= task.result?.state === 'fail'
})
afterAll(() => stage.end({ hasFailed }))

let urls: readonly string[]
let network: WatchedNetwork
let env: StoaEnvironment
let stoa: StoaProcess
beforeAll(async () => {
  urls = await relayNames(RELAYS)
  network = await startWatchedNetwork(urls.map((url) => ({ url })))
  stage.atEnd(() => void network.stop())
  network.publish(
    Array.from({ length: 50 }, (_, n) => ({ event: eventBy(alice, { content: `note ${n}` }), urls })),
  )
  env = { ...watching(stage, network.loopback.addresses), STOA_OBSERVATORY__SNAPSHOT_SECONDS: '10' }
  stoa = await stage.start({ hasOffice: true, env })
})

test('people subscribe their own API keys from their credit, and nobody those of others', async () => {
  const path = '/api/v1/stats/subscription'
  const made = await vi.waitFor(async () => {
    const wish = { name: 'the bot', scopes: ['stats:read'] }
    const answer = await send(stoa, alice, 'POST', '/api/auth/keys/create', wish)
    expect(answer).toMatchObject({ status: 200 })
    return answer
  }, PATIENCE)
  const { id } = made.json as { readonly id: string }
  await vi.waitFor(
    async () =>
      expect(await send(stoa, alice, 'GET', `${path}?key=${id}`)).toMatchObject({
        status: 200,
        json: { key: { id, name: 'the bot' }, tier: 'free', subscription: null },
      }),
    PATIENCE,
  )
  expect(await send(stoa, mallory, 'GET', `${path}?key=${id}`)).toMatchObject({ status: 404 })
  expect(await send(stoa, alice, 'POST', path, { key: id, tier: 'plus' })).toMatchObject({
    status: 402,
    json: { error: { code: 'SHORT_FUNDS' } },
  })
  expect(await stage.ask(stoa, 'observatory', 'tier', 'show', id)).toMatchObject({
    keyId: id,
    owner: alice.pubkey,
    tier: 'free',
  })
  const short = await run(stoa, 'tier', 'subscribe', id, 'plus')
  expect(short).toMatchObject({ code: 2, stderr: expect.stringContaining('relay credit is less') })
  const docs: unknown = await (await fetch(stoa.httpUrl('/api/v1/docs/openapi.json'))).json()
  expect(docs).toMatchObject({ paths: { [path]: { get: {}, post: {}, delete: {} } } })
})

test('an operator sees the network, leaves a relay alone, exports, and is told when something is wrong', async () => {
  expect(stoa.stdout).toMatch(/^ {2}observatory {2}the network, by up to 16 connections$/m)
  const ask = (...words: readonly string[]) => stage.ask(stoa, 'observatory', ...words)

  // Asking the program itself costs nothing; a command is a process of its own, which would only keep it waiting.
  await untilCounted(stoa, network)
  // One more than were named: our own relay.
  await vi.waitFor(
    async () =>
      expect(await ask('show')).toMatchObject({
        watch: 'network',
        state: 'keeping',
        isKeeper: true,
        hasKeeper: true,
        snapshotAtSeconds: expect.any(Number),
        figures: { from: 'engine', relaysConnected: RELAYS + 1, events24h: 50 },
        collector: { known: RELAYS + 1, connected: RELAYS + 1, verified: 50 },
        delivery: { isJournalFull: false, failuresInARow: 0 },
        collectors: [{ region: 'home' }],
      }),
    PATIENCE,
  )
  // The list says what the page says, not what it was when the last snapshot was written.
  const listed = (await ask('relays')) as readonly { readonly url: string; readonly events24h: number }[]
  const shown = await fetch(stoa.httpUrl('/api/v1/stats/relays?range=24h'))
  const counted = (await shown.json()) as readonly { readonly url: string; readonly events: number }[]
  expect(counted.some(({ events }) => events > 0)).toBe(true)
  const numbers = counted.map(({ url, events }) => [url, events])
  expect(Object.fromEntries(listed.map(({ url, events24h }) => [url, events24h]))).toMatchObject(
    Object.fromEntries(numbers),
  )

  // A relay that is refused is left at once, and stays left; taken back, it is connected to again.
  const [bad = '', ...others] = urls
  expect(await ask('relay', 'refuse', `${bad}/`, '--why', 'it lies')).toEqual({ url: bad })
  await vi.waitFor(() => expect(network.loopback.clientsOf(bad)).toBe(0), PATIENCE)
  for (const other of others) expect(network.loopback.clientsOf(other)).toBe(1)
  expect(await ask('relays', '--refused')).toMatchObject([
    { url: bad, state: 'refused', refusedBy: 'cli', refusedWhy: 'it lies' },
  ])
  // Why is for operators; everybody else sees that it is.
  const page = await fetch(stoa.httpUrl(`/api/v1/stats/relays/${encodeURIComponent(bad)}`))
  expect(await page.text()).not.toContain('it lies')
  await ask('relay', 'allow', bad)
  await vi.waitFor(() => expect(network.loopback.clientsOf(bad)).toBe(1), PATIENCE)
  const log = (await stage.ask(stoa, 'admin', 'audit', 'list')) as readonly { readonly action: string }[]
  expect(log.map(({ action }) => action)).toEqual(
    expect.arrayContaining(['observatory.relay_refused', 'observatory.relay_allowed']),
  )
  const privately = await run(stoa, 'relay', 'add', 'ws://10.0.0.1')
  expect(privately).toMatchObject({ code: 2, stderr: expect.stringContaining('private-address') })
  expect(await ask('relay', 'add', 'wss://unheard-of.example.org')).toEqual({
    url: 'wss://unheard-of.example.org',
    isNew: true,
  })

  const csv = await run(stoa, 'export', 'relay-events', '--format', 'csv')
  expect(csv).toMatchObject({ code: 0, stderr: '' })
  expect(csv.stdout.split('\n')[0]).toBe('hour,relay,url,kind,events')
  expect(csv.stdout).toContain(`,${bad},1,50`)
  expect(await ask('alerts', 'list')).toEqual([])

  const metrics = await (await fetch(stoa.httpUrl('/metrics'))).text()
  expect(metrics).toMatch(/^stoa_observatory_keeper 1$/m)
  expect(metrics).toMatch(new RegExp(`^stoa_observatory_relays{state="connected"} ${RELAYS + 1}$`, 'm'))
  expect(metrics).toMatch(/^stoa_observatory_api_requests_total{result="answered"} [1-9]/m)

  const during = await doctor(stoa, env)
  expect(during.status).toBe('ok')
  expect(during.message).toMatch(
    /^watches the network: 7 of \d relays connected.*kept by this process.*DuckDB/s,
  )
  expect((await stoa.stop()).code).toBe(0)
  const after = await doctor(stoa, env)
  expect(after).toMatchObject({
    status: 'ok',
    message: expect.stringMatching(/^watches the network, figures were written.*journal is empty/s),
  })
})

test('where it is switched off, the operator is told so', async () => {
  const silent = await stage.start({ hasOffice: true })
  expect(silent.stdout).toMatch(/^ {2}observatory {2}off /m)
  await vi.waitFor(
    async () =>
      expect(await run(silent, 'show')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('observatory.watch = "off"'),
      }),
    PATIENCE,
  )
})

function run({ dataDir }: StoaProcess, ...words: readonly string[]) {
  return stage.run(['observatory', ...words, '--data', dataDir])
}

async function doctor({ dataDir }: StoaProcess, env: Readonly<Record<string, string>>) {
  const { stdout } = await stage.run(['doctor', '--json', '--data', dataDir], {
    STOA_RELAY__PORT: '0',
    ...env,
  })
  const findings = JSON.parse(stdout) as readonly {
    readonly name: string
    readonly status: string
    readonly message: string
  }[]
  return findings.find(({ name }) => name === 'observatory')!
}

/** A request that somebody signs (NIP-98). */
async function send(
  stoa: StoaProcess,
  by: ReturnType<typeof authorNamed>,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
) {
  const url = stoa.httpUrl(path)
  const text = body === undefined ? undefined : JSON.stringify(body)
  const event = httpAuthEvent(
    { secret: by.secretKey, pubkey: by.pubkey },
    { method, url, ...(text !== undefined && { body: text }) },
  )
  const response = await fetch(url, {
    method,
    headers: {
      authorization: authorizationOf(event),
      ...(text !== undefined && { 'content-type': 'application/json' }),
    },
    ...(text !== undefined && { body: text }),
  })
  return { status: response.status, json: await response.json() }
}
