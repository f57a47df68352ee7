/** An Interledger node of somebody else, in the process of the test: Stoa connects to it as its peer, and pays it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { addPeer, peerTerms, startTestNode, tokenHashOf } from '../../src/interledger/node/testing/index.ts'
import { testDatabase } from '../../src/platform/database/testing/index.ts'
import type { Stage, StoaProcess } from './stoa-process.ts'

const ADDRESS = 'test.far'
const TOKEN = 'a-token-between-two-peers'
const LIMITS = ['--max-receivable', '100000000', '--max-payable', '100000000']
const KEY = '7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e'

export interface FarNode {
  /** Has a Stoa connect to it, as its peer `far`. */
  befriend(stage: Stage, stoa: StoaProcess): Promise<void>
  /** Where it is paid. */
  readonly payUrl: string
  /** All that it was paid, in msat. */
  received(): Promise<bigint>
  stop(): Promise<void>
}

export async function startFarNode(): Promise<FarNode> {
  const database = await testDatabase({ poolSize: 4 })
  const { opened, ledger, url, stop } = await startTestNode({
    database,
    settings: { address: ADDRESS, asset: 'msat' },
  })
  const link = { kind: 'btp-server', tokenHash: tokenHashOf(TOKEN) } as const
  await addPeer(opened, peerTerms('stoa', 'msat', link))
  return {
    befriend: async (stage, stoa) => {
      const tokenFile = join(stage.folder(), 'token')
      writeFileSync(tokenFile, TOKEN)
      const connect = ['--connect', `${url.replace('http', 'ws')}/btp`, '--token-file', tokenFile]
      await stage.ask(stoa, 'ilp', 'peer', 'add', 'far', 'msat', ...connect, ...LIMITS)
      await stage.ask(stoa, 'ilp', 'route', 'add', ADDRESS, 'far')
    },
    payUrl: `${url}/pay/${KEY}`,
    received: async () => {
      const { balance } = await ledger.balance({ path: `liabilities/credit/${KEY}`, asset: 'msat' })
      return balance
    },
    stop: async () => {
      await stop()
      await database.close()
    },
  }
}
