import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createHttpServer, createLogger, createMetricsRegistry, type HttpServer } from '../platform/index.ts'
import { addInterledgerStream } from './interledger-stream.ts'
import { CLI_PRINCIPAL } from './rights.ts'
import { createMemoryOperator, type MemoryOperator, startTestConsole } from './testing/index.ts'

const PATH = '/dashboard/interledger/stream'

let folder = ''
let memory: MemoryOperator
let http: HttpServer

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-stream-'))
  memory = createMemoryOperator()
  const identify = async () => ({
    ok: true as const,
    value: { principal: CLI_PRINCIPAL, claim: async () => true },
  })
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
function watch(events: number): Promise<{ readonly type: string; readonly states: unknown[] }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: join(folder, 'http.sock'), path: PATH }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        const found = [...text.matchAll(/^event: state\ndata: (.*)\n\n/gm)]
        if (found.length < events) return
        response.destroy()
        const states = found.map(([, json = '']) => JSON.parse(json) as unknown)
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
  expect(states[0]).toMatchObject({ address: 'test.memory', peers: 0, peerList: [] })
})

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
