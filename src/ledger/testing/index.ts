/** What tests of money use: a real ledger on a database of their own. */
import { pino } from 'pino'
import { type Clock, createManualClock, type ManualClock } from '../../kernel/index.ts'
import { type Bus, createMemoryBus } from '../../platform/bus/index.ts'
import type { Database } from '../../platform/database/index.ts'
import {
  type AccountId,
  createLedger,
  type Entry,
  type FloorRule,
  type LedgerService,
  type Transfer,
} from '../index.ts'

/** The time at which the clocks of tests stand. */
export const NOW_SECONDS = 1_800_000_000

export interface TestLedgerOptions {
  readonly clock?: Clock
  readonly bus?: Bus
  readonly floorOf?: FloorRule
}

/** A ledger on this database; several may be had on one, as processes would. */
export function testLedger(
  { db }: Pick<Database, 'db'>,
  { clock = testClock(), bus = createMemoryBus(), floorOf }: TestLedgerOptions = {},
): LedgerService {
  const logger = pino({ level: 'silent' })
  return createLedger({ db, clock, bus, logger, ...(floorOf !== undefined && { floorOf }) })
}

export function testClock(): ManualClock {
  return createManualClock(NOW_SECONDS * 1_000)
}

/** An account in msat. */
export function msat(path: string): AccountId {
  return { path, asset: 'msat' }
}

/** Of one amount in msat, from the account that is credited to the one that is debited. */
export function transfer(
  key: string,
  { debit, credit, amount }: { readonly debit: string; readonly credit: string; readonly amount: bigint },
): Transfer {
  const entries: readonly Entry[] = [
    { ...msat(debit), side: 'debit', amount },
    { ...msat(credit), side: 'credit', amount },
  ]
  return { key, entries, memo: 'a test' }
}
