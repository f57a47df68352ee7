import { createServer, type Server } from 'node:http'
import { getToken } from 'nostr-tools/nip98'
import { finalizeEvent, generateSecretKey, getPublicKey } from 'nostr-tools/pure'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTestConsole, type TestConsole } from '../../src/console/testing/index.ts'

let rig: TestConsole
let server: Server
let url = ''
const secretKey = generateSecretKey()

beforeEach(async () => {
  rig = await startTestConsole({ publicUrl: '' })
  const pubkey = getPublicKey(secretKey)
  rig.staff.push({ pubkey, role: 'operator', grantedBy: 'cli', grantedAtSeconds: 0 })
  server = createServer(rig.server.handle)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  url = `http://127.0.0.1:${address.port}`
})

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve))
  await rig.server.close()
})

async function post(path: string, contentType: string, body: Record<string, unknown>): Promise<Response> {
  const target = `${url}${path}`
  const token = await getToken(target, 'post', (event) => finalizeEvent(event, secretKey), true, body)
  return fetch(target, {
    method: 'POST',
    headers: { authorization: token, 'content-type': contentType },
    body: JSON.stringify(body),
  })
}

test('a request that nostr-tools signed carries out a management call over a real socket', async () => {
  const body = { method: 'banpubkey', params: ['ab'.repeat(32), 'spam'] }
  const answer = await post('/', 'application/nostr+json+rpc', body)
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({ result: true })
  expect(rig.done).toMatchObject([{ by: { actor: getPublicKey(secretKey), role: 'operator' } }])
})

test('a request that nostr-tools signed reads and changes the dashboard, compressed for whoever takes that', async () => {
  const target = `${url}/dashboard/audit?limit=5`
  const authorization = await getToken(target, 'get', (event) => finalizeEvent(event, secretKey), true)
  expect((await fetch(target, { headers: { authorization } })).status).toBe(200)
  const made = await post('/dashboard/invites/create', 'application/json', { maxUses: 2 })
  expect(await made.json()).toMatchObject({ code: 'made-up-code', maxUses: 2 })
  const docs = await fetch(`${url}/api/v1/docs/openapi.json`, { headers: { 'accept-encoding': 'gzip' } })
  expect(docs.headers.get('content-encoding')).toBe('gzip')
  expect(await docs.json()).toMatchObject({ openapi: '3.1.0' })
})

test('an unchanged document is not sent again', async () => {
  const first = await fetch(`${url}/api/v1/docs/openapi.json`)
  const etag = first.headers.get('etag') ?? ''
  await first.text()
  expect(
    (await fetch(`${url}/api/v1/docs/openapi.json`, { headers: { 'if-none-match': etag } })).status,
  ).toBe(304)
})
