import { type Client, endsRequest } from '../kit/client.ts'
import { httpRequest } from '../kit/http.ts'
import { checkPrefix } from '../kit/prefix.ts'
import { OPCODE } from '../kit/raw-socket.ts'
import type { Row } from '../kit/row.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, fail, skip, sleep } from '../kit/verdict.ts'

/** The largest message that a row builds. */
const MAX_BUILT_BYTES = 32 << 20

const advertisesMessageLength = {
  relay: 'that advertises max_message_length (at most 32 MiB)',
  isShown: (info: Trial['info']) =>
    (info.limit('max_message_length') ?? Number.POSITIVE_INFINITY) <= MAX_BUILT_BYTES,
  settings: { maxMessageLength: 20_000 },
}

export const rows: readonly Row[] = [
  {
    id: 'T-01',
    level: 'M',
    claim: 'A WebSocket upgrade on a path without a meaning is refused; the relay path works',
    run: async (t) => {
      await (await t.connect()).fence()
      for (const path of ['/other/path', '/no-such-relay']) {
        const { status, isUpgraded } = await upgradeOn(t, path)
        check(!isUpgraded, `the upgrade on ${path} was accepted`)
        check(status >= 400 && status < 500, `the upgrade on ${path} was answered ${status}`)
      }
    },
  },
  {
    id: 'T-02',
    level: 'P',
    claim:
      'A message of max_message_length bytes of UTF-8 is served; one byte more is closed with 1009 or refused',
    needs: advertisesMessageLength,
    run: async (t) => {
      const max = maxMessageLength(t)
      for (const fill of ['x', 'é']) {
        const client = await t.connect()
        client.sendText(messageOf(max, 'fits', fill))
        await client.expect(`EOSE or CLOSED for a message of ${max} bytes`, endsRequest('fits'))
        client.sendText(messageOf(max + 1, 'large', fill))
        await checkDropped(client, `a message of ${max + 1} bytes`)
      }
      await (await t.connect()).fence()
    },
  },
  {
    id: 'T-03',
    level: 'P',
    claim: 'A text frame that is no valid UTF-8 is closed with 1007',
    run: async (t) => {
      await (await t.connect()).fence()
      const raw = await t.connectRaw()
      const payload = Buffer.concat([
        Buffer.from('["REQ","x",{"#t":["'),
        Buffer.from([0xc3, 0x28]),
        Buffer.from('"]}]'),
      ])
      raw.sendFrame({ opcode: OPCODE.text, payload })
      checkSame(await raw.closeCode(t.options.answerMs), 1007, 'close code')
    },
  },
  {
    id: 'T-04',
    level: 'P',
    claim: 'A binary frame gets a NOTICE or the close code 1003',
    run: async (t) => {
      const client = await t.connect()
      client.socket.send(Buffer.from('["REQ","binary",{"limit":0}]'), { binary: true })
      const answer = await client.find((m) => m[0] === 'NOTICE' || m[0] === 'EOSE', t.options.answerMs)
      if (answer !== undefined) return checkSame(answer[0], 'NOTICE', 'the answer to a binary frame')
      checkSame(client.ended?.code, 1003, 'close code after a binary frame')
    },
  },
  {
    id: 'T-05',
    level: 'P',
    isAlone: true,
    claim:
      'Fragments, a ping between them and empty frames are handled; unmasked and malformed frames end the connection',
    run: async (t) => {
      await checkFragments(await t.connect())
      for (const [what, frame] of Object.entries(forbiddenFrames)) {
        const raw = await t.connectRaw()
        raw.sendFrame(frame)
        const code = await raw.closeCode(t.options.answerMs)
        check(
          code === 1002 || code === 1006,
          `${what}: expected the end of the connection (1002), got ${code}`,
        )
      }
      await (await t.connect()).fence()
    },
  },
  {
    id: 'T-06',
    level: 'P',
    isAlone: true,
    claim: 'It works with and without permessage-deflate, and the message limit holds for the inflated size',
    run: async (t) => {
      for (const perMessageDeflate of [false, true]) {
        const client = await t.connect({ socket: { perMessageDeflate } })
        await client.accept(t.event(t.key(), { content: 'compressible '.repeat(300) }))
      }
      await checkBomb(t)
      await (await t.connect()).fence()
    },
  },
  {
    id: 'T-07',
    level: 'P',
    isAlone: true,
    claim: 'Deep nesting, huge lists and __proto__ as a filter key are refused without harm',
    run: async (t) => {
      const room = Math.min((t.info.limit('max_message_length') ?? 131_072) - 100, 4 << 20)
      const depth = Math.min(100_000, Math.floor(room / 2) - 20)
      const numbers = Math.min(1_000_000, Math.floor(room / 2) - 20)
      const nested = '['.repeat(depth) + ']'.repeat(depth)
      const list = `[${'1,'.repeat(numbers)}1]`
      await checkRefused(t, nested, undefined)
      await checkRefused(t, `["REQ","deep",{"kinds":${nested}}]`, 'deep')
      await checkRefused(t, `["REQ","list",{"ids":${list}}]`, 'list')
      await checkRefused(t, `["REQ","proto",{"__proto__":{"polluted":true},"kinds":["x"]}]`, 'proto')
      await checkRefused(t, `["REQ","proto2",{"__proto__":["x"]}]`, 'proto2')
      const client = await t.connect()
      await client.accept(t.event(t.key()))
    },
  },
  {
    id: 'T-08',
    level: 'P',
    claim: 'A client that stops answering pings is dropped after the timeout',
    timeoutMs: 300_000,
    needs: {
      relay: 'whose ping timeout is known (--ping-timeout) or which the suite may configure',
      isShown: (_info, known) => known.pingTimeoutMs !== undefined || known.isSlow,
      settings: { pingIntervalMs: 300, pingTimeoutMs: 600 },
    },
    run: async (t) => {
      const waitMs = t.relay === undefined ? (t.options.pingTimeoutMs ?? 240_000) + 3000 : 6000
      const [mute, answering] = [await t.connect({ socket: { autoPong: false } }), await t.connect()]
      const startedAtMs = Date.now()
      await mute.expectEnd('pings stay unanswered', waitMs)
      t.note(`dropped after ${Date.now() - startedAtMs} ms`)
      check(answering.ended === undefined, 'a client that answers pings was dropped too')
      await answering.fence()
    },
  },
  {
    id: 'T-09',
    level: 'P',
    claim: 'The limit of connections per address holds, and a closed connection frees its place at once',
    isAlone: true,
    needs: {
      relay: 'that limits connections per address to three (a RelayControl)',
      isShown: () => false,
      settings: { maxConnectionsPerIp: 3 },
    },
    run: async (t) => {
      const open = await openWorking(t, t.url, 3, {})
      check(!(await canWork(t, t.url, {})), 'a fourth connection works')
      for (let again = 0; again < 5; again += 1) {
        await open.pop()?.close()
        open.push(...(await openWorking(t, t.url, 1, {})))
      }
    },
  },
  {
    id: 'T-10',
    level: 'P',
    claim: 'X-Forwarded-For counts only from trusted proxies: the right-most untrusted address, IPv6 by /64',
    isAlone: true,
    timeoutMs: 40_000,
    needs: {
      relay: 'that limits connections per address to two and trusts no proxy (a RelayControl)',
      isShown: () => false,
      settings: { maxConnectionsPerIp: 2, trustedProxies: [] },
    },
    run: async (t) => {
      await openWorking(t, t.url, 2, from('203.0.113.1'))
      check(!(await canWork(t, t.url, from('203.0.113.9'))), 'an untrusted X-Forwarded-For was believed')
      const { url } = await t.start({ maxConnectionsPerIp: 2, trustedProxies: ['127.0.0.0/8', '::1/128'] })
      await openWorking(t, url, 2, from('203.0.113.1'))
      check(!(await canWork(t, url, from('203.0.113.1'))), 'a third connection of one client works')
      check(
        !(await canWork(t, url, from('198.51.100.7, 203.0.113.1'))),
        'an address left of the client was believed',
      )
      await openWorking(t, url, 1, from('203.0.113.1, 203.0.113.2, 127.0.0.1'))
      await openWorking(t, url, 1, from('2001:db8:1:1::1'))
      await openWorking(t, url, 1, from('2001:db8:1:1:ffff::2'))
      check(!(await canWork(t, url, from('2001:db8:1:1::3'))), 'three addresses of one /64 work')
      await openWorking(t, url, 1, from('2001:db8:1:2::1'))
    },
  },
  {
    id: 'T-11',
    level: 'P',
    claim: 'A plain GET is answered; overlong HTTP heads are refused, not waited for',
    run: async (t) => {
      const { status } = await httpRequest(t.url, { headers: { accept: 'text/html' } })
      check(status >= 200 && status < 500, `a plain GET was answered ${status}`)
      const head = await httpRequest(t.url, { headers: { 'x-long': 'x'.repeat(200_000) } }).catch(resetAnswer)
      check(
        head.status === 0 || (head.status >= 400 && head.status < 500),
        `a head of 200 kB was answered ${head.status}`,
      )
      const body = { method: 'POST', body: 'x'.repeat(4 << 20), headers: { 'content-type': 'text/plain' } }
      const posted = await httpRequest(t.url, body).catch(resetAnswer)
      check(posted.status < 500, `a body of 4 MiB was answered ${posted.status}`)
      await (await t.connect()).fence()
    },
  },
  {
    id: 'T-12',
    level: 'P',
    claim:
      'On SIGTERM subscriptions get CLOSED or sockets 1001 or 1012, and accepted events are there afterwards',
    isAlone: true,
    needs: {
      relay: 'whose process the suite can stop (a RelayControl)',
      isShown: () => false,
      settings: {},
    },
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const { relay } = t
      if (relay?.signal === undefined || relay.restart === undefined)
        skip('the control cannot stop and restart')
      await client.subscribe('open', { kinds: [9999], authors: [key.pubkey] })
      const events = t.series(key, 20)
      await client.accept(...events)
      await relay.signal('SIGTERM')
      const { code } = await client.expectEnd('SIGTERM', 10_000)
      const wasClosed = client.tally((m) => m[0] === 'CLOSED' && m[1] === 'open') > 0
      check(wasClosed || code === 1001 || code === 1012, `the socket was closed with ${code}, without CLOSED`)
      const again = await t.connect({ url: await relay.restart() })
      checkSame(
        (await again.query({ authors: [key.pubkey] })).length,
        events.length,
        'events after the restart',
      )
    },
  },
]

