import { once } from 'node:events'
import { get } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { AppError } from '../../kernel/index.ts'
import type { ExportPatience } from './send-export.ts'
import { startTestApi, type TestApi } from './testing/index.ts'

let api: TestApi
beforeEach(async () => {
  api = await startTestApi()
})
afterEach(() => api.close())

describe('exports', () => {
  test('stream as a file of the days asked for', async () => {
    const { status, headers, text } = await api.get(
      '/stats/export?what=network-events&since=2026-11-01&until=2026-11-21',
    )
    expect(status).toBe(200)
    expect(text).toBe('day,events\n2026-11-21,5\n')
    expect(headers).toMatchObject({
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': 'attachment; filename="network-events_2026-11-01_2026-11-21.csv"',
      'ratelimit-remaining': '90',
    })
    expect(api.exports).toEqual([
      {
        what: 'network-events',
        format: 'csv',
        sinceSeconds: Date.parse('2026-11-01') / 1_000,
        untilSeconds: Date.parse('2026-11-21') / 1_000,
      },
    ])
  })

  test('are one at a time for each who asks, however they ask, and two in all', async () => {
    const files: Readable[] = []
    const slow = await startTestApi({
      exportHistory: async () => files[files.push(new Readable({ read: () => {} })) - 1]!,
    })
    const port = await slow.listen()
    const leaving = new AbortController()
    const ask = (address: string, more: Readonly<Record<string, string>> = {}) =>
      fetch(`http://127.0.0.1:${port}/api/v1/stats/export?what=clients`, {
        headers: { 'x-test-address': address, ...more },
        signal: leaving.signal,
      }).catch(() => undefined)
    const refusalOf = async (answer: Response | undefined) => [answer?.status, await answer?.text()]
    void ask('192.0.2.1')
    await vi.waitFor(() => expect(files).toHaveLength(1))
    for (const mark of [{}, { 'sec-fetch-site': 'same-origin' }]) {
      expect(await refusalOf(await ask('192.0.2.1', mark))).toEqual([
        503,
        expect.stringContaining('of yours'),
      ])
    }
    void ask('192.0.2.2')
    await vi.waitFor(() => expect(files).toHaveLength(2))
    expect(await refusalOf(await ask('192.0.2.3'))).toEqual([503, expect.stringContaining('as many')])
    leaving.abort()
    await vi.waitFor(() => expect(files.every(({ destroyed }) => destroyed)).toBe(true))
    // Who has left may come again.
    const again = get({
      port,
      path: '/api/v1/stats/export?what=clients',
      headers: { 'x-test-address': '192.0.2.1' },
    })
    again.on('error', () => {})
    await vi.waitFor(() => expect(files).toHaveLength(3))
    again.destroy()
    await slow.close()
  })

  describe('end for who', () => {
    /** Never ends. */
    const endless = () => {
      const piece = Buffer.alloc(65_536)
      return new Readable({
        read() {
          this.push(piece)
        },
      })
    }

    async function exporting(exportPatience: ExportPatience, file: Readable) {
      const files = [file, Readable.from(['the next one'])]
      const rig = await startTestApi({ exportPatience, exportHistory: async () => files.shift()! })
      const port = await rig.listen()
      const client = connect(port, '127.0.0.1')
      client.on('error', () => {})
      client.write('GET /api/v1/stats/export?what=clients HTTP/1.1\r\nHost: x\r\n\r\n')
      return { rig, client, closed: once(file, 'close') }
    }

    test('takes nothing of it, though it says something again and again', async () => {
      const { rig, client, closed } = await exporting({ idleMs: 200, inAllMs: 3_600_000 }, endless())
      const talking = setInterval(() => client.write('GET /api/v1/brand HTTP/1.1\r\nHost: x\r\n\r\n'), 20)
      await closed
      clearInterval(talking)
      client.destroy()
      // They have their place back.
      expect(await rig.get('/stats/export?what=clients')).toMatchObject({ status: 200, text: 'the next one' })
      await rig.close()
    })

    test('takes it for ever', async () => {
      const { rig, client, closed } = await exporting({ idleMs: 3_600_000, inAllMs: 200 }, endless())
      client.resume()
      await closed
      await rig.close()
    })

    test('but not for who waits longer for it, as long as it goes on', async () => {
      const pieces = Array.from({ length: 20 }, (_, n) => `piece ${n}\n`)
      const dawdling = Readable.from(
        (async function* () {
          for (const piece of pieces) {
            await delay(50)
            yield piece
          }
        })(),
      )
      const { rig, client } = await exporting({ idleMs: 500, inAllMs: 3_600_000 }, dawdling)
      let text = ''
      for await (const chunk of client) {
        text += String(chunk)
        if (text.endsWith('\r\n0\r\n\r\n')) break
      }
      for (const piece of pieces) expect(text).toContain(piece)
      client.destroy()
      await rig.close()
    })
  })

  test('one that fails gives its place back', async () => {
    const failing = await startTestApi({
      exportHistory: async () => {
        throw new Error('the disk is full')
      },
    })
    for (let n = 0; n < 5; n++) {
      expect((await failing.get('/stats/export?what=network-events')).status).toBe(500)
    }
    await failing.close()
  })

  test('without a database there is none for now, which is no fault', async () => {
    const early = await startTestApi({
      exportHistory: async () => {
        throw new AppError('DATABASE_UNREACHABLE', 'The database is not ready yet.')
      },
    })
    const { status, json } = await early.get('/stats/export?what=network-events')
    expect([status, json]).toMatchObject([503, { error: { code: 'UNAVAILABLE' } }])
    await early.close()
  })

  test('one that nobody waits for any more is thrown away when it is there', async () => {
    const made: Readable[] = []
    let finish: (() => void) | undefined
    const slow = await startTestApi({
      exportHistory: () =>
        new Promise((resolve) => {
          finish = () => resolve(made[made.push(new Readable({ read: () => {} })) - 1]!)
        }),
    })
    const port = await slow.listen()
    const leaving = new AbortController()
    const asked = fetch(`http://127.0.0.1:${port}/api/v1/stats/export?what=clients`, {
      signal: leaving.signal,
    }).catch(() => 'left')
    await vi.waitFor(() => expect(finish).toBeDefined())
    leaving.abort()
    expect(await asked).toBe('left')
    await delay(50)
    finish?.()
    // It is closed, and so its file is removed, though nobody read it.
    await vi.waitFor(() => expect(made[0]?.destroyed).toBe(true))
    await slow.close()
  })

  test('the head of a file, and of a stream, comes without one being made', async () => {
    const head = await api.server.app.inject({ method: 'HEAD', url: '/api/v1/stats/export?what=clients' })
    expect([head.statusCode, head.headers['content-type']]).toEqual([200, 'text/csv; charset=utf-8'])
    expect(api.exports).toEqual([])
    const stream = await api.server.app.inject({ method: 'HEAD', url: '/api/v1/stats/stream' })
    expect([stream.statusCode, stream.headers['content-type']]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
    ])
  })
})
