import { setTimeout as delay } from 'node:timers/promises'
import type { Kysely, Transaction } from 'kysely'
import { DatabaseError } from 'pg'
import { AppError, type Clock } from '../../kernel/index.ts'
import type { AccountId, Ledger, PostRefusal, Transfer } from '../../ledger/index.ts'
import { isTransient, type Tables } from '../../platform/database/index.ts'
import type { Logger } from '../../platform/index.ts'
import { holdsTerm, type LeaderTerm, whileTermHeld } from '../../platform/leadership/index.ts'
import { type Booking, transferOf } from './bookings.ts'
import type { Group } from './group.ts'
import { insertRow, insertRowAndPost, seqOf } from './journal-table.ts'

export interface CommitDeps {
  readonly db: Kysely<Tables>
  readonly ledger: Pick<Ledger, 'postIn' | 'postingAtOnce'>
  readonly clock: Clock
  readonly logger: Logger
  /**
   * When another process writes by now, what this one knows must not come behind. Also after a crash a new one has to be begun
   * before the journal is read: a statement that the server has may be done when the process that sent it is dead.
   */
  readonly term: LeaderTerm
}

const FIRST_PAUSE_MS = 20
const MAX_PAUSE_MS = 1_000

/** What an account lacks that was to have funds for the packets it sent: they are sent, and somebody is owed for them. */
export const UNFUNDED = 'expenses/unfunded-packets'

/**
 * Commits a group, again and again until it is done or `signal` ends it; a commit of which nobody knows whether it was
 * done is found out by its row. Throws what the same again would not mend.
 *
 * @returns the `seq` of its row.
 */
export async function commitGroup(
  deps: CommitDeps,
  run: string,
  group: Group,
  signal: AbortSignal,
): Promise<bigint> {
  let pauseMs = FIRST_PAUSE_MS
  for (;;) {
    try {
      return (
        (await writeAtOnce(deps, run, group)) ??
        (await deps.db.transaction().execute((tx) => writeGroup(deps, tx, run, group)))
      )
    } catch (err) {
      if (!isTransient(err)) throw err
      if (pauseMs === FIRST_PAUSE_MS)
        deps.logger.warn({ err, entries: group.entries }, 'interledger.books_wait')
      await delay(pauseMs, undefined, { signal }).catch(() => {
        throw err
      })
    }
    pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
  }
}

/**
 * In one statement, which is how nearly all groups go: a packet waits for two of them, and the way to the server and back costs
 * as much as the commit. Undefined for what must be decided in a transaction: an account that is short or new, a row that
 * is there already, another process that leads.
 */
async function writeAtOnce(
  { db, ledger, clock, term }: CommitDeps,
  run: string,
  { number, journal, netting }: Group,
): Promise<bigint | undefined> {
  const transfers = transfersOf(netting.bookings(), keyOf(run, number))
  const posting = transfers.length === 0 ? undefined : ledger.postingAtOnce(transfers)
  if (transfers.length > 0 && posting === undefined) return undefined
  const row = { run, number, atMs: clock.nowMs(), journal }
  try {
    const together = { mayWrite: whileTermHeld(term), numbers: posting?.numbers }
    const written = await insertRowAndPost(db, row, together)
    if (written?.numbers) posting?.committed(written.numbers)
    return written?.seq
  } catch (error) {
    if (isRefusedByRule(error)) return undefined
    throw error
  }
}

/** Class 23: a rule of the tables refuses what the statement would have made of them. */
function isRefusedByRule(error: unknown): boolean {
  return error instanceof DatabaseError && error.code?.startsWith('23') === true
}

async function writeGroup(
  deps: CommitDeps,
  tx: Transaction<Tables>,
  run: string,
  { number, journal, netting }: Group,
): Promise<bigint> {
  await requireMayWrite(deps, tx)
  const seq = await insertRow(tx, { run, number, atMs: deps.clock.nowMs(), journal })
  if (seq === undefined) return seqOf(tx, run, number)
  await postBookings(deps, tx, netting.bookings(), keyOf(run, number))
  return seq
}

/** Of the postings of a group, so that no two of them are posted twice. */
function keyOf(run: string, number: number): string {
  return `ilp:${run}:${number}`
}

function transfersOf(bookings: readonly Booking[], key: string): readonly Transfer[] {
  return bookings.map((booking, index) => transferOf(booking, `${key}:${index}`))
}

/** @throws AppError LEADERSHIP_LOST */
export async function requireMayWrite(
  { term }: Pick<CommitDeps, 'term'>,
  tx: Transaction<Tables>,
): Promise<void> {
  if (await holdsTerm(tx, term)) return
  throw new AppError('LEADERSHIP_LOST', 'Another process is the Interledger node by now.')
}

/**
 * Each on its own, so that an account without funds holds up nobody else. What the parties owe each other by then does not
 * depend on that account: its part is a loss, and said loudly.
 */
async function postBookings(
  { ledger, logger }: CommitDeps,
  tx: Transaction<Tables>,
  bookings: readonly Booking[],
  key: string,
): Promise<void> {
  if (bookings.length === 0) return
  const outcomes = await ledger.postIn(tx, transfersOf(bookings, key))
  const instead = outcomes.flatMap((outcome, index) => {
    if (outcome.ok) return []
    const account = shortAccount(outcome.refusal)
    logger.error({ path: account.path, asset: account.asset }, 'interledger.account_short')
    return [transferOf(withoutAccount(bookings[index]!, account), `${key}:${index}:unfunded`)]
  })
  if (instead.length > 0) await postOrThrow(ledger, tx, instead)
}

function withoutAccount(booking: Booking, account: AccountId): Booking {
  const replaced = { path: UNFUNDED, asset: account.asset }
  return isSame(booking.debit, account) ? { ...booking, debit: replaced } : { ...booking, credit: replaced }
}

function isSame(a: AccountId, b: AccountId): boolean {
  return a.path === b.path && a.asset === b.asset
}

function shortAccount(refusal: PostRefusal): AccountId {
  if (refusal.code === 'SHORT_FUNDS') return refusal.account
  throw postingRefused(refusal)
}

async function postOrThrow(
  ledger: Pick<Ledger, 'postIn'>,
  tx: Transaction<Tables>,
  transfers: readonly Transfer[],
): Promise<void> {
  for (const outcome of await ledger.postIn(tx, transfers))
    if (!outcome.ok) throw postingRefused(outcome.refusal)
}

function postingRefused(refusal: PostRefusal): AppError {
  const text = 'text' in refusal ? `: ${refusal.text}` : ''
  return new AppError('ILP_POSTING_REFUSED', `The ledger refuses the booking of packets${text}.`, {
    facts: { refusal: refusal.code },
  })
}
