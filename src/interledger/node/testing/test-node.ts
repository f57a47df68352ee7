/** A whole node on a port of this machine: BTP, ILP-over-HTTP and SPSP, its books in a database. */
import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { pino } from 'pino'
import { systemClock } from '../../../kernel/index.ts'
import { createLedger, type LedgerService } from '../../../ledger/index.ts'
import { createMemoryBus } from '../../../platform/bus/index.ts'
import type { Database } from '../../../platform/database/index.ts'
import { beginTestTerm } from '../../../platform/leadership/testing/index.ts'
import type { BtpLimits } from '../../btp/index.ts'
import { openNode } from '../node.ts'
import type { OpenedNode, OpenNodeDeps } from '../opened-node.ts'
import type { NodeSettings } from '../settings.ts'
import { createSecretBox } from './secret-for-tests.ts'

export interface TestNode {
  readonly opened: OpenedNode
  readonly ledger: LedgerService
  readonly url: string
  readonly port: number
  stop(): Promise<void>
}

export const TEST_SETTINGS: NodeSettings = {
  address: '',
  asset: 'drop',
  rates: ['XRP = 0.5', 'USDC = 1', 'BTC = 64000'],
  spreadPpm: 2_000,
  slippagePpm: 20_000,
  carriesPeerToPeer: true,
  maxHoldSeconds: 30,
  maxInFlight: 20_000,
}

export interface TestNodeOptions {
  readonly database: Database
  readonly settings?: Partial<NodeSettings>
  /** 0 for any. */
  readonly port?: number
  readonly secret?: Buffer
  readonly btpLimits?: Partial<BtpLimits>
  readonly onFailed?: (error: unknown) => void
  /** What the node is given, as a test would have it. */
  readonly given?: (deps: OpenNodeDeps) => OpenNodeDeps
}

/** Opens the node and serves it. */
export async function startTestNode({
  database: { db },
  settings = {},
  port = 0,
  secret = randomBytes(32),
  btpLimits = {},
  onFailed = () => {},
  given = (deps) => deps,
}: TestNodeOptions): Promise<TestNode> {
  const logger = pino({ level: process.env.STOA_TEST_LOG ?? 'silent' })
  const ledger = createLedger({ db, bus: createMemoryBus(), clock: systemClock, logger })
  const deps: OpenNodeDeps = {
    db,
    ledger,
    clock: systemClock,
    logger,
    settings: { ...TEST_SETTINGS, ...settings },
    fallbackAddress: 'private.test',
    secret: createSecretBox(secret),
    record: async () => {},
    term: await beginTestTerm(db),
    keyOfName: async (name) => (/^[0-9a-f]{64}$/.test(name) ? name : undefined),
    asks: new Map(),
    fetch,
    btpLimits,
    onFailed,
  }
  const opened = await openNode(given(deps)).catch(async (error: unknown) => {
    await ledger.stop()
    throw error
  })
  const server = createServer((request, response) => {
    void answer(opened, request).then(({ status, headers, body }) =>
      response.writeHead(status, headers).end(body),
    )
  })
  server.on('upgrade', (request, socket, head) => opened.handleUpgrade(request, socket, head))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  // A TCP server's address is an AddressInfo.
  const at = (server.address() as AddressInfo).port
  return {
    opened,
    ledger,
    url: `http://127.0.0.1:${at}`,
    port: at,
    stop: async () => {
      server.close()
      server.closeAllConnections()
      await opened.stop()
      await ledger.stop()
    },
  }
}

async function answer(opened: OpenedNode, request: IncomingMessage) {
  const { method = 'GET', headers, url = '/' } = request
  if (url === '/ilp') return opened.receiveHttp({ method, headers, body: await buffer(request) })
  const [path = '', query] = url.split('?', 2)
  const name = path.startsWith('/pay/') ? decodeURIComponent(path.slice('/pay/'.length)) : undefined
  return opened.answerSpsp({ method, name, hasQuery: query !== undefined, headers })
}
