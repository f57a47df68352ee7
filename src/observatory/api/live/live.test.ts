import { get, type IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createManualClock } from '../../../kernel/index.ts'
import { createLogger } from '../../../platform/index.ts'
import type { LiveMessage } from '../bodies.ts'
import { createTestSource, exampleSnapshot, startTestApi, type TestApi } from '../testing/index.ts'
import { createLiveHub, type LiveText, MAX_READERS_OF_ADDRESS } from './live-hub.ts'

let api: TestApi
let port = 0
beforeEach(async () => {
  api = await startTestApi()
  port = await api.listen()
})
afterEach(() => api.close())

/** Collects what comes until a test has seen enough. */
class Inbox<T> {
  readonly all: T[] = []
  #wake = () => {}

  add(item: T): void {
    this.all.push(item)
    this.#wake()
  }

  async until(enough: (all: readonly T[]) => boolean): Promise<readonly T[]> {
    while (!enough(this.all)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.all
  }
}

function stream(query: string, headers: Readonly<Record<string, string>> = {}) {
  const inbox = new Inbox<LiveMessage>()
  const opened = new Promise<IncomingMessage>((resolve, reject) => {
    const url = `http://127.0.0.1:${port}/api/v1/stats/stream${query}`
    get(url, { headers, agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        const parts = text.split('\n\n')
        text = parts.pop() ?? ''
        for (const part of parts) {
          const data = /^data: (.*)$/m.exec(part)?.[1]
          if (data !== undefined) inbox.add(JSON.parse(data) as LiveMessage)
        }
      })
      response.on('error', () => {})
      resolve(response)
    }).on('error', reject)
  })
  return { inbox, opened }
}

function socket(headers: Readonly<Record<string, string>> = {}) {
  const inbox = new Inbox<Record<string, unknown>>()
  const client = new WebSocket(`ws://127.0.0.1:${port}/api/v1/live`, { headers })
  client.on('message', (data: Buffer) => inbox.add(JSON.parse(data.toString()) as Record<string, unknown>))
  const closed = new Promise<number>((resolve) => client.on('close', resolve))
  const opened = new Promise<void>((resolve, reject) => {
    client.on('open', resolve)
    client.on('error', reject)
  })
  return { client, inbox, closed, opened, say: (message: unknown) => client.send(JSON.stringify(message)) }
}

describe('the stream', () => {
  test('tells what is asked for at once, and each change of it', async () => {
    const { inbox, opened } = stream('?topics=overview,activity&range=7d')
    const response = await opened
    expect(response.headers['content-type']).toContain('text/event-stream')
    expect(response.headers['access-control-allow-origin']).toBe('*')
    expect(response.headers['ratelimit-remaining']).toBe('99')
    const first = await inbox.until((all) => all.length === 2)
    expect(first.map(({ topic, range }) => `${topic} ${range}`).toSorted()).toEqual([
      'activity 7d',
      'overview 7d',
    ])
    api.source.change()
    const after = await inbox.until((all) => all.length === 3)
    const total = exampleSnapshot('7d').events + 1
    expect(after[2]).toMatchObject({ topic: 'overview', data: { total_events: total } })
    // The activity is the same as before: nobody is told twice.
    expect(after).toHaveLength(3)
    response.destroy()
  })

  test('costs the source one question for a change, however many watch', async () => {
    const all = Array.from({ length: 15 }, () => stream(''))
    const responses = await Promise.all(all.map(({ opened }) => opened))
    await Promise.all(all.map(({ inbox }) => inbox.until((seen) => seen.length === 1)))
    const before = api.source.asked()
    api.source.change()
    await Promise.all(all.map(({ inbox }) => inbox.until((seen) => seen.length === 2)))
    expect(api.source.asked() - before).toBe(1)
    for (const response of responses) response.destroy()
  })

  test('is for so many from one address; who leaves makes room', async () => {
    const all = Array.from({ length: MAX_READERS_OF_ADDRESS }, () => stream(''))
    const responses = await Promise.all(all.map(({ opened }) => opened))
    expect(responses.every(({ statusCode }) => statusCode === 200)).toBe(true)
    expect((await stream('').opened).statusCode).toBe(503)
    expect((await stream('', { 'x-test-address': '192.0.2.9' }).opened).statusCode).toBe(200)
    responses[0]?.destroy()
    for (let status: number | undefined; status !== 200; await delay(10))
      status = (await stream('').opened).statusCode
  })
})

