/** A server of the RPC on a port, over a node in memory, and clients of it: the official one, and bare sockets. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocket } from 'ws'
import { systemClock } from '../../../kernel/index.ts'
import type { AccountId } from '../../../ledger/index.ts'
import { createLogger } from '../../../platform/index.ts'
import { createMemoryNode } from '../../node/testing/index.ts'
import {
  callInProcess,
  connectIlp,
  createRpcServer,
  type IlpClient,
  type RpcDesk,
  type RpcLimits,
} from '../index.ts'
import { createMemoryBooks } from './memory-books.ts'
import { createMemorySettlement } from './memory-settlement.ts'

export const TOKEN = 'a-token-of-thirty-two-characters'
export const ACTOR = { actor: 'treasury', role: 'owner' }

export function createTestDesk() {
  const memory = createMemoryNode()
  const books = createMemoryBooks()
  const settlement = createMemorySettlement()
  const logged: string[] = []
  const logger = createLogger({ level: 'debug', format: 'json' }, { write: (line) => logged.push(line) })
  const desk: RpcDesk = { node: { ...memory.node, ledger: books.desk }, settlement: settlement.desk }
  return { memory, books, settlement, desk, logger, logged }
}

export type TestDesk = ReturnType<typeof createTestDesk>

export interface TestRpc {
  readonly url: string
  readonly connections: () => number
  /** The official client; closed with the rig. */
  client(token?: string): IlpClient
  /** A socket, before or after it is open. */
  socket(query: string, headers?: Record<string, string>): WebSocket
  /** Breaks all TCP connections, as a network does. */
  breakAll(): void
  close(): Promise<void>
}

export async function startTestRpc(
  { desk, logger }: Pick<TestDesk, 'desk' | 'logger'>,
  limits: Partial<RpcLimits> = {},
): Promise<TestRpc> {
  const rpc = createRpcServer({
    desk,
    logger,
    limits,
    tokens: [{ token: TOKEN, actor: ACTOR }],
    clock: systemClock,
    addressOf: ({ headers }) => headers['x-from']?.toString(),
  })
  const http = createServer()
  const tcp = new Set<Socket>()
  const open: { close(): unknown }[] = []
  http.on('connection', (socket) => {
    tcp.add(socket)
    socket.once('close', () => tcp.delete(socket))
  })
  http.on('upgrade', (request, socket, head) => rpc.handleUpgrade(request, socket, head))
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const { port } = http.address() as AddressInfo
  const url = `ws://127.0.0.1:${port}/trpc`
  const kept = <T extends { close(): unknown }>(one: T): T => {
    open.push(one)
    return one
  }
  return {
    url,
    connections: () => rpc.connections,
    client: (token = TOKEN) => kept(connectIlp({ url, token })),
    socket: (query, headers = {}) => {
      const socket = kept(new WebSocket(url + query, { headers }))
      socket.on('error', () => undefined)
      return socket
    },
    breakAll: () => {
      for (const socket of tcp) socket.destroy()
    },
    close: async () => {
      await Promise.all(open.map((one) => one.close()))
      await rpc.close()
      http.close()
    },
  }
}

export function inProcess({ desk, logger }: TestDesk): IlpClient {
  return callInProcess({ desk, actor: ACTOR, logger })
}

/** What a subscriber was told, and a promise of the n-th event. */
export function listening(client: IlpClient, account: AccountId, after?: string) {
  const heard: { readonly id: string; readonly balance: bigint }[] = []
  const ends: unknown[] = []
  const { promise: over, resolve: end } = Promise.withResolvers<unknown>()
  const waiting: { count: number; resolve: () => void }[] = []
  const subscription = client.ledger.subscribeToAccount.subscribe(
    { ...account, lastEventId: after },
    {
      onData: ({ id, data }) => {
        heard.push({ id, balance: data.balance })
        for (const one of waiting) if (heard.length >= one.count) one.resolve()
      },
      onError: (error) => {
        ends.push(error)
        end(error)
      },
      onComplete: () => end('complete'),
    },
  )
  return {
    heard,
    over,
    stop: () => subscription.unsubscribe(),
    has: (count: number) =>
      new Promise<void>((resolve) => {
        if (heard.length >= count) resolve()
        else waiting.push({ count, resolve })
      }),
  }
}
