/** The real console on the real HTTP server, over an operator in memory. */
import { systemClock } from '../../kernel/index.ts'
import {
  createHttpServer,
  createLogger,
  createMetricsRegistry,
  createSignatureVerifier,
  type HttpServer,
} from '../../platform/index.ts'
import { UsedEvents } from '../../relay/index.ts'
import { registerConsole } from '../register-console.ts'
import { createMemoryAccounts, type MemoryAccounts } from './memory-accounts.ts'
import { createMemoryOperator, type MemoryOperator } from './memory-operator.ts'
import { type TestKey, testKey } from './test-key.ts'

export const PUBLIC_URL = 'wss://relay.example'
/** As clients know it that sign requests. */
export const BASE_URL = 'https://relay.example'

export interface TestConsole extends MemoryOperator {
  readonly server: HttpServer
  readonly accounts: MemoryAccounts
  readonly owner: TestKey
  readonly operatorKey: TestKey
  readonly moderator: TestKey
  readonly stranger: TestKey
  /** Sends a request, signed by somebody if they are given. */
  send(request: TestRequest): Promise<TestAnswer>
  /** A management call (NIP-86). */
  rpc(method: string, params?: readonly unknown[], by?: TestKey): Promise<TestAnswer>
}

export interface TestRequest {
  readonly method?: 'GET' | 'POST' | 'OPTIONS'
  readonly path: string
  /** Sent as JSON. */
  readonly body?: unknown
  readonly by?: TestKey
  readonly headers?: Readonly<Record<string, string>>
}

export interface TestAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
  /** The answer as JSON; undefined when it is none. */
  readonly json: unknown
}

export async function startTestConsole({ publicUrl = PUBLIC_URL } = {}): Promise<TestConsole> {
  const memory = createMemoryOperator()
  const used = new UsedEvents(() => systemClock.nowSeconds())
  const verifier = await createSignatureVerifier('wasm')
  const accounts = createMemoryAccounts(memory.operator, verifier)
  const server = await createHttpServer({
    logger: createLogger({ level: 'silent', format: 'json' }),
    health: () => ({}),
    metrics: createMetricsRegistry(),
    site: { name: 'Test', description: '', publicUrl },
    routes: (app) =>
      registerConsole(app, {
        operator: memory.operator,
        accounts: () => accounts,
        knownAs: () => ({ publicUrl, otherUrls: [] }),
        verifier,
        claimOnce: async (id, untilSeconds) => used.claim(id, untilSeconds),
        clock: systemClock,
        addressOf: ({ headers }) => headers['x-test-address']?.toString() ?? '127.0.0.1',
        version: '0.0.0',
      }),
  })
  const [owner, operatorKey, moderator, stranger] = [testKey(1), testKey(2), testKey(3), testKey(4)]
  const roles = [
    [owner, 'owner'],
    [operatorKey, 'operator'],
    [moderator, 'moderator'],
  ] as const
  for (const [{ publicKey }, role] of roles) {
    memory.staff.push({ pubkey: publicKey, role, grantedBy: 'cli', grantedAtSeconds: 0 })
  }

  const send = async ({ method = 'GET', path, body, by, headers = {} }: TestRequest): Promise<TestAnswer> => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const signed = { method, url: `${BASE_URL}${path}`, ...(text !== undefined && { body: text }) }
    const answer = await server.app.inject({
      method,
      url: path,
      headers: {
        host: 'relay.example',
        ...(text !== undefined && { 'content-type': 'application/json' }),
        ...(by !== undefined && { authorization: await by.authorize(signed) }),
        ...headers,
      },
      ...(text !== undefined && { payload: text }),
    })
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text: answer.body,
      json: parsed(answer.body),
    }
  }
  return {
    ...memory,
    server,
    accounts,
    owner,
    operatorKey,
    moderator,
    stranger,
    send,
    rpc: (method, params = [], by = owner) =>
      send({
        method: 'POST',
        path: '/',
        body: { method, params },
        by,
        headers: { 'content-type': 'application/nostr+json+rpc' },
      }),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
