import { get, type IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { exampleSnapshot, startTestApi, type TestApi } from '../testing/index.ts'
import { MAX_READERS, MAX_READERS_OF_ADDRESS } from './live-hub.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: unknown = runInNewContext('gc')

/** Readers whose connections are begun together. */
const AT_ONCE = 200
/** Readers that read nothing, and relays whose messages fill what the system holds for such. */
const ASLEEP = 10
const MANY_RELAYS = 500
const CHANGES = 8
const MIB = 1_048_576

let api: TestApi
let port = 0
const watching = new Set<{ destroy(): void }>()
beforeEach(async () => {
  api = await startTestApi()
  port = await api.listen()
})
afterEach(async () => {
  for (const one of watching) one.destroy()
  watching.clear()
  await api.close()
})

/** One of those who watch: what it was told last, and how often it was told something. */
interface Watcher {
  told: number
  characters: number
  last: string
  destroy(): void
}

const addressOf = (number: number) => ({
  'x-test-address': `192.0.2.${Math.floor(number / MAX_READERS_OF_ADDRESS)}`,
})

async function openStream(
  query: string,
  headers: Readonly<Record<string, string>>,
  isAsleep = false,
): Promise<Watcher> {
  const response = await askStream(query, headers)
  if (response.statusCode !== 200) throw new Error(`a stream was refused with ${response.statusCode}`)
  const watcher: Watcher = { told: 0, characters: 0, last: '', destroy: () => response.destroy() }
  watching.add(watcher)
  response.on('error', () => {})
  if (isAsleep) return watcher
  let text = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    const parts = text.split('\n\n')
    text = parts.pop() ?? ''
    for (const part of parts)
      if (part.includes('data: ')) tell(watcher, part.slice(part.indexOf('data: ') + 6))
  })
  return watcher
}

function askStream(query: string, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  get(`http://127.0.0.1:${port}/api/v1/stats/stream${query}`, { headers, agent: false }, resolve).on(
    'error',
    reject,
  )
  return promise
}

async function openSocket(
  want: object,
  headers: Readonly<Record<string, string>>,
  isAsleep = false,
): Promise<Watcher> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const client = new WebSocket(`ws://127.0.0.1:${port}/api/v1/live`, { headers, perMessageDeflate: false })
  const watcher: Watcher = { told: 0, characters: 0, last: '', destroy: () => client.terminate() }
  watching.add(watcher)
  client.on('error', reject)
  client.on('open', resolve)
  client.on('message', (data: Buffer) => {
    const text = data.toString()
    if (!text.startsWith('{"done"')) tell(watcher, text)
  })
  await promise
  client.send(JSON.stringify({ action: 'want', ...want }))
  if (isAsleep) client.pause()
  return watcher
}

function tell(watcher: Watcher, text: string): void {
  watcher.told++
  watcher.characters += text.length
  watcher.last = text
}

async function untilTold(watchers: readonly Watcher[], total: number): Promise<void> {
  const said = `"total_events":${total},`
  while (!watchers.every(({ last }) => last.includes(said))) await delay(5)
}

function heldBytes(): number {
  if (typeof collectGarbage === 'function') collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Half of them streams, half of them sockets. */
async function openReaders(count: number): Promise<readonly Watcher[]> {
  const readers: Watcher[] = []
  for (let first = 0; first < count; first += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - first) }, (_, n) =>
      n % 2 === 0
        ? openStream('', addressOf(first + n))
        : openSocket({ data: ['overview'], range: '24h' }, addressOf(first + n)),
    )
    readers.push(...(await Promise.all(some)))
  }
  return readers
}

test('two thousand watch, by stream and socket, and each of them is told each change; the next one is told that there is no room', async () => {
  const readers = await openReaders(MAX_READERS)
  const { events } = exampleSnapshot()
  await untilTold(readers, events)
  const asked = api.source.asked()
  let before = 0
  for (let change = 1; change <= CHANGES; change++) {
    // By then each connection has the buffers that it needs.
    if (change === 3) before = heldBytes()
    api.source.change()
    await untilTold(readers, events + change)
  }
  // All the same, one question for each change, and nothing of it is kept.
  const [{ last } = { last: '' }] = readers
  expect(new Set(readers.map((reader) => reader.last))).toEqual(new Set([last]))
  expect(new Set(readers.map(({ told }) => told))).toEqual(new Set([1 + CHANGES]))
  expect(api.source.asked() - asked).toBe(CHANGES)
  const wouldBeKept = (CHANGES - 2) * MAX_READERS * last.length
  expect(heldBytes() - before).toBeLessThan(wouldBeKept / 2)

  const elsewhere = { 'x-test-address': '198.51.100.1' }
  const stream = await askStream('', elsewhere)
  expect([stream.statusCode, stream.headers['retry-after'], await textOf(stream)]).toEqual([
    503,
    '30',
    expect.stringContaining('too many are watching'),
  ])
  expect(await refusalOfSocket(elsewhere)).toEqual([
    503,
    '30',
    expect.stringContaining('too many are watching'),
  ])

  // Who leaves makes room for one.
  readers[0]?.destroy()
  const late = await joinAtLast(elsewhere)
  await untilTold([late], events + CHANGES)
  expect((await askStream('', elsewhere)).statusCode).toBe(503)
})

test('who watches and reads nothing costs no more than a message or two, however much there would be to tell', async () => {
  const many = (events: number) => {
    api.source.change((snapshot) => {
      const [first] = snapshot.relays
      const relays = Array.from({ length: MANY_RELAYS }, (_, n) => ({
        ...first!,
        url: `wss://${'long-name.'.repeat(20)}${n}.example`,
      }))
      return { ...snapshot, events, relays: relays.map((relay) => ({ ...relay, events })) }
    })
  }
  await api.get('/stats/overview')
  many(1)
  for (let n = 0; n < ASLEEP; n++) {
    const [data, headers] = [['relays'], addressOf(n)]
    await (n % 2 === 0
      ? openStream('?topics=relays', headers, true)
      : openSocket({ data, range: '24h' }, headers, true))
  }
  const awake = await openSocket({ data: ['relays', 'overview'], range: '24h' }, addressOf(999))
  await untilTold([awake], 1)
  const before = heldBytes()
  for (let events = 2; events <= 60; events++) {
    many(events)
    await untilTold([awake], events)
  }
  // Kept for all who sleep it would be five times what is allowed here, of which the system holds some.
  expect(ASLEEP * awake.characters).toBeGreaterThan(160 * MIB)
  expect(heldBytes() - before).toBeLessThan(32 * MIB)
})

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return text
}

function refusalOfSocket(headers: Readonly<Record<string, string>>): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const client = new WebSocket(`ws://127.0.0.1:${port}/api/v1/live`, { headers })
  client.on('unexpected-response', (_request, response) => {
    void textOf(response).then((text) =>
      resolve([response.statusCode, response.headers['retry-after'], text]),
    )
  })
  client.on('open', () => resolve('it was let in'))
  return promise
}

/** Leaving is noticed a moment later. */
async function joinAtLast(headers: Readonly<Record<string, string>>): Promise<Watcher> {
  for (;;) {
    try {
      return await openStream('', headers)
    } catch {
      await delay(10)
    }
  }
}
