import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import type { WebSocket } from 'ws'
import { connectRelay } from './relay-client.ts'
import { eventually, type FakeRelay, signedEvent, startFakeRelay } from './testing/index.ts'

const cleanUps: (() => unknown)[] = []
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp()
})

async function fake(answer: Parameters<typeof startFakeRelay>[0]): Promise<FakeRelay> {
  const relay = await startFakeRelay(answer)
  cleanUps.push(() => relay.stop())
  return relay
}

async function connect(url: string, limits: Parameters<typeof connectRelay>[0]['limits'] = {}) {
  const client = await connectRelay({ url, limits })
  cleanUps.push(() => client.close())
  return client
}

test('what nobody takes is not read from the socket, and comes when it is taken', async () => {
  const content = 'x'.repeat(100_000)
  let socket: WebSocket | undefined
  const peer = await fake((message, say, from) => {
    socket = from
    for (let n = 0; n < 400; n += 1) say('EVENT', message[1], { content })
    say('EOSE', message[1])
  })
  const client = await connect(peer.url, { maxWaitingBytes: 1_000_000 })
  const subscription = client.request([{}])
  // Until the peer is stuck: what it has still to send is no longer getting less.
  let left = -1
  await eventually(async () => {
    const now = socket?.bufferedAmount ?? -2
    if (now === left) return true
    left = now
    await delay(100)
    return false
  })
  const first = await subscription.next(1_000)
  expect(first.events.length).toBeLessThan(40)
  let count = first.events.length
  for (let isStoredSent = false; !isStoredSent; ) {
    const news = await subscription.next(1_000)
    count += news.events.length
    isStoredSent = news.isStoredSent
  }
  expect(count).toBe(400)
})

test('a message beyond the limit ends the connection', async () => {
  const peer = await fake((message, say) => say('EVENT', message[1], { content: 'x'.repeat(20_000) }))
  const client = await connect(peer.url, { maxMessageBytes: 10_000 })
  await expect(client.request([{}]).next(1)).rejects.toMatchObject({ code: 'PEER_FAILED' })
  expect(client.isOpen).toBe(false)
})

test('everything that waits is told when the connection ends', async () => {
  const peer = await fake((_message, _say, socket) => socket.terminate())
  const client = await connect(peer.url)
  const event = signedEvent()
  const waiting = [
    client.request([{}]).next(1),
    client.publish(event.id, JSON.stringify(event)),
    client.reconcile({}).ask(Uint8Array.of(0x61)),
  ]
  for (const result of await Promise.allSettled(waiting)) {
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'PEER_FAILED' } })
  }
  await expect(client.publish(event.id, '{}')).rejects.toMatchObject({ code: 'PEER_FAILED' })
  await expect(client.request([{}]).next(1)).rejects.toMatchObject({ code: 'PEER_FAILED' })
})

test('a relay that gives no sign of life is left', async () => {
  const sockets: WebSocket[] = []
  const peer = await fake((_message, _say, socket) => {
    sockets.push(socket)
    // It reads nothing any more, so it answers no ping either.
    socket.pause()
  })
  const client = await connect(peer.url, { pingIntervalMs: 50 })
  client.request([{}])
  expect(await client.closed).toMatchObject({ message: expect.stringContaining('no sign of life') })
})

test('rubbish is counted and does no harm', async () => {
  const peer = await fake((message, say, socket) => {
    for (const text of [
      '',
      '{',
      '[]',
      '["EVENT"]',
      '[1,2]',
      '["OK","x","y"]',
      '["NEG-MSG","m1","zz"]',
      '["WHAT","x"]',
    ]) {
      socket.send(text)
    }
    socket.send(Buffer.of(1, 2, 3))
    say('OK', 'nobody', true, '')
    say('EOSE', message[1])
  })
  const client = await connect(peer.url)
  expect(await client.request([{}]).next(1)).toMatchObject({ events: [], isStoredSent: true })
  expect(client.counts).toEqual({ broken: 9, unasked: 1 })
})

test.each(['http://127.0.0.1:1', 'nonsense', ''])('the address "%s" is refused', async (url) => {
  await expect(connectRelay({ url })).rejects.toMatchObject({ code: 'PEER_FAILED' })
})
