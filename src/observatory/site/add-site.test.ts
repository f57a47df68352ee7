import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { addSite } from './index.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

const SCRIPT = `${'console.log("a colonnade");\n'.repeat(200)}`

function builtFolder(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'stoa-site-'))
  cleanups.push(() => rmSync(root, { recursive: true }))
  mkdirSync(join(root, 'assets'))
  for (const [path, content] of Object.entries(files)) writeFileSync(join(root, path), content)
  return root
}

async function siteOf(files: Readonly<Record<string, string>>): Promise<FastifyInstance> {
  const app = fastify()
  cleanups.push(() => app.close())
  await addSite(app, { root: builtFolder(files) })
  return app
}

const page = {
  'index.html': '<!doctype html><title>x</title>',
  'assets/app-1a2b.js': SCRIPT,
  'theme.js': 'x',
}

test('the front page and the page of any relay are the same document, never kept without asking', async () => {
  const app = await siteOf(page)
  for (const url of [
    '/',
    '/?range=7d',
    '/relays/wss%3A%2F%2Frelay.example',
    '/relays/wss://relay.example/a',
  ]) {
    const answer = await app.inject(url)
    expect([url, answer.statusCode, answer.body]).toEqual([url, 200, page['index.html']])
    expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
    expect(answer.headers['cache-control']).toBe('no-cache')
  }
  expect((await app.inject({ method: 'HEAD', url: '/' })).statusCode).toBe(200)
})

test('no script, style, frame or image of anybody else is let in', async () => {
  const app = await siteOf(page)
  const { headers } = await app.inject('/')
  expect(headers['content-security-policy']).toContain("default-src 'self'")
  expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
  expect(headers['content-security-policy']).not.toContain('unsafe')
  expect(headers['x-content-type-options']).toBe('nosniff')
  expect(headers['referrer-policy']).toBe('no-referrer')
})

test('a file with its content in its name is kept for ever, and comes as small as the browser takes it', async () => {
  const app = await siteOf(page)
  const asked = (encoding: string) =>
    app.inject({ url: '/assets/app-1a2b.js', headers: { 'accept-encoding': encoding } })
  const brotli = await asked('gzip, deflate, br')
  expect(brotli.headers['cache-control']).toBe('public, max-age=31536000, immutable')
  expect(brotli.headers['content-encoding']).toBe('br')
  expect(brotliDecompressSync(brotli.rawPayload).toString()).toBe(SCRIPT)
  const zipped = await asked('gzip;q=0.5, br;q=0')
  expect(zipped.headers['content-encoding']).toBe('gzip')
  expect(gunzipSync(zipped.rawPayload).toString()).toBe(SCRIPT)
  const plain = await asked('')
  expect(plain.headers['content-encoding']).toBeUndefined()
  expect([plain.body, plain.headers.vary]).toEqual([SCRIPT, 'accept-encoding'])
})

test('who has a file already gets no bytes, until its content changes', async () => {
  const first = await siteOf(page)
  const { etag } = (await first.inject('/')).headers
  const again = await first.inject({ url: '/', headers: { 'if-none-match': `"other", ${etag}` } })
  expect([again.statusCode, again.body]).toEqual([304, ''])
  const second = await siteOf({ ...page, 'index.html': '<!doctype html><title>y</title>' })
  expect((await second.inject({ url: '/', headers: { 'if-none-match': String(etag) } })).statusCode).toBe(200)
})

test('what is not in the folder is answered by the application, and nothing outside of it is served', async () => {
  const app = await siteOf(page)
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: { code: 'NOT_FOUND', message: '' } }),
  )
  const outside = [
    '/assets/../../etc/passwd',
    '/assets/%2e%2e/%2e%2e/package.json',
    '/index.html.bak',
    '/relays',
  ]
  for (const url of [...outside, '/assets/other.js', '/api/v1/stats/nothing']) {
    const answer = await app.inject(url)
    expect([url, answer.statusCode, answer.json().error.code]).toEqual([url, 404, 'NOT_FOUND'])
  }
})

test('a folder that was never built is a fault that says how to build it', async () => {
  const app = fastify()
  cleanups.push(() => app.close())
  await expect(addSite(app, { root: join(tmpdir(), 'stoa-nothing-here') })).rejects.toMatchObject({
    code: 'SITE_UNREADABLE',
  })
  const empty = addSite(app, { root: builtFolder({}) })
  await expect(empty).rejects.toThrow('it has no index.html. Build it: npm run build -w web')
})

test('the page that is in the repository is served without being built', async () => {
  const app = fastify()
  cleanups.push(() => app.close())
  await addSite(app)
  const document = await app.inject('/')
  const assets = [...document.body.matchAll(/(?:src|href)="(\/[^"]+\.(?:js|css|svg))"/g)].map(
    ([, path]) => path ?? '',
  )
  expect(assets.length).toBeGreaterThanOrEqual(3)
  for (const path of assets) expect([path, (await app.inject(path)).statusCode]).toEqual([path, 200])
})
