/** The real API on the real HTTP server, over made-up figures. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pino } from 'pino'
import { accepted, createManualClock, type ManualClock, refused } from '../../../kernel/index.ts'
import { createMemoryBus } from '../../../platform/bus/index.ts'
import { createHttpServer, createMetricsRegistry, type HttpServer } from '../../../platform/index.ts'
import { SECONDS_PER_DAY } from '../../ranges.ts'
import type { ExportQuery, ObservatoryApiDeps, RecordsReader } from '../deps.ts'
import { createLiveHub } from '../live/live-hub.ts'
import { createLiveSocket, LIVE_PATH } from '../live/live-socket.ts'
import { registerObservatory } from '../register-observatory.ts'
import { EXAMPLE_NOW_SECONDS } from './example-snapshot.ts'
import { createTestSource, type TestSource } from './test-source.ts'

export const GOOD_KEY = 'stoa_0123456789abcdef_good'

export interface TestApi {
  readonly source: TestSource
  readonly clock: ManualClock
  readonly server: HttpServer
  readonly exports: ExportQuery[]
  /** @param path behind `/api/v1`. */
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<TestAnswer>
  post(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<TestAnswer>
  /** Listens on a port of this machine; resolves to it. */
  listen(): Promise<number>
  close(): Promise<void>
}

export interface TestAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
  readonly bytes: Buffer
  readonly json: unknown
}

/** A key that follows nobody. */
export const NOBODY = '0'.repeat(64)

/** @param offers `figures alone`: without export, recommendations and spam score. */
export async function startTestApi(
  change: Partial<ObservatoryApiDeps> = {},
  offers: 'everything' | 'figures alone' = 'everything',
): Promise<TestApi> {
  const source = createTestSource()
  const clock = createManualClock(EXAMPLE_NOW_SECONDS * 1_000)
  const logger = pino({ level: 'silent' })
  const exports: ExportQuery[] = []
  const deps: ObservatoryApiDeps = {
    source,
    records: () => exampleRecords,
    ...(offers === 'everything' && offered(exports)),
    keys: () => ({
      checkApiKey: async (text) =>
        text === GOOD_KEY
          ? accepted({ apiKey: { id: '0123456789abcdef', name: 'a test' }, rateTier: 'basic' })
          : refused({ code: 'TOKEN_INVALID', text: 'this API key is not valid, or not any more' }),
    }),
    tiers: () => undefined,
    rates: createMemoryBus(),
    brand: () => ({
      name: 'Agora',
      tagline: 'What Nostr does',
      accent: '#7a3cff',
      accent_dark: '#b79bff',
      logo: '',
      domain: 'agora.example',
      watch: 'network',
    }),
    clock,
    addressOf: ({ headers }) => headers['x-test-address']?.toString() ?? '127.0.0.1',
    health: async () => ({ database: 'ok', redis: 'off' }),
    logger,
    version: '1.2.3',
    live: createLiveHub({ source, clock, logger }),
    ...change,
  }
  const socket = createLiveSocket(deps)
  const server = await createHttpServer({
    logger,
    health: () => ({}),
    metrics: createMetricsRegistry(),
    site: { name: 'Test', description: '', publicUrl: '' },
    routes: (app) => registerObservatory(app, deps),
    upgrades: (path) => (path === LIVE_PATH ? socket.handleUpgrade : undefined),
  })
  const send = async (
    method: 'GET' | 'POST',
    path: string,
    headers: Readonly<Record<string, string>>,
    body?: unknown,
  ): Promise<TestAnswer> => {
    const answer = await server.app.inject({
      method,
      url: `/api/v1${path}`,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { payload: JSON.stringify(body) }),
    })
    return {
      status: answer.statusCode,
      headers: Object.fromEntries(
        Object.entries(answer.headers).map(([name, value]) => [name, value?.toString()]),
      ),
      text: answer.body,
      bytes: answer.rawPayload,
      json: parsed(answer.body),
    }
  }
  return {
    source,
    clock,
    server,
    exports,
    get: (path, headers = {}) => send('GET', path, headers),
    post: (path, body, headers = {}) => send('POST', path, headers, body),
    listen: async () => {
      server.app.server.listen(0, '127.0.0.1')
      await once(server.app.server, 'listening')
      return (server.app.server.address() as AddressInfo).port
    },
    close: async () => {
      socket.close()
      // Clients keep connections open, and open some beforehand; nobody is asked for anything any more.
      server.app.server.closeAllConnections()
      await server.close()
      deps.live?.close()
    },
  }
}

function offered(
  exports: ExportQuery[],
): Pick<ObservatoryApiDeps, 'exportHistory' | 'recommend' | 'spamScore'> {
  return {
    exportHistory: async (query) => {
      exports.push(query)
      return Readable.from(['day,events\n', '2026-11-21,5\n'])
    },
    recommend: async (pubkey) =>
      pubkey === NOBODY
        ? refused({ code: 'NO_FOLLOWS', text: 'no list of follows of it is stored' })
        : accepted({
            pubkey,
            follows: 2,
            follows_with_lists: 1,
            relays: [],
            covered: 1,
            updated_at: '2027-01-15T08:00:00.000Z',
          }),
    spamScore: (text) => ({
      probability: text.includes('buy') ? 0.99 : 0.01,
      isSpam: text.includes('buy'),
      signs: ['buy'],
    }),
  }
}

const exampleRecords: RecordsReader = {
  relayHistory: async () => [
    {
      startSeconds: EXAMPLE_NOW_SECONDS - 3_600,
      events: 12,
      regions: new Map([
        ['eu', { watchedSeconds: 100, connectedSeconds: 50, latencyP50Ms: 80.04, latencyP95Ms: 200 }],
        ['us', { watchedSeconds: 100, connectedSeconds: 100, latencyP50Ms: 40, latencyP95Ms: undefined }],
      ]),
    },
    { startSeconds: EXAMPLE_NOW_SECONDS, events: 0, regions: new Map() },
  ],
  relayLogs: async () => [
    { atSeconds: EXAMPLE_NOW_SECONDS, level: 'warn', what: 'forged-id', count: 3, detail: undefined },
  ],
  monitors: async () => [
    {
      monitor: 'ab'.repeat(32),
      at: new Date(EXAMPLE_NOW_SECONDS * 1000).toISOString(),
      rtt_open: 120,
      rtt_read: null,
      rtt_write: null,
      disagreements: ['it says that payment is needed'],
    },
  ],
  activeDays: async (sinceSeconds, untilSeconds) =>
    Array.from({ length: (untilSeconds - sinceSeconds) / SECONDS_PER_DAY }, (_, n) => ({
      startSeconds: sinceSeconds + n * SECONDS_PER_DAY,
      events: 10,
      users: 4,
      zaps: 1,
      zapMsat: 21_500n,
    })),
  windowUsers: async () => ({ count: 33, isApproximate: true, error: 0.065 }),
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
