/** The server against clients that are strange, broken, slow or gone, and the client against a network that breaks. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { WebSocket } from 'ws'
import { AppError, systemClock } from '../../kernel/index.ts'
import { connectIlp, createRpcServer, type RpcLimits, refusalOf } from './index.ts'
import { ACCOUNT } from './testing/memory-books.ts'
import { createTestDesk, listening, startTestRpc, type TestRpc, TOKEN } from './testing/rig.ts'

const BEARER = { authorization: `Bearer ${TOKEN}` }
const WRONG = 'b-token-of-thirty-two-characters'
const rigs: TestRpc[] = []

async function start(limits: Partial<RpcLimits> = {}) {
  const desk = createTestDesk()
  const rpc = await startTestRpc(desk, limits)
  rigs.push(rpc)
  return { ...desk, rpc }
}

afterEach(async () => {
  await Promise.all(rigs.splice(0).map((rpc) => rpc.close()))
})

const tokenMessage = (token: unknown) => JSON.stringify({ method: 'connectionParams', data: { token } })
const call = (id: number, path = 'peers.list', input?: unknown) =>
  JSON.stringify({ id, method: 'query', params: { path, input } })
const follow = (id: number) =>
  JSON.stringify({
    id,
    method: 'subscription',
    params: { path: 'ledger.subscribeToAccount', input: ACCOUNT },
  })
const statusOf = async (socket: WebSocket): Promise<number | undefined> => {
  const [, response] = await once(socket, 'unexpected-response')
  return response.statusCode
}
const codeOf = async (promise: Promise<unknown>) =>
  refusalOf(await promise.catch((error: unknown) => error)).code

interface Answer {
  readonly id: number | null
  readonly error?: { readonly data: { readonly refusal: { readonly code: string } } }
  readonly result?: { readonly type: string; readonly data: unknown }
}

/** All answers on a socket, as they come. */
function answersOn(socket: WebSocket): Answer[] {
  const answers: Answer[] = []
  socket.on('message', (data: Buffer) => answers.push(JSON.parse(data.toString())))
  return answers
}

describe('who may call', () => {
  test('a token in the header lets in at once', async () => {
    const { rpc } = await start()
    const socket = rpc.socket('', BEARER)
    const answers = answersOn(socket)
    await once(socket, 'open')
    socket.send(call(1))
    await expect.poll(() => answers).toMatchObject([{ id: 1, result: { data: [] } }])
  })

  test.each([
    ['a wrong token', '', { authorization: `Bearer ${WRONG}` }],
    ['another scheme', '', { authorization: `Basic ${TOKEN}` }],
    ['half a token', '', { authorization: `Bearer ${TOKEN.slice(0, 31)}` }],
    ['a wrong token, and a right one promised', '?connectionParams=1', { authorization: `Bearer ${WRONG}` }],
    ['no token, and none promised', '', {}],
  ])('%s is refused before there is a connection', async (_, query, headers) => {
    const { rpc } = await start()
    expect(await statusOf(rpc.socket(query, headers as Record<string, string>))).toBe(401)
    expect(rpc.connections()).toBe(0)
  })

  test('a client with a wrong token is told so, and reaches nothing', async () => {
    const { rpc, memory } = await start()
    const client = rpc.client(WRONG)
    const peer = {
      id: 'eve',
      relation: 'parent',
      asset: 'msat',
      link: { kind: 'btp-server', tokenHash: '0'.repeat(64) },
    }
    const calls = [client.peers.list.query(), client.peers.add.mutate(peer as never)]
    expect(await Promise.all(calls.map(codeOf))).toEqual(['UNAUTHORIZED', 'UNAUTHORIZED'])
    expect(memory.done).toEqual([])
  })

  test.each([
    ['nonsense', 'nonsense'],
    ['a call', call(1)],
    ['a number for a token', tokenMessage(12)],
    ['no token', JSON.stringify({ method: 'connectionParams', data: null })],
    ['a list of messages', `[${tokenMessage(TOKEN)}]`],
  ])('%s as first message ends the connection', async (_, message) => {
    const { rpc } = await start()
    const socket = rpc.socket('?connectionParams=1')
    const answers = answersOn(socket)
    await once(socket, 'open')
    socket.send(message)
    socket.send(call(2))
    await once(socket, 'close')
    expect(answers.filter(({ result }) => result !== undefined)).toEqual([])
  })

  test('a stranger who says nothing is left', async () => {
    const { rpc } = await start({ authTimeoutMs: 50 })
    const socket = rpc.socket('?connectionParams=1')
    await once(socket, 'close')
    await expect.poll(rpc.connections).toBe(0)
  })

  test('a stranger who says a lot is left, and others are served meanwhile', async () => {
    const { rpc } = await start()
    const socket = rpc.socket('?connectionParams=1')
    await once(socket, 'open')
    for (let i = 0; i < 3; i++) socket.send(`${' '.repeat(30_000)}${tokenMessage(WRONG)}`)
    // Cut off, not refused: that would be 1005.
    expect((await once(socket, 'close'))[0]).toBe(1006)
    expect(await rpc.client().peers.list.query()).toEqual([])
  })

  test('who is known stays longer than strangers may', async () => {
    const { rpc } = await start({ authTimeoutMs: 1_000 })
    const socket = rpc.socket('?connectionParams=1')
    const answers = answersOn(socket)
    await once(socket, 'open')
    socket.send(tokenMessage(TOKEN))
    await new Promise((resolve) => setTimeout(resolve, 1_300))
    socket.send(call(1))
    await expect.poll(() => answers).toMatchObject([{ id: 1, result: { data: [] } }])
  })

  test('strangers and connections beyond their number are refused', async () => {
    const { rpc } = await start({ maxStrangers: 1, maxConnections: 2 })
    await once(rpc.socket('?connectionParams=1'), 'open')
    expect(await statusOf(rpc.socket('?connectionParams=1'))).toBe(503)
    await once(rpc.socket('', BEARER), 'open')
    expect(await statusOf(rpc.socket('', BEARER))).toBe(503)
  })

  test('who shows wrong tokens is held back, by address', async () => {
    const { rpc } = await start()
    const from = (address: string, token: string) => ({ 'x-from': address, authorization: `Bearer ${token}` })
    for (let guess = 0; guess < 20; guess++)
      expect(await statusOf(rpc.socket('', from('1.2.3.4', `wrong-${guess}`)))).toBe(401)
    expect(await statusOf(rpc.socket('', from('1.2.3.4', TOKEN)))).toBe(401)
    await once(rpc.socket('', from('5.6.7.8', TOKEN)), 'open')
  })

  test('a token that can be guessed stops the start', () => {
    const { desk, logger } = createTestDesk()
    const tokens = [{ token: TOKEN.slice(1), actor: { actor: 'x', role: 'owner' } }]
    const deps = { desk, logger, tokens, clock: systemClock, addressOf: () => undefined }
    expect(() => createRpcServer(deps)).toThrow(AppError)
  })

  test('no token is in the log', async () => {
    const { rpc, logged } = await start()
    await rpc.client().peers.list.query()
    await codeOf(rpc.client(WRONG).peers.list.query())
    expect(logged.join('')).toContain('rpc.token_refused')
    expect(logged.join('')).not.toMatch(new RegExp(`${TOKEN}|${WRONG}`))
  })
})

