/** What came in: each payment credited once, by its id on the rail, in the transaction that moves the cursor. */

import type { Asset, Clock } from '../kernel/index.ts'
import { paymentCame, postOrThrow, type SettlementLedger } from './bookings.ts'
import { type Parties, partyOfReference } from './parties.ts'
import type { IncomingPayment, Rail } from './rail.ts'
import type { StepTime } from './step-time.ts'
import type { Fenced, Tx } from './tables.ts'

/** Payments in one transaction. */
const PAGE = 100
/** Pages in one round of a rail; the next round goes on. */
const MAX_PAGES = 20

export interface IncomingDeps {
  readonly fenced: Fenced
  readonly ledger: SettlementLedger
  readonly parties: Parties
  readonly clock: Clock
  /** After the commit. */
  readonly onCredited: (credit: CreditedPayment) => void
}

export interface CreditedPayment {
  readonly rail: string
  readonly id: string
  /** Undefined when nobody knows whom it is from. */
  readonly party: string | undefined
  readonly amount: bigint
}

/** Reads what is new. True when there is more. */
export async function readIncoming(deps: IncomingDeps, rail: Rail, time: StepTime): Promise<boolean> {
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const after = await deps.fenced((tx) => cursorOf(tx, rail.name))
    const page = await rail.incoming({ after, limit: PAGE }, time.limit())
    const credited = await deps.fenced(async (tx) => {
      const done = await creditAll(deps, tx, rail, page.payments)
      if (page.cursor !== after) await keepCursor(tx, rail.name, page.cursor)
      return done
    })
    for (const payment of credited) deps.onCredited(payment)
    if (!page.isMore) return false
  }
  return true
}

async function creditAll(
  deps: IncomingDeps,
  tx: Tx,
  rail: Rail,
  payments: readonly IncomingPayment[],
): Promise<readonly CreditedPayment[]> {
  const named = payments.map(({ id, amount, reference }): CreditedPayment => {
    const party = reference === undefined ? undefined : partyOfReference(reference)
    const isParty = party !== undefined && deps.parties.find(party)?.asset === rail.info.asset
    return { rail: rail.name, id, amount, party: isParty ? party : undefined }
  })
  return creditPayments(deps, tx, named, rail.info.asset)
}

/** Those that were not credited before. */
export async function creditPayments(
  { ledger, parties, clock }: Pick<IncomingDeps, 'ledger' | 'parties' | 'clock'>,
  tx: Tx,
  payments: readonly CreditedPayment[],
  asset: Asset,
): Promise<readonly CreditedPayment[]> {
  if (payments.length === 0) return []
  const inserted = await tx
    .insertInto('settlement_payments')
    .values(
      payments.map(({ rail, id, party, amount }) => ({
        rail,
        id,
        party: party ?? null,
        amount: amount.toString(),
        credited_ms: BigInt(clock.nowMs()),
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .execute()
  const isNew = new Set(inserted.map(({ id }) => id))
  const fresh = payments.filter(({ id }) => isNew.has(id))
  const transfers = fresh.map((payment) => paymentCame({ ...payment, asset }))
  await postOrThrow(ledger, tx, transfers)
  for (const [n, { party, amount }] of fresh.entries()) {
    if (party !== undefined) await parties.receivedIn(tx, party, { key: transfers[n]?.key ?? '', amount })
  }
  return fresh
}

async function cursorOf(tx: Tx, rail: string): Promise<string | undefined> {
  const row = await tx
    .selectFrom('settlement_cursors')
    .select('cursor')
    .where('rail', '=', rail)
    .executeTakeFirst()
  return row?.cursor
}

async function keepCursor(tx: Tx, rail: string, cursor: string): Promise<void> {
  await tx
    .insertInto('settlement_cursors')
    .values({ rail, cursor })
    .onConflict((conflict) => conflict.column('rail').doUpdateSet({ cursor }))
    .execute()
}
