import { createHash } from 'node:crypto'
import { pino } from 'pino'
import { type Asset, type Clock, systemClock } from '../../../kernel/index.ts'
import { createLedger } from '../../../ledger/index.ts'
import { createMemoryBus } from '../../../platform/bus/index.ts'
import type { Database } from '../../../platform/database/index.ts'
import { beginTestTerm } from '../../../platform/leadership/testing/index.ts'
import type { PacketId, PacketIntent } from '../../books.ts'
import { openPacketBooks, type PacketBooksDeps, peerAccount } from '../index.ts'

export interface TestBooksOptions
  extends Partial<Pick<PacketBooksDeps, 'term' | 'onFailed' | 'rewriteAfterRows' | 'closeWithinMs'>> {
  readonly clock?: Clock
  /** Of peers that do not count in msat. */
  readonly assets?: Readonly<Record<string, Asset>>
}

/** Books on a database, as one run of the program has them. */
export async function testBooks(
  { db }: Pick<Database, 'db'>,
  { clock = systemClock, assets = {}, term, ...options }: TestBooksOptions = {},
) {
  const logger = pino({ level: 'silent' })
  const ledger = createLedger({ db, bus: createMemoryBus(), clock, logger })
  const assetOf = (peerId: string) => assets[peerId] ?? 'msat'
  const held = term ?? (await beginTestTerm(db))
  const books = await openPacketBooks({ db, ledger, clock, logger, assetOf, term: held, ...options })
  return {
    books,
    ledger,
    balanceOf: async (path: string, asset: Asset = 'msat') => (await ledger.balance({ path, asset })).balance,
    peerBalance: async (peerId: string) => {
      const { balance } = await ledger.balance(peerAccount(peerId, assetOf(peerId)))
      return balance
    },
    stop: async () => {
      await books.close()
      await ledger.stop()
    },
  }
}

export type TestBooks = Awaited<ReturnType<typeof testBooks>>

/** The fulfilment of the packet with this number. */
export function fulfillmentOf(number: number): Buffer {
  return createHash('sha256').update(`fulfilment ${number}`).digest()
}

/** What stands for the hash of the packet with this number on one side of this node. */
export function idOf(side: 'in' | 'out', number: number): PacketId {
  return createHash('sha256').update(`${side} ${number}`).digest('hex').slice(0, 32)
}

/** A packet from `alice` to `bob`, of which 1 in 100 is earned. */
export function testPacket(number: number, change: Partial<PacketIntent> = {}): PacketIntent {
  const expiresAtMs = Date.now() + 30_000
  return {
    id: idOf('out', number),
    incomingId: idOf('in', number),
    from: { kind: 'peer', peerId: 'alice' },
    to: { kind: 'peer', peerId: 'bob' },
    incomingAmount: 100n,
    outgoingAmount: 99n,
    incomingExpiresAtMs: expiresAtMs,
    outgoingExpiresAtMs: expiresAtMs - 1_000,
    executionCondition: createHash('sha256').update(fulfillmentOf(number)).digest(),
    ...change,
  }
}
