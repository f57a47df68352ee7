import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { accepted, RefusedError } from '../kernel/index.ts'
import { createHttpServer, createLogger, createMetricsRegistry, type HttpServer } from '../platform/index.ts'
import { addInterledgerStream } from './interledger-stream.ts'
import { CLI_PRINCIPAL } from './rights.ts'
import { createMemoryOperator, type MemoryOperator, startTestConsole } from './testing/index.ts'

const PATH = '/dashboard/interledger/stream'

let folder = ''
let memory: MemoryOperator
let http: HttpServer
/** Whoever asks is let in when this resolves. */
let identified: Promise<void>

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-stream-'))
  memory = createMemoryOperator()
  identified = Promise.resolve()
  const identify = async () => {
    await identified
    return accepted({ principal: CLI_PRINCIPAL, claim: async () => true })
  }
  http = await createHttpServer({
    logger: createLogger({ level: 'silent', format: 'json' }),
    health: () => ({}),
    metrics: createMetricsRegistry(),
    site: { name: '', description: '', publicUrl: '' },
    routes: async (app) => addInterledgerStream(app, { operator: memory.operator, identify }),
  })
  await http.listenUnix(join(folder, 'http.sock'))
})
afterEach(async () => {
  await http.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Reads until so many events have come, and leaves. */
function watch(
  events: number,
  name = 'state',
): Promise<{ readonly type: string; readonly states: unknown[] }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: join(folder, 'http.sock'), path: PATH }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        const found = [...text.matchAll(/^event: (.*)\ndata: (.*)\n\n/gm)].filter(([, one]) => one === name)
        if (found.length < events) return
        response.destroy()
        const states = found.map(([, , json = '']) => JSON.parse(json) as unknown)
        resolve({ type: String(response.headers['content-type']), states })
      })
    })
    asked.on('error', reject)
    asked.end()
  })
}

test('operators watch the node and its peers, second by second', async () => {
  const { type, states } = await watch(2)
  expect(type).toContain('text/event-stream')
  expect(states).toHaveLength(2)
  expect(states[0]).toMatchObject({ address: 'test.memory', peers: 0, routes: 0, peerList: [] })
})

test('many readers cost the node one question a second, and none when they have gone', async () => {
  const asked = countQuestions()
  const began = performance.now()
  await Promise.all(Array.from({ length: 30 }, () => watch(3)))
  const most = (performance.now() - began) / 1_000 + 2
  expect(asked()).toBeGreaterThanOrEqual(3)
  expect(asked()).toBeLessThanOrEqual(most)
  await expectSilence(asked)
})

test('a reader that goes while it is asked who it is leaves nothing behind', async () => {
  const asked = countQuestions()
  let letIn = (): void => {}
  identified = new Promise((resolve) => {
    letIn = resolve
  })
  const gone = request({ socketPath: join(folder, 'http.sock'), path: PATH })
  gone.on('error', () => undefined)
  gone.end()
  await delay(100)
  gone.destroy()
  await delay(100)
  letIn()
  await expectSilence(asked)
})

test('a node that does not answer is said to be so, with the reason, and watched on', async () => {
  const desk = memory.operator.interledger()!
  const { stats } = desk
  const text = 'nobody answered'
  Object.assign(desk, { stats: () => Promise.reject(new RefusedError({ code: 'UNAVAILABLE', text })) })
  const { states } = await watch(1, 'unavailable')
  expect(states).toEqual([{ error: { code: 'UNAVAILABLE', message: text } }])
  const later = watch(1)
  Object.assign(desk, { stats })
  expect((await later).states).toMatchObject([{ address: 'test.memory' }])
})

/** How often the node was asked so far. */
function countQuestions(): () => number {
  const desk = memory.operator.interledger()!
  const { stats } = desk
  let asked = 0
  Object.assign(desk, {
    stats: () => {
      asked++
      return stats()
    },
  })
  return () => asked
}

async function expectSilence(asked: () => number): Promise<void> {
  await delay(200)
  const before = asked()
  await delay(1_500)
  expect(asked()).toBe(before)
}

test('a reader that stays does not keep the program from its end', async () => {
  const asked = request({ socketPath: join(folder, 'http.sock'), path: PATH })
  const ended = new Promise((resolve) => {
    asked.on('error', () => undefined)
    asked.on('response', (response) => {
      response.resume()
      response.on('error', () => undefined)
      response.on('close', resolve)
      void http.close()
    })
  })
  asked.end()
  await ended
})

test('strangers and moderators do not watch it', async () => {
  const rig = await startTestConsole()
  expect((await rig.send({ path: PATH })).status).toBe(401)
  expect((await rig.send({ path: PATH, by: rig.moderator })).status).toBe(403)
  rig.closed.add('interledger')
  expect((await rig.send({ path: PATH, by: rig.owner })).status).toBe(503)
  await rig.server.close()
})
