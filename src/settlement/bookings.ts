/** What settlement posts in the ledger, and under which keys. README.md has the table. */
import { AppError, type Asset, type Outcome } from '../kernel/index.ts'
import type { AccountId, Entry, Ledger, PostRefusal, Transfer } from '../ledger/index.ts'
import type { Fee } from './rail.ts'
import type { Tx } from './tables.ts'

/** The part of the ledger that settlement needs. */
export type SettlementLedger = Pick<Ledger, 'postIn' | 'balance'>

/** What a party owes us, negative when we owe it. */
export function partyAccount(party: string, asset: Asset): AccountId {
  return { path: `assets/${party}`, asset }
}

/** Whose account it is; undefined when it is none of `partyAccount`. It may be the name of nobody. */
export function partyOfAccount({ path }: AccountId): string | undefined {
  return /^assets\/([^/]+\/[^/]+)$/.exec(path)?.[1]
}

/** All that we own by a rail: what is in its wallet, what is left in channels of ours, and claims not yet redeemed. */
export function railAccount(rail: string, asset: Asset): AccountId {
  return { path: `assets/settlement/${rail}`, asset }
}

function unassignedAccount(rail: string, asset: Asset): AccountId {
  return { path: `liabilities/settlement-unassigned/${rail}`, asset }
}

interface Booking {
  readonly rail: string
  readonly asset: Asset
  readonly amount: bigint
}

export function paymentLeaves({ key, party, ...of }: Booking & { key: string; party: string }): Transfer {
  const entries = move(partyAccount(party, of.asset), railAccount(of.rail, of.asset), of.amount)
  return { key: `settlement:${key}`, entries, memo: `settles with ${party} by ${of.rail}` }
}

export function paymentFailed({ key, party, ...of }: Booking & { key: string; party: string }): Transfer {
  const entries = move(railAccount(of.rail, of.asset), partyAccount(party, of.asset), of.amount)
  return { key: `settlement:${key}:reversed`, entries, memo: `did not settle with ${party} by ${of.rail}` }
}

export function feePaid(rail: string, key: string, fee: Fee): Transfer {
  const expense = { path: `expenses/settlement/${rail}`, asset: fee.asset }
  const entries = move(expense, railAccount(rail, fee.asset), fee.amount)
  return { key: `settlement:${key}:fee`, entries, memo: `fee of ${rail}` }
}

/** @param party undefined when nobody knows whom it is from: we owe it to somebody. */
export function paymentCame({
  id,
  party,
  ...of
}: Booking & { id: string; party: string | undefined }): Transfer {
  const from = party === undefined ? unassignedAccount(of.rail, of.asset) : partyAccount(party, of.asset)
  const entries = move(railAccount(of.rail, of.asset), from, of.amount)
  return { key: `settlement-in:${of.rail}:${id}`, entries, memo: `${party ?? 'somebody'} paid by ${of.rail}` }
}

export function claimCame(credit: AccountId, of: Booking & { channelId: string; nonce: bigint }): Transfer {
  const entries = move(railAccount(of.rail, of.asset), credit, of.amount)
  return {
    key: `settlement-claim:${of.rail}:${of.channelId}:${of.nonce}`,
    entries,
    memo: `claim by a channel of ${of.rail}`,
  }
}

export function claimGiven(party: string, of: Booking & { channelId: string; nonce: bigint }): Transfer {
  const entries = move(partyAccount(party, of.asset), railAccount(of.rail, of.asset), of.amount)
  return {
    key: `settlement-claim-out:${of.rail}:${of.channelId}:${of.nonce}`,
    entries,
    memo: `settles with ${party} by a channel of ${of.rail}`,
  }
}

/** An ended channel of ours whose payee did not take all: we owe it again. */
export function claimLapsed(party: string, of: Booking & { channelId: string }): Transfer {
  const entries = move(railAccount(of.rail, of.asset), partyAccount(party, of.asset), of.amount)
  return {
    key: `settlement-lapsed:${of.rail}:${of.channelId}`,
    entries,
    memo: `claims of a channel of ${of.rail} that ${party} never redeemed`,
  }
}

/** An ended channel to us of which we did not take all: it is lost. */
export function claimLost(of: Booking & { channelId: string }): Transfer {
  const expense = { path: `expenses/settlement/${of.rail}`, asset: of.asset }
  return {
    key: `settlement-lost:${of.rail}:${of.channelId}`,
    entries: move(expense, railAccount(of.rail, of.asset), of.amount),
    memo: `claims of a channel of ${of.rail} that were not redeemed in time`,
  }
}

function move(debit: AccountId, credit: AccountId, amount: bigint): readonly Entry[] {
  return [
    { ...debit, side: 'debit', amount },
    { ...credit, side: 'credit', amount },
  ]
}

/**
 * Posts what nothing here can refuse. To be called once in a transaction, since the ledger locks the accounts of one call
 * in an order that is the same for everybody; a refusal rolls the transaction
 * back, and it is tried again.
 */
export async function postOrThrow(
  ledger: SettlementLedger,
  tx: Tx,
  transfers: readonly Transfer[],
): Promise<void> {
  if (transfers.length === 0) return
  const outcomes: readonly Outcome<unknown, PostRefusal>[] = await ledger.postIn(tx, transfers)
  for (const [n, outcome] of outcomes.entries()) {
    if (outcome.ok) continue
    const { key = '' } = transfers[n] ?? {}
    throw new AppError('SETTLEMENT_NOT_POSTED', `the ledger refuses ${key}: ${outcome.refusal.code}`, {
      facts: { key, refusal: outcome.refusal.code },
    })
  }
}
