import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { MAX_BODY_BYTES } from './body-limit.ts'
import { proxyToSocket, proxyUpgradeToSocket } from './http-proxy.ts'

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function listen(handler: RequestListener, where: string | number): Promise<number> {
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(where, resolve))
  cleanups.push(() => new Promise((resolve) => server.close(resolve)))
  cleanups.push(() => server.closeAllConnections())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** An application on a Unix socket and a proxy to it; without `application` nobody listens there. */
async function proxied(application?: RequestListener): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-proxy-'))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'application.sock')
  if (application !== undefined) await listen(application, path)
  return `http://127.0.0.1:${await listen(proxyToSocket(path), 0)}`
}

/** Answers at once and hangs up, whatever is still being sent. */
const impatient: RequestListener = (request, response) => {
  response.writeHead(404, { connection: 'close' }).end('no')
  response.on('finish', () => request.socket.destroy())
}

test('requests and answers pass as they are, and the application learns who asks', async () => {
  const url = await proxied((request, response) => {
    response.writeHead(201, { 'x-seen': `${request.method} ${request.url}` })
    response.write(`${String(request.headers['x-forwarded-for'])}|`)
    request.pipe(response)
  })
  const answer = await fetch(`${url}/a?b=1`, {
    method: 'POST',
    body: 'hello',
    headers: { 'x-forwarded-for': '9.9.9.9' },
  })
  expect(answer.status).toBe(201)
  expect(answer.headers.get('x-seen')).toBe('POST /a?b=1')
  expect(await answer.text()).toMatch(/^9\.9\.9\.9, .*127\.0\.0\.1\|hello$/)
})

test('a body that is too large is refused, whether it says so beforehand or not', async () => {
  const url = await proxied(impatient)
  const declared = await fetch(url, { method: 'POST', body: 'x'.repeat(MAX_BODY_BYTES + 1) })
  expect(declared.status).toBe(413)
  expect(await declared.json()).toMatchObject({ error: { code: 'BODY_TOO_LARGE' } })
  const patient = await proxied((request, response) => {
    request.resume().on('end', () => response.end('all read'))
  })
  let sent = 0
  const chunks = new ReadableStream({
    pull: (controller) => {
      sent += 65_536
      if (sent > 2 * MAX_BODY_BYTES) controller.close()
      else controller.enqueue(new Uint8Array(65_536))
    },
  })
  const chunked = await fetch(patient, { method: 'POST', body: chunks, duplex: 'half' })
  expect(chunked.status).toBe(413)
})

test('an application that is not there is reported, without its path', async () => {
  const answer = await fetch(await proxied())
  expect(answer.status).toBe(502)
  expect(await answer.text()).not.toContain('.sock')
})

test('an upgrade passes with its head, and then the bytes of both sides', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-proxy-'))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'application.sock')
  const application = createServer().on('upgrade', (request, socket, head) => {
    const { upgrade, 'x-forwarded-for': address, cookie } = request.headers
    socket.write(
      `HTTP/1.1 101 Yes\r\n\r\n${request.url} ${upgrade} ${cookie} ${String(address)} ${String(head)}|`,
    )
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => application.listen(path, resolve))
  cleanups.push(() => new Promise((resolve) => application.close(resolve)))
  const proxy = createServer().on('upgrade', proxyUpgradeToSocket(path))
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => new Promise((resolve) => proxy.close(resolve)))
  const { port } = proxy.address() as { readonly port: number }
  const client = connect(port, '127.0.0.1')
  client.end(
    'GET /btp?a=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Cookie: c=1\r\nX-Forwarded-For: 9.9.9.9\r\n\r\nhello',
  )
  expect(await text(client)).toMatch(
    /^HTTP\/1\.1 101 Yes\r\n\r\n\/btp\?a=1 websocket c=1 9\.9\.9\.9, .*127\.0\.0\.1 (hello\||\|hello)$/,
  )
})

test('an upgrade for which no application is there ends', async () => {
  const proxy = createServer().on('upgrade', proxyUpgradeToSocket('/nowhere/application.sock'))
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => new Promise((resolve) => proxy.close(resolve)))
  const { port } = proxy.address() as { readonly port: number }
  const client = connect(port, '127.0.0.1')
  client.write('GET /btp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  expect(await text(client)).toBe('')
})
