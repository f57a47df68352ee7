import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { checkWebhookUrl, DEFAULT_FETCH_SETTINGS, type FetchSettings, postWebhook } from './post-webhook.ts'
import { type Answer, type Receiver, startReceiver } from './testing/receiver.ts'

const open: Receiver[] = []
afterEach(async () => {
  for (const receiver of open.splice(0)) await receiver.close()
})

async function receiver(answer?: (before: number) => Answer): Promise<Receiver> {
  const started = await startReceiver(answer)
  open.push(started)
  return started
}

function post(url: string, settings: Partial<FetchSettings> = {}, signal = new AbortController().signal) {
  return postWebhook(
    { url, headers: { 'content-type': 'application/json' }, body: '{"id":"1"}', signal },
    { ...DEFAULT_FETCH_SETTINGS, allowsPrivateAddresses: true, ...settings },
  )
}

test.each([200, 202, 204, 299])('a status of %i is a delivery taken', async (status) => {
  const { url, received } = await receiver(() => status)
  expect(await post(url)).toEqual({ ok: true, value: undefined })
  expect(received.map(({ text }) => text)).toEqual(['{"id":"1"}'])
})

test.each([301, 400, 404, 500, 503])('a status of %i is none', async (status) => {
  const { url } = await receiver(() => status)
  const refusal = { text: `it answered with the status ${status}`, isGone: false }
  expect(await post(url)).toEqual({ ok: false, refusal })
})

test('a redirect is not followed', async () => {
  const target = await receiver()
  const { url } = await receiver(() => (response) => response.writeHead(307, { location: target.url }).end())
  expect(await post(url)).toMatchObject({ ok: false, refusal: { text: /307/ } })
  expect(target.received).toEqual([])
})

test('who does not answer in time has not taken it', async () => {
  const { url } = await receiver(() => () => {})
  expect(await post(url, { timeoutMs: 100 })).toEqual({
    ok: false,
    refusal: { text: 'it did not answer within 100 ms', isGone: false },
  })
})

test('who answers without end has taken it, and is cut off after a bound', async () => {
  let sent = 0
  let cut: Promise<unknown> | undefined
  const { url } = await receiver(() => (response) => {
    cut = once(response, 'close')
    response.writeHead(200)
    const more = (): void => {
      if (response.destroyed || sent > 64 * 2 ** 20) return
      sent += 2 ** 16
      response.write(Buffer.alloc(2 ** 16), more)
    }
    more()
  })
  expect(await post(url)).toEqual({ ok: true, value: undefined })
  await cut
  // Some of what was sent lies in the buffers of the two sockets.
  expect(sent).toBeLessThan(32 * 2 ** 20)
})

test('who begins an answer and never ends it is let go when the time is over', async () => {
  const { url } = await receiver(() => (response) => response.writeHead(200).write('x'))
  expect(await post(url, { timeoutMs: 100 })).toEqual({ ok: true, value: undefined })
})

test('what is under way is broken off when the program stops', async () => {
  const stopping = new AbortController()
  const { url } = await receiver(() => () => stopping.abort())
  expect(await post(url, {}, stopping.signal)).toMatchObject({ ok: false, refusal: { text: /stopped/ } })
})

test('nobody who is not there has taken it', async () => {
  const { url, close } = await startReceiver()
  await close()
  expect(await post(url)).toMatchObject({
    ok: false,
    refusal: { text: 'it could not be reached (ECONNREFUSED)' },
  })
})

test('an address of our own network is not knocked at, given as such or by a name, nor when one of several is', async () => {
  const { url, received } = await receiver()
  const { port } = new URL(url)
  const strict = { allowsPrivateAddresses: false }
  expect(await post(url, strict)).toMatchObject({
    ok: false,
    refusal: { text: /127\.0\.0\.1 is no address/ },
  })
  const named = `http://hook.example:${port}/`
  for (const addresses of [['127.0.0.1'], ['1.1.1.1', '10.0.0.1'], ['::1']]) {
    const resolve = async () =>
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    expect(await post(named, { ...strict, resolve })).toMatchObject({
      ok: false,
      refusal: { text: /^hook\.example is at .+, which is no address of the internet$/ },
    })
  }
  expect(await post(named, { resolve: async () => [{ address: '127.0.0.1', family: 4 }] })).toMatchObject({
    ok: true,
  })
  expect(received).toHaveLength(1)
})

test.each([
  ['ftp://hook.example', /must be an address like/],
  ['hook.example', /must be an address like/],
  ['https://user:word@hook.example', /no user and no password/],
  ['https://hook.example/#x', /no #/],
  ['https://127.0.0.1/', /no address of the internet/],
  ['https://[::1]/', /no address of the internet/],
  // Other spellings of the same address.
  ['https://2130706433/', /no address of the internet/],
  ['https://0x7f.1/', /no address of the internet/],
  ['https://[::ffff:7f00:1]/', /no address of the internet/],
])('%s is no place for a webhook', (url, why) => {
  const checked = checkWebhookUrl(url, DEFAULT_FETCH_SETTINGS)
  expect(checked.ok ? 'taken' : checked.refusal).toMatch(why)
})