describe('the socket', () => {
  test('tells what is wanted until it is dropped, and answers pings', async () => {
    const { client, inbox, opened, say } = socket()
    await opened
    say({ action: 'ping' })
    say({ action: 'want', data: ['overview', 'top-relays'], range: '30d' })
    const first = await inbox.until((all) => all.length === 4)
    expect(first.slice(0, 2)).toEqual([
      { done: 'ping' },
      { done: 'want', data: ['overview', 'top-relays'], range: '30d' },
    ])
    expect(first.slice(2).map(({ topic }) => topic)).toEqual(['overview', 'top-relays'])
    say({ action: 'drop', data: ['overview'], range: '30d' })
    await inbox.until((all) => all.length === 5)
    api.source.change((snapshot) => ({ ...snapshot, relays: snapshot.relays.slice(0, 5) }))
    const after = await inbox.until((all) => all.length === 6)
    expect(after[5]).toMatchObject({ topic: 'top-relays', range: '30d' })
    expect(after[5]?.data).toHaveLength(5)
    client.terminate()
  })

  test.each([
    '',
    'want',
    '{}',
    '[]',
    '{"action":"want"}',
    '{"action":"want","data":[]}',
    '{"action":"want","data":["money"]}',
    '{"action":"want","data":["overview"],"range":"1y"}',
    '{"action":"want","data":["overview"],"more":1}',
    '{"action":"steal"}',
  ])('answers %j with what it would understand', async (text) => {
    const { client, inbox, opened } = socket()
    await opened
    client.send(text)
    const [answer] = await inbox.until((all) => all.length === 1)
    expect(answer).toMatchObject({ error: { code: 'BAD_MESSAGE' } })
    client.terminate()
  })

  test('sends away who says too much, or what is too long', async () => {
    const talker = socket()
    await talker.opened
    for (let n = 0; n < 40; n++) talker.say({ action: 'ping' })
    expect(await talker.closed).toBe(1008)
    const long = socket()
    await long.opened
    long.client.send('x'.repeat(5_000))
    expect(await long.closed).toBe(1009)
  })

  test('is not opened for who has asked too much, or shows a wrong key', async () => {
    const address = { 'x-test-address': '192.0.2.8' }
    for (let n = 0; n < 100; n++) await api.get('/stats/overview', address)
    // The count is shared between stream, socket and requests a moment later.
    api.clock.advanceSeconds(1)
    await api.get('/stats/overview', address)
    await expect(socket({ 'x-api-key': 'stoa_wrong' }).opened).rejects.toThrow('401')
  })

  test('an upgrade of something else is not taken for one', async () => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`http://127.0.0.1:${port}/api/v1/live`, { agent: false }, resolve).on('error', reject)
    })
    expect(response.statusCode).toBe(404)
  })
})

describe('who reads slowly', () => {
  test('misses versions, and never has more than the newest of each topic waiting', async () => {
    const source = createTestSource()
    const logger = createLogger({ level: 'silent', format: 'json' })
    const hub = createLiveHub({ source, clock: createManualClock(0), logger })
    const written: LiveText[] = []
    let isFree = true
    const reader = hub.join('192.0.2.1', { isFree: () => isFree, write: (message) => written.push(message) })
    reader?.want({ topic: 'overview', range: '24h' })
    await delay(1)
    isFree = false
    for (let n = 0; n < 20; n++) {
      source.change()
      await delay(1)
    }
    expect(written).toHaveLength(1)
    isFree = true
    reader?.onFree()
    expect(written).toHaveLength(2)
    const { data } = JSON.parse(written[1]?.text ?? '') as {
      readonly data: { readonly total_events: number }
    }
    expect(data.total_events).toBe(exampleSnapshot().events + 20)
    reader?.leave()
    expect(hub.readers).toBe(0)
    hub.close()
  })

  test('and a message is the same object for all who are told', async () => {
    const source = createTestSource()
    const logger = createLogger({ level: 'silent', format: 'json' })
    const hub = createLiveHub({ source, clock: createManualClock(0), logger })
    const written: LiveText[] = []
    for (let n = 0; n < 10; n++) {
      const reader = hub.join('192.0.2.1', { isFree: () => true, write: (message) => written.push(message) })
      reader?.want({ topic: 'relays', range: '24h' })
    }
    await delay(1)
    expect(new Set(written).size).toBe(1)
    source.change((snapshot) => ({ ...snapshot, relays: [] }))
    await delay(1)
    expect(written).toHaveLength(20)
    expect(new Set(written).size).toBe(2)
    hub.close()
  })
})
