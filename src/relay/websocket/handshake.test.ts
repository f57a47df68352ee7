import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { checkUpgrade } from './handshake.ts'
import { startTestServer } from './testing.ts'

const goodHeaders = {
  connection: 'keep-alive, Upgrade',
  upgrade: 'WebSocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

/** Only what the check reads. */
function upgradeRequest(headers: Record<string, string>, method = 'GET'): IncomingMessage {
  return { method, headers: { ...goodHeaders, ...headers } } as unknown as IncomingMessage
}

test('the sample handshake of RFC 6455 yields its accept key', () => {
  expect(checkUpgrade(upgradeRequest({}))).toEqual({
    ok: true,
    value: { acceptKey: 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' },
  })
})

test.each([
  ['another method', {}, 'POST', 405],
  ['another protocol', { upgrade: 'h2c' }, 'GET', 426],
  ['an older version', { 'sec-websocket-version': '8' }, 'GET', 426],
  ['a Connection header without Upgrade', { connection: 'keep-alive' }, 'GET', 400],
  ['a key of 15 bytes', { 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAA' }, 'GET', 400],
  ['a key that is no base64', { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZ!==' }, 'GET', 400],
])('%s is refused', (_, headers, method, status) => {
  expect(checkUpgrade(upgradeRequest(headers, method))).toMatchObject({ ok: false, refusal: { status } })
})

describe('a refusal over a socket', () => {
  test('names the version that is spoken and closes', async () => {
    const server = await startTestServer()
    const headers = { ...goodHeaders, 'sec-websocket-version': '7' }
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ port: server.port, host: '127.0.0.1', headers }, resolve).on('error', reject).end()
    })
    expect(response.statusCode).toBe(426)
    expect(response.headers['sec-websocket-version']).toBe('13')
    expect(response.headers.connection).toBe('close')
    expect((await response.toArray()).join('')).toContain('version 13')
    await server.stop()
  })
})