/** Single frames that RFC 6455 forbids a client to send. */
const forbiddenFrames = {
  'unmasked frame': { opcode: OPCODE.text, payload: Buffer.from('["CLOSE","x"]'), isMasked: false },
  'reserved bits': { opcode: OPCODE.text, payload: Buffer.from('["CLOSE","x"]'), reserved: 3 },
  'unknown opcode': { opcode: 11, payload: Buffer.from('x') },
  'fragmented ping': { opcode: OPCODE.ping, payload: Buffer.from('x'), isFinal: false },
}

function maxMessageLength(t: Trial): number {
  return t.info.limit('max_message_length') ?? fail('NIP-11 shows no max_message_length')
}

function from(address: string): Record<string, string> {
  return { 'x-forwarded-for': address }
}

function resetAnswer(): { status: number } {
  return { status: 0 }
}

function upgradeOn(t: Trial, path: string) {
  const key = Buffer.from('conformance suite').subarray(0, 16).toString('base64')
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': key,
  }
  return httpRequest(t.url, { path, headers })
}

/** A REQ of exactly so many bytes of UTF-8, the rest of it one tag value. */
function messageOf(bytes: number, id: string, fill: string): string {
  const [start, end] = [`["REQ","${id}",{"limit":0}`, ']']
  // The filling is a second filter without results, so that it is text, not white space.
  const wrap = (text: string) => `${start},{"limit":0,"#t":["${text}"]}${end}`
  const room = bytes - Buffer.byteLength(wrap(''))
  const count = Math.floor(room / Buffer.byteLength(fill))
  return wrap(fill.repeat(count) + 'x'.repeat(room - count * Buffer.byteLength(fill)))
}

