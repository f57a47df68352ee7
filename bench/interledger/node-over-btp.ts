/** A whole node in a process of its own, and the ends of two BTP links to it in this one. */
import { randomBytes } from 'node:crypto'
import { NodeProcess, tokenHashOf } from '../../src/interledger/node/testing/index.ts'
import { querySpsp } from '../../src/interledger/spsp/index.ts'
import { streamPackets } from '../../src/interledger/stream/testing/index.ts'
import { connectEnd } from './btp-end.ts'
import { forwardedPackets } from './forwarded-packets.ts'
import type { MakePacket, Send } from './traffic.ts'

export interface NodeOverBtp {
  readonly pid: number
  /** From the peer `alice`. */
  readonly send: Send
  /** For the child `bob`, who counts in another asset. */
  readonly toPeer: MakePacket
  readonly toReceiver: MakePacket
  isSound(): Promise<boolean>
  stop(): Promise<void>
}

const AMOUNT = 1_000n

export async function startNodeOverBtp(databaseUrl: string): Promise<NodeOverBtp> {
  const token = (id: string): string => `the-token-of-${id}-in-a-bench`
  const peer = (id: string, relation: 'peer' | 'child', asset: 'drop' | 'usdc') => ({
    id,
    relation,
    asset,
    maxPacketAmount: String(10n ** 12n),
    link: { kind: 'btp-server', tokenHash: tokenHashOf(token(id)) } as const,
  })
  const node = new NodeProcess({
    databaseUrl,
    secret: randomBytes(32).toString('hex'),
    address: 'test.node',
    asset: 'drop',
    maxHoldSeconds: 30,
    maxReconnectMs: 1_000,
    peers: [peer('alice', 'peer', 'drop'), peer('bob', 'child', 'usdc')],
  })
  await node.start()
  const [alice, bob] = await Promise.all(
    ['alice', 'bob'].map((id) => connectEnd(`ws://${node.authority}/btp`, token(id))),
  )
  if (alice === undefined || bob === undefined) throw new Error('no link')
  const details = await querySpsp({
    to: `http://${node.authority}/.well-known/pay`,
    fetch,
    signal: AbortSignal.timeout(10_000),
  })
  if (!details.ok) throw new Error(details.refusal.text)
  const toReceiver = streamPackets(details.value)
  return {
    pid: node.pid,
    send: (prepare) => alice.send(prepare),
    toPeer: forwardedPackets('test.node.bob.wallet'),
    toReceiver: () => toReceiver(AMOUNT),
    isSound: async () => (await node.report()).isSound,
    stop: async () => {
      await Promise.all([alice.close(), bob.close()])
      await node.stop()
    },
  }
}
