/** `ilp-connector` (npm), wherever it is installed, with the same two links as our node has; it keeps nothing on disk. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Link } from '../../src/interledger/link.ts'
import { connectEnd } from './btp-end.ts'
import { forwardedPackets } from './forwarded-packets.ts'
import type { MakePacket, Send } from './traffic.ts'

export interface ConnectorOverBtp {
  readonly pid: number
  readonly send: Send
  readonly toPeer: MakePacket
  stop(): Promise<void>
}

const START_TIMEOUT_MS = 30_000
const NAMES = ['alice', 'bob'] as const

/** @param folder where `npm install ilp-connector ilp-plugin-btp` was done. */
export async function startConnectorOverBtp(folder: string): Promise<ConnectorOverBtp> {
  const ports = await Promise.all(NAMES.map(freePort))
  const secret = randomBytes(16).toString('hex')
  const account = (port: number | undefined) => ({
    relation: 'child',
    plugin: 'ilp-plugin-btp',
    assetCode: 'XRP',
    assetScale: 6,
    rateLimit: { refillPeriod: 1_000, refillCount: 1_000_000, capacity: 1_000_000 },
    options: { listener: { port, secret } },
  })
  const child = spawn(process.execPath, [join(folder, 'node_modules/ilp-connector/dist/index.js')], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      CONNECTOR_ENV: 'production',
      CONNECTOR_ILP_ADDRESS: 'test.node',
      CONNECTOR_STORE: 'memory',
      CONNECTOR_BACKEND: 'one-to-one',
      CONNECTOR_SPREAD: '0',
      CONNECTOR_ADMIN_API: 'false',
      CONNECTOR_ACCOUNTS: JSON.stringify({ alice: account(ports[0]), bob: account(ports[1]) }),
      DEBUG: '',
    },
  })
  process.once('exit', () => child.kill('SIGKILL'))
  const [alice, bob] = await Promise.all(ports.map((port) => connectWhenItListens(port, secret)))
  if (alice === undefined || bob === undefined) throw new Error('no link')
  return {
    pid: child.pid ?? 0,
    send: (prepare) => alice.send(prepare),
    toPeer: forwardedPackets('test.node.bob.wallet'),
    stop: async () => {
      await Promise.all([alice.close(), bob.close()])
      child.kill('SIGKILL')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    },
  }
}

async function connectWhenItListens(port: number, token: string): Promise<Link> {
  const untilMs = performance.now() + START_TIMEOUT_MS
  while (!(await isListening(port))) {
    if (performance.now() > untilMs) throw new Error('ilp-connector did not start')
    await delay(200)
  }
  return connectEnd(`ws://127.0.0.1:${port}/`, token)
}

async function isListening(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  )
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  // A TCP server's address is an AddressInfo.
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
