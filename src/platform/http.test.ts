import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import {
  createHttpServer,
  createLogger,
  createMetricsRegistry,
  type Health,
  type HttpServer,
} from './index.ts'

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function testServer({
  health = {},
  name = 'Test',
  publicUrl = '',
}: {
  health?: Health
  name?: string
  publicUrl?: string
} = {}) {
  const lines: string[] = []
  const server = await createHttpServer({
    logger: createLogger({ level: 'info', format: 'json' }, { write: (line) => lines.push(line) }),
    health: () => health,
    metrics: createMetricsRegistry(),
    site: { name, description: 'A relay for tests.', publicUrl },
  })
  cleanups.push(() => server.close())
  return { server, lines }
}

/** A listener of somebody else that passes everything on, as the relay's does. */
async function listen(server: HttpServer): Promise<string> {
  const listener = createServer((request, response) => server.handle(request, response))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => new Promise((resolve) => listener.close(resolve)))
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return `http://127.0.0.1:${address.port}`
}

test('requests that another listener received are answered', async () => {
  const url = await listen((await testServer({ health: { store: { status: 'ok', events: 3 } } })).server)
  const health = await fetch(`${url}/health`)
  expect(health.status).toBe(200)
  expect(await health.json()).toEqual({ status: 'ok', components: { store: { status: 'ok', events: 3 } } })
  expect(await (await fetch(`${url}/healthz`)).text()).toBe('ok\n')
})

test('one failed component makes the whole unhealthy, a degraded one does not', async () => {
  const degraded = await testServer({ health: { a: { status: 'ok' }, b: { status: 'degraded' } } })
  expect((await degraded.server.app.inject('/health')).statusCode).toBe(200)
  const failed = await testServer({ health: { a: { status: 'failed' }, b: { status: 'degraded' } } })
  const answer = await failed.server.app.inject('/health')
  expect(answer.statusCode).toBe(503)
  expect(answer.json().status).toBe('failed')
})

test('while a process drains it is not ready, whatever else is well or ill with it', async () => {
  const { server } = await testServer({
    health: { process: { status: 'draining' }, store: { status: 'ok' }, bus: { status: 'failed' } },
  })
  const answer = await server.app.inject('/health')
  expect([answer.statusCode, answer.json().status]).toEqual([503, 'draining'])
  expect((await server.app.inject('/healthz')).statusCode).toBe(200)
})

test('metrics come in the text format of Prometheus', async () => {
  const { server } = await testServer()
  const answer = await server.app.inject('/metrics')
  expect(answer.headers['content-type']).toContain('text/plain')
  expect(answer.body).toMatch(/^process_cpu_seconds_total \d/m)
})

test('the home page names the relay URL and lets no markup through', async () => {
  const { server } = await testServer({ name: '<script>alert(1)</script>' })
  const answer = await server.app.inject({ url: '/', headers: { host: 'relay.example:7777' } })
  expect(answer.body).toContain('<code>ws://relay.example:7777</code>')
  expect(answer.body).toContain('<h1>&lt;script&gt;')
  expect(answer.headers['content-security-policy']).toContain("default-src 'none'")
  const hostile = await server.app.inject({ url: '/', headers: { host: '"><b>' } })
  expect(hostile.body).not.toContain('<b>')
})

test('the home page prefers the configured URL to the Host header', async () => {
  const { server } = await testServer({ publicUrl: 'wss://relay.example.org' })
  expect((await server.app.inject('/')).body).toContain('<code>wss://relay.example.org</code>')
})

test('what is not there is refused in the common shape', async () => {
  const { server } = await testServer()
  const answer = await server.app.inject('/nothing?token=x')
  expect(answer.statusCode).toBe(404)
  expect(answer.json()).toEqual({
    error: { code: 'NOT_FOUND', message: 'Nothing is served at GET /nothing.' },
  })
})

test('a path that cannot be read is refused in the common shape', async () => {
  const { server } = await testServer()
  const answer = await server.app.inject('/api/v1/stats/relays/%zz')
  expect([answer.statusCode, answer.json()]).toEqual([
    400,
    { error: { code: 'BAD_REQUEST', message: expect.stringContaining('%zz') } },
  ])
})

test('a fault is logged whole and told to nobody', async () => {
  const { server, lines } = await testServer()
  const url = await listen(server)
  const broken = await createHttpServer({
    logger: createLogger({ level: 'info', format: 'json' }, { write: (line) => lines.push(line) }),
    health: () => {
      throw new Error('inner detail')
    },
    metrics: createMetricsRegistry(),
    site: { name: 'x', description: '', publicUrl: '' },
  })
  cleanups.push(() => broken.close())
  const answer = await broken.app.inject('/health')
  expect(answer.statusCode).toBe(500)
  expect(answer.json()).toEqual({ error: { code: 'INTERNAL', message: 'The server could not answer this.' } })
  expect(lines.join('')).toContain('inner detail')
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
})

test.skipIf(process.platform === 'win32')(
  'a Unix socket that was left behind is replaced, for this user only',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stoa-http-'))
    cleanups.push(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'app.sock')
    writeFileSync(path, 'left by a crash')
    const { server } = await testServer()
    await server.listenUnix(path)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ socketPath: path, path: '/healthz' }, resolve).on('error', reject)
    })
    expect(await text(response)).toBe('ok\n')
  },
)