async function checkDropped(client: Client, what: string): Promise<void> {
  const answer = await client.find((m) => m[0] === 'NOTICE' || m[0] === 'EOSE' || m[0] === 'CLOSED', 5000)
  if (answer === undefined && client.ended !== undefined) {
    const { code } = client.ended
    return check(code === 1009 || code === 1006, `${what}: closed with ${code}, expected 1009`)
  }
  check(answer?.[0] === 'NOTICE', `${what}: expected close 1009 or NOTICE, got ${JSON.stringify(answer)}`)
}

async function checkFragments(client: Client): Promise<void> {
  const text = '["REQ","fragmented",{"limit":0,"#t":["😀 conformance"]}]'
  const bytes = Buffer.from(text)
  let pongs = 0
  client.socket.on('pong', () => {
    pongs += 1
  })
  // The cut goes through the middle of the emoji: a fragment need not be valid UTF-8 by itself.
  const cuts = [0, 1, 20, bytes.indexOf(0xf0) + 2, bytes.length]
  for (let i = 1; i < cuts.length; i += 1) {
    const part = bytes.subarray(cuts[i - 1], cuts[i])
    client.socket.send(part, { fin: i === cuts.length - 1, binary: false })
    if (i === 2) client.socket.ping('between')
    if (i === 2) client.socket.send(Buffer.alloc(0), { fin: false, binary: false })
  }
  await client.expect('EOSE for a fragmented REQ', (m) => m[0] === 'EOSE' && m[1] === 'fragmented')
  check(await client.until(() => pongs === 1, 2000), 'the ping between the fragments was not answered')
  client.sendText('')
  await client.fence()
}