describe('what a client may cost', () => {
  test('broken messages are answered, and too many of them end the connection and no other', async () => {
    const { rpc } = await start({ maxBrokenMessages: 20 })
    const good = rpc.client()
    await good.peers.list.query()
    const socket = rpc.socket('', BEARER)
    const answers = answersOn(socket)
    await once(socket, 'open')
    const broken = ['{', 'null', '{"id":1}', '[[]]', '{"id":1,"method":"query","params":{"path":7}}', '\0']
    broken.push(JSON.stringify({ id: 1, method: 'query', params: { path: 'peers.list', input: { $x: 1 } } }))
    for (const message of broken) socket.send(message)
    socket.send(Buffer.from([1, 2, 3]))
    await expect.poll(() => answers.length).toBeGreaterThanOrEqual(broken.length)
    expect(new Set(answers.map(({ error }) => error?.data.refusal.code))).toEqual(new Set(['UNREADABLE']))
    socket.send(call(5))
    await expect.poll(() => answers.some(({ id, result }) => id === 5 && result !== undefined)).toBe(true)
    for (let i = 0; i < 30; i++) socket.send('{')
    await once(socket, 'close')
    expect(await good.peers.list.query()).toEqual([])
  })

  test('a message that is too long ends the connection', async () => {
    const { rpc } = await start()
    const socket = rpc.socket('', BEARER)
    await once(socket, 'open')
    socket.send(call(1, 'x'.repeat(1024 * 1024)))
    const [code] = await once(socket, 'close')
    expect(code).toBe(1009)
  })

  test('a procedure that there is not is refused without repeating its name', async () => {
    const { rpc } = await start()
    const socket = rpc.socket('', BEARER)
    const texts: string[] = []
    socket.on('message', (data: Buffer) => texts.push(data.toString()))
    await once(socket, 'open')
    socket.send(call(1, 'peers.steal'))
    socket.send(call(2, '__proto__.constructor'))
    await expect.poll(() => texts.length).toBe(2)
    expect(texts.every((text) => text.includes('NO_PROCEDURE'))).toBe(true)
    expect(texts.join('')).not.toMatch(/steal|constructor/)
  })

  test('subscriptions beyond their number are refused, and ended ones make room', async () => {
    const { rpc, books } = await start({ maxSubscriptions: 2 })
    const client = rpc.client()
    const one = listening(client, ACCOUNT)
    const two = listening(client, ACCOUNT)
    await Promise.all([one.has(1), two.has(1)])
    expect(refusalOf(await listening(client, ACCOUNT).over).code).toBe('BUSY')
    one.stop()
    await expect.poll(books.subscribers).toBe(1)
    await listening(client, ACCOUNT).has(1)
  })

  test('calls beyond their number are refused, and nobody waits for them', async () => {
    const { rpc, desk } = await start({ maxCalls: 2 })
    const gate = Promise.withResolvers<void>()
    const { stats } = desk.node
    Object.assign(desk.node, { stats: () => gate.promise.then(stats) })
    const client = rpc.client()
    const calls = [1, 2, 3].map(() => client.payment.getRoutingStats.query())
    await expect(Promise.race(calls)).rejects.toSatisfy((error) => refusalOf(error).code === 'BUSY')
    gate.resolve()
    const ends = await Promise.allSettled(calls)
    expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  })

  test('a subscriber that does not read is left, and what it followed is let go', async () => {
    const { rpc, books } = await start({ maxUnreadBytes: 100_000 })
    const socket = rpc.socket('', BEARER)
    await once(socket, 'open')
    socket.send(follow(1))
    await expect.poll(books.subscribers).toBe(1)
    socket.pause()
    // The kernel holds some megabytes before anything stays with us.
    await expect
      .poll(
        () => {
          for (let i = 0; i < 2_000; i++) books.post(2n ** 200n)
          return rpc.connections()
        },
        { timeout: 20_000, interval: 5 },
      )
      .toBe(0)
    await expect.poll(books.subscribers).toBe(0)
  })

  test('a client that gives no sign of life is left', async () => {
    const { rpc } = await start({ pingIntervalMs: 50, pongTimeoutMs: 500 })
    const socket = rpc.socket('', BEARER)
    await once(socket, 'open')
    await once(socket, 'close')
    const client = rpc.client()
    await client.peers.list.query()
    await new Promise((resolve) => setTimeout(resolve, 800))
    expect(rpc.connections()).toBe(1)
  })

  test('a Host that is none harms nobody', async () => {
    const { rpc } = await start()
    const raw = connect(Number(new URL(rpc.url).port), '127.0.0.1')
    raw.on('error', () => undefined)
    raw.write(
      `GET //[ HTTP/1.1\r\nHost: [[ ]\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    )
    raw.resume()
    await once(raw, 'close')
    expect(await rpc.client().peers.list.query()).toEqual([])
  })

  test('a subscription ends when its client is gone, however it went', async () => {
    const { rpc, books } = await start()
    const polite = rpc.socket('', BEARER)
    const gone = rpc.socket('', BEARER)
    for (const socket of [polite, gone]) {
      await once(socket, 'open')
      socket.send(follow(1))
    }
    await expect.poll(books.subscribers).toBe(2)
    gone.terminate()
    await expect.poll(books.subscribers).toBe(1)
    polite.close()
    await expect.poll(books.subscribers).toBe(0)
  })
})

describe('a network that breaks', () => {
  test('a subscription goes on where it was, without a gap and without a repetition', async () => {
    const { rpc, books } = await start()
    const one = listening(rpc.client(), ACCOUNT)
    await one.has(1)
    for (let round = 0; round < 3; round++) {
      books.post(1n)
      await one.has(round * 3 + 2)
      rpc.breakAll()
      await expect.poll(books.subscribers).toBe(0)
      books.post(1n)
      books.post(1n)
      await one.has(round * 3 + 4)
    }
    expect(one.heard.map(({ balance }) => Number(balance))).toEqual([...Array(10).keys()])
  })

  test('a call under way is refused as unreachable, and the next one arrives', async () => {
    const { rpc, desk } = await start()
    const { stats } = desk.node
    const asked = Promise.withResolvers<void>()
    Object.assign(desk.node, {
      stats: () => {
        asked.resolve()
        return new Promise(() => {})
      },
    })
    const client = rpc.client()
    const lost = client.payment.getRoutingStats.query()
    await asked.promise
    rpc.breakAll()
    expect(await codeOf(lost)).toBe('UNREACHABLE')
    Object.assign(desk.node, { stats })
    expect(await client.payment.getRoutingStats.query()).toMatchObject({ address: 'test.memory' })
  })

  test('a node that is not there is given up in time', async () => {
    const client = connectIlp({ url: 'ws://127.0.0.1:1/trpc', token: TOKEN, callTimeoutMs: 50 })
    expect(await codeOf(client.peers.list.query())).toBe('TIMEOUT')
    await client.close()
  })

  test('a server that closes ends every connection, and strangers too', async () => {
    const { rpc } = await start()
    const known = rpc.socket('', BEARER)
    const stranger = rpc.socket('?connectionParams=1')
    await Promise.all([once(known, 'open'), once(stranger, 'open')])
    const [[code]] = await Promise.all([once(known, 'close'), once(stranger, 'close'), rpc.close()])
    expect(code).toBe(1001)
    expect(rpc.connections()).toBe(0)
  })
})
