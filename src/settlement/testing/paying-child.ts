/**
 * The program that `crash.test.ts` kills: pays Bob 1, 2, 3 … up to `count` by the stub, each when the one before has ended,
 * and says each step to the network before and behind it. It goes on where the one before it was killed.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { systemClock } from '../../kernel/index.ts'
import { openDatabase } from '../../platform/database/index.ts'
import type { Rail } from '../index.ts'
import { createStubRail, openStubChain } from '../stub/index.ts'
import { paying, sourceOf, testLedger, testSettlement } from './test-node.ts'

const [url = '', chainFile = '', bobsAddress = '', count = ''] = process.argv.slice(2)
const say = (line: string) => process.stdout.write(`${line}\n`)
const database = await openDatabase({
  url,
  dataDir: '',
  logger: pino({ level: 'silent' }),
  poolSize: 4,
  statementTimeoutMs: 20_000,
  connectTimeoutMs: 5_000,
})
const chain = openStubChain(chainFile, { asset: 'usdc' })
const plain = createStubRail({ asset: 'usdc', chain, secret: Buffer.alloc(32, 1), confirmations: 1 })
/** So long it waits behind each line, for whoever kills it there. */
const KILL_MS = 10
/** A line before and behind each step is where it can be killed. */
const rail: Rail = {
  ...plain,
  sign: (...args) => said('sign', () => plain.sign(...args)),
  send: (...args) => said('send', () => plain.send(...args)),
  look: (...args) => said('look', () => plain.look(...args)),
}

async function said<T>(step: string, take: () => Promise<T>): Promise<T> {
  say(`will ${step}`)
  await delay(KILL_MS)
  const result = await take()
  say(`did ${step}`)
  await delay(KILL_MS)
  return result
}

const terms = { name: 'bob', asset: 'usdc', rail: 'stub', threshold: 10n ** 12n, target: 0n } as const
const source = sourceOf(
  () => terms,
  async () => Buffer.from(JSON.stringify({ address: bobsAddress })),
)
const ledger = testLedger(database, systemClock)
let nowMs = systemClock.nowMs()
const clock = { nowMs: () => nowMs, nowSeconds: () => Math.floor(nowMs / 1_000) }
const settlement = testSettlement({ database, ledger, clock, rail, source })

for (;;) {
  const orders = await settlement.orders()
  const isUnderWay = orders.some(({ state }) => state !== 'done' && state !== 'failed')
  if (!isUnderWay && orders.length === Number(count)) break
  if (!isUnderWay) await settlement.settle('peer/bob', paying(BigInt(orders.length + 1)))
  say('recorded')
  await delay(KILL_MS)
  await settlement.flush()
  chain.mine(nowMs)
  nowMs += 400_000
}
say('all paid')
await ledger.stop()
await database.close()
