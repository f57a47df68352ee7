import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../kernel/index.ts'
import { createStreamServer, verifyReceipt } from '../stream/index.ts'
import { pathTo, withRate } from '../stream/testing/index.ts'
import { payPointer } from './pay-pointer.ts'
import { querySpsp } from './query-spsp.ts'
import { answerSpspQuery, type FindSpspReceiver } from './spsp-endpoint.ts'

const RECEIPT = { nonce: Buffer.alloc(16, 1), secret: Buffer.alloc(32, 2) }
const XRP = { code: 'XRP', scale: 6 }

const server = createStreamServer({
  serverAddress: () => 'test.stoa.pay',
  secret: Buffer.alloc(32, 5),
  asset: 'drop',
  clock: systemClock,
  accountOf: (tag) => ({ path: `liabilities/credit/${tag}`, asset: 'drop' }),
})

const find: FindSpspReceiver = (name, receipt) => {
  if (name === 'nobody') return Promise.resolve('unknown')
  if (name === 'later') return Promise.resolve('unavailable')
  const terms = { tag: Buffer.from(name ?? 'operator'), ...(receipt === undefined ? {} : { receipt }) }
  return Promise.resolve({ credentials: server.credentials(terms), asset: XRP })
}

const ask = (name: string | undefined, headers: Record<string, string> = {}, more: object = {}) =>
  answerSpspQuery({ method: 'GET', name, hasQuery: false, headers, ...more }, find)

describe('a query is answered', () => {
  test('with an address and a secret that are different each time and may not be kept', async () => {
    const [first, second] = [await ask('alice'), await ask('alice')]
    expect(first).toMatchObject({ status: 200, headers: { 'content-type': 'application/spsp4+json' } })
    expect(first.headers['cache-control']).toContain('no-cache')
    const body = JSON.parse(first.body)
    expect(body.destination_account).toMatch(/^test\.stoa\.pay\./)
    expect(Buffer.from(body.shared_secret, 'base64')).toHaveLength(32)
    expect(body).toMatchObject({ asset_info: XRP })
    expect(body).not.toHaveProperty('receipts_enabled')
    expect(JSON.parse(second.body).shared_secret).not.toBe(body.shared_secret)
  })

  test.each([
    ['an unknown name', { name: 'nobody' }, 404],
    ['a name that cannot be paid now', { name: 'later' }, 503],
    ['a URL with a query', { hasQuery: true }, 400],
    ['another method', { method: 'POST' }, 405],
    ['half a receipt', { headers: { 'receipt-nonce': RECEIPT.nonce.toString('base64') } }, 400],
    ['a nonce of another length', { headers: { 'receipt-nonce': 'AAAA', 'receipt-secret': 'AAAA' } }, 400],
    ['two nonces', { headers: { 'receipt-nonce': ['a', 'b'], 'receipt-secret': 'AAAA' } }, 400],
  ])('with a refusal for %s', async (_, more, status) => {
    const answer = await ask('alice', {}, more)
    expect(answer.status).toBe(status)
    expect(Object.keys(JSON.parse(answer.body))).toEqual(['id', 'message'])
  })
})

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

/** A web server on this machine; returns its address. */
async function serve(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const http = createServer(handle)
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done))
  open.push(() => {
    http.closeAllConnections()
    http.close()
  })
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

function serveSpsp(): Promise<string> {
  return serve(({ method = '', url = '', headers }, response) => {
    const request = { method, name: url.slice('/pay/'.length), hasQuery: url.includes('?'), headers }
    void answerSpspQuery(request, find).then(({ status, headers: sent, body }) =>
      response.writeHead(status, sent).end(body),
    )
  })
}

describe('asking', () => {
  test('brings what a payer needs, also from where the receiver redirects to', async () => {
    const url = await serveSpsp()
    const moved = await serve((_, response) => response.writeHead(302, { location: `${url}/pay/bob` }).end())
    const details = await querySpsp({ to: `${moved}/x`, fetch, receipt: RECEIPT })
    expect(details).toMatchObject({ value: { hasReceipts: true, asset: XRP, outstanding: undefined } })
    if (details.ok) expect(details.value.endpoint.href).toBe(`${url}/pay/bob`)
    const unknown = await querySpsp({ to: `${url}/pay/nobody`, fetch })
    expect(unknown).toMatchObject({ refusal: { code: 'RECEIVER_UNKNOWN' } })
  })

  test('an invoice tells what is still to be paid', async () => {
    const body = JSON.parse((await ask('alice')).body)
    const url = await serve((_, response) =>
      response.end(JSON.stringify({ ...body, balance: { maximum: '-10000', current: '-5360' } })),
    )
    expect(await querySpsp({ to: url, fetch })).toMatchObject({ value: { outstanding: 5360n } })
  })

  test.each([
    ['no JSON', 'hello'],
    ['no address', JSON.stringify({ shared_secret: Buffer.alloc(32).toString('base64') })],
    ['a short secret', JSON.stringify({ destination_account: 'test.x', shared_secret: 'AAAA' })],
    ['no ILP address', JSON.stringify({ destination_account: 'x', shared_secret: '' })],
    ['too much', `{"a":"${'x'.repeat(100_000)}"}`],
  ])('an answer with %s is refused', async (_, body) => {
    const url = await serve((_request, response) => response.end(body))
    expect(await querySpsp({ to: url, fetch })).toMatchObject({
      refusal: { code: 'RECEIVER_ANSWER_INVALID' },
    })
  })

  test('a receiver that redirects for ever, or away from TLS, or is not there is refused', async () => {
    const circle = await serve((_, response) => response.writeHead(302, { location: '/again' }).end())
    expect(await querySpsp({ to: circle, fetch })).toMatchObject({
      refusal: { code: 'RECEIVER_ANSWER_INVALID' },
    })
    const lure: typeof globalThis.fetch = () =>
      Promise.resolve(new Response(null, { status: 302, headers: { location: circle } }))
    expect(await querySpsp({ to: '$example.com', fetch: lure })).toMatchObject({
      refusal: { code: 'RECEIVER_ANSWER_INVALID' },
    })
    expect(await querySpsp({ to: 'http://127.0.0.1:1/', fetch })).toMatchObject({
      refusal: { code: 'RECEIVER_UNREACHABLE' },
    })
    expect(await querySpsp({ to: 'example.com', fetch })).toMatchObject({
      refusal: { code: 'POINTER_INVALID' },
    })
  })
})

test('somebody is paid by a payment pointer, if the rate is as good as prices say for its asset', async () => {
  const url = await serveSpsp()
  const pay = (minRate: { source: bigint; delivered: bigint }) =>
    payPointer({
      to: `${url}/pay/carol`,
      fetch,
      send: withRate({ source: 2n, delivered: 1n }, pathTo(server)),
      clock: systemClock,
      amount: { send: 10_000n },
      slippagePpm: 10_000,
      minRateFor: ({ asset }) => (asset?.code === 'XRP' ? minRate : undefined),
    })
  const paid = await pay({ source: 2n, delivered: 1n })
  expect(paid).toMatchObject({ value: { sent: 10_000n, delivered: 5000n, destinationAsset: XRP } })
  expect(await pay({ source: 1n, delivered: 1n })).toMatchObject({ refusal: { code: 'RATE_TOO_LOW' } })
  // No verifier asked for receipts, so there are none to be had.
  if (paid.ok)
    expect(verifyReceipt(paid.value.receipt ?? Buffer.alloc(0), () => RECEIPT.secret).ok).toBe(false)
})