/** A message that is small on the wire and above the limit when inflated. */
async function checkBomb(t: Trial): Promise<void> {
  const max = t.info.limit('max_message_length')
  const client = await t.connect({ socket: { perMessageDeflate: { threshold: 0 } } })
  if (!client.socket.extensions.includes('permessage-deflate'))
    return t.note('the relay declines compression')
  if (max === undefined || max > MAX_BUILT_BYTES / 4)
    return t.note('no max_message_length to hold the bomb against')
  client.sendText(messageOf(max * 4, 'bomb', 'x'))
  await checkDropped(client, `a message inflating to ${max * 4} bytes`)
}

/** Anything but success will do: NOTICE, CLOSED with a prefix, or the end of this one connection. */
async function checkRefused(t: Trial, text: string, id: string | undefined): Promise<void> {
  const client = await t.connect()
  client.sendText(text)
  const isAnswer = (m: readonly unknown[]) => m[0] === 'NOTICE' || m[0] === 'CLOSED' || m[0] === 'EOSE'
  const answer = await client.find(isAnswer, t.options.answerMs)
  const what = `${text.slice(0, 40)}… (${text.length} characters)`
  if (answer === undefined) return check(client.ended !== undefined, `${what}: no answer at all`)
  check(answer[0] !== 'EOSE', `${what}: was served`)
  if (answer[0] !== 'CLOSED') return
  checkSame(answer[1], id, `${what}: the id in CLOSED`)
  checkPrefix(String(answer[2]), ['invalid', 'unsupported', 'blocked', 'error'], what)
}

async function openWorking(
  t: Trial,
  url: string,
  count: number,
  headers: Record<string, string>,
): Promise<Client[]> {
  const clients = []
  for (let i = 0; i < count; i += 1) {
    const client = await t.connect({ url, socket: { headers } })
    await client.fence()
    clients.push(client)
  }
  return clients
}

/** Whether one more connection is taken and answers. */
async function canWork(t: Trial, url: string, headers: Record<string, string>): Promise<boolean> {
  const client = await t.connect({ url, socket: { headers } }).catch(() => undefined)
  if (client === undefined) return false
  await sleep(50)
  if (client.ended !== undefined) return false
  client.send(['REQ', 'works', { limit: 0 }])
  const answer = await client.find((m) => m[0] === 'EOSE', 1500)
  await client.close()
  return answer !== undefined
}
