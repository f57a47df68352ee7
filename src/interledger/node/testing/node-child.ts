/**
 * A node in a process of its own, for tests that kill it: `node node-child.ts <settings as JSON>`. It says `ready` and its
 * port on standard output when it is served, takes one order a line on standard input, and answers each by a line with its number.
 */
import { createInterface } from 'node:readline'
import { pino } from 'pino'
import { openDatabase } from '../../../platform/database/index.ts'
import type { ChildAnswer, ChildOrder, ChildSettings, NodeReport } from './child-orders.ts'
import { startTestNode, type TestNode } from './test-node.ts'
import { addPeer, peerTerms } from './test-peers.ts'

const BY = { actor: 'cli', role: 'cli' }
const settings: ChildSettings = JSON.parse(process.argv[2] ?? '')
const connection = { poolSize: 4, statementTimeoutMs: 20_000, connectTimeoutMs: 5_000 }
const logger = pino({ level: 'silent' })
const database = await openDatabase({ url: settings.databaseUrl, dataDir: '', logger, ...connection })
const node = await startTestNode({
  database,
  port: settings.port,
  secret: Buffer.from(settings.secret, 'hex'),
  settings: { address: settings.address, asset: settings.asset, maxHoldSeconds: settings.maxHoldSeconds },
  btpLimits: { maxReconnectMs: settings.maxReconnectMs },
  onFailed: (error) => {
    throw error
  },
})
await addNewPeers(node)
console.log(`ready ${node.port}`)

for await (const line of createInterface({ input: process.stdin })) {
  const order: ChildOrder & { readonly number: number } = JSON.parse(line)
  if (order.do === 'stop') break
  void obey(order).then(
    (value) => say({ number: order.number, value }),
    (error: unknown) => say({ number: order.number, error: String(error) }),
  )
}
process.stdin.destroy()
await node.stop()
await database.close()

function say(answer: ChildAnswer): void {
  console.log(JSON.stringify(answer))
}

/** Those of an earlier run are in the database. */
async function addNewPeers({ opened }: TestNode): Promise<void> {
  const known = new Set(opened.peers().map(({ id }) => id))
  for (const { id, relation, asset, link, maxPacketAmount } of settings.peers) {
    if (known.has(id)) continue
    const terms = peerTerms(id, asset, link, { relation })
    await addPeer(opened, { ...terms, limits: { ...terms.limits, maxPacketAmount: BigInt(maxPacketAmount) } })
  }
}

async function obey(order: Exclude<ChildOrder, { do: 'stop' }>): Promise<unknown> {
  if (order.do === 'report') return report()
  if (order.do === 'balance') return String((await node.ledger.balance(order.account)).balance)
  const { key, to, asset, send } = order
  const paid = await node.opened.node.payments.pay({ key, to, asset, send: BigInt(send) }, BY)
  if (!paid.ok) throw new Error(paid.refusal.text)
  const { state, sent, delivered, reason } = paid.value
  return { state, reason, sent: String(sent), delivered: String(delivered) }
}

async function report(): Promise<NodeReport> {
  const { connector, books, unresolved, connectedPeers } = node.opened.figures()
  const peers = await node.opened.node.peers.list()
  const routes = await node.opened.node.routes.list()
  const trial = await node.ledger.trialBalance()
  return {
    unresolved,
    connectedPeers,
    openPackets: books.open,
    inFlight: connector.inFlight,
    fulfilled: connector.counts.fulfilled,
    kept: Object.fromEntries(peers.map(({ id, balance }) => [id, String(balance)])),
    prefixes: routes.map(({ prefix }) => prefix),
    isSound: trial.every(({ debits, credits, wrongBalances }) => debits === credits && wrongBalances === 0),
  }
}
