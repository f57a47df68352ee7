import type { Kysely } from 'kysely'
import { type Clock, type Outcome, refused } from '../kernel/index.ts'
import type { Bus } from '../platform/bus/index.ts'
import type { Tables } from '../platform/database/index.ts'
import type { Logger } from '../platform/index.ts'
import { AccountIds, type FloorRule } from './account-ids.ts'
import { Changes } from './changes.ts'
import { checkReservation, checkReservationKey, checkTransfer, checkTransfers } from './checked.ts'
import type { Draft } from './draft.ts'
import { GroupWriter, type WriterStats } from './group-writer.ts'
import type {
  AccountId,
  CommitRefusal,
  Ledger,
  LedgerTransaction,
  PostedTransfer,
  PostRefusal,
  ReservationRequest,
  ReserveRefusal,
  Transfer,
} from './ledger.ts'
import { postingAtOnce } from './post-at-once.ts'
import { balanceOf, listAccounts, statementOf } from './reading.ts'
import { type ChangedAccounts, type GroupDeps, runGroup, type Task } from './run-group.ts'
import { Sweep } from './sweep.ts'
import './tables.ts'
import { commitTask, postTask, reserveTask, voidTask } from './tasks.ts'
import { sharedTrialBalance } from './trial-balance.ts'

export interface LedgerDeps {
  readonly db: Kysely<Tables>
  readonly bus: Bus
  readonly clock: Clock
  readonly logger: Logger
  /**
   * Floors besides the usual one, which is 0 for `liabilities/…` and none for others. Asked once for each account, when
   * it is made; undefined leaves the usual one.
   */
  readonly floorOf?: FloorRule
}

export interface LedgerStats extends WriterStats {
  readonly subscriptions: number
}

/** The ledger, with its lifetime. It can be used before `start`, which begins to free expired reservations. */
export interface LedgerService extends Ledger {
  start(): void
  /** Commits what was taken, and takes nothing more. */
  stop(): Promise<void>
  stats(): LedgerStats
}

export function createLedger({ db, bus, clock, logger, floorOf }: LedgerDeps): LedgerService {
  const accountIds = new AccountIds((account) => floorOf?.(account) ?? usualFloor(account))
  const changes = new Changes({ db, bus, logger })
  const onCommitted = (changed: ChangedAccounts) => changes.tell(changed)
  const writer = new GroupWriter({ db, accountIds, clock, onCommitted })
  const sweep = new Sweep({ db, writer, clock, logger })
  return {
    post: (transfers) => post((tasks) => writer.run(tasks), transfers),
    postIn: (tx, transfers) => {
      const group = { accountIds, nowMs: clock.nowMs(), ownNumbers: new Set<bigint>() }
      return post((tasks) => runIn(tx, group, tasks), transfers)
    },
    postingAtOnce: (transfers) => postingAtOnce({ accountIds, nowMs: clock.nowMs(), onCommitted }, transfers),
    reserve: (request) => reserve(writer, request),
    commit: (reservationKey, transfer) => commit(writer, reservationKey, transfer),
    void: (reservationKey) => voidOne(writer, reservationKey),
    balance: (account) => balanceOf(db, account),
    accounts: (query = {}) => listAccounts(db, query),
    statement: (account, query = {}) => statementOf(db, account, query),
    subscribe: (account, onChange) => changes.subscribe(account, onChange),
    trialBalance: sharedTrialBalance(db),
    start: () => sweep.start(),
    stop: async () => {
      await sweep.stop()
      await writer.stop()
      await changes.stop()
    },
    stats: () => ({ ...writer.stats(), subscriptions: changes.count }),
  }
}

/** Undefined at once when too much waits. */
type RunTasks = <T>(tasks: readonly Task<T>[]) => Promise<readonly T[]> | undefined

const BUSY = refused({ code: 'BUSY' } as const)

async function post(
  run: RunTasks,
  transfers: readonly Transfer[],
): Promise<readonly Outcome<PostedTransfer, PostRefusal>[]> {
  const checked = checkTransfers(transfers)
  const tasks = checked.flatMap((outcome) => (outcome.ok ? [postTask(outcome.value)] : []))
  const answers = tasks.length === 0 ? [] : await (run(tasks) ?? tasks.map(() => BUSY))
  let next = 0
  return checked.map((outcome) => (outcome.ok ? answers[next++]! : outcome))
}

async function reserve(
  writer: GroupWriter,
  request: ReservationRequest,
): Promise<Outcome<{ readonly isNew: boolean }, ReserveRefusal>> {
  const checked = checkReservation(request)
  return checked.ok ? only(await writer.run([reserveTask(checked.value)])) : checked
}

async function commit(
  writer: GroupWriter,
  reservationKey: string,
  transfer: Transfer,
): Promise<Outcome<PostedTransfer, CommitRefusal>> {
  const key = checkReservationKey(reservationKey)
  if (!key.ok) return key
  const checked = checkTransfer(transfer)
  return checked.ok ? only(await writer.run([commitTask(key.value, checked.value)])) : checked
}

async function voidOne(
  writer: GroupWriter,
  reservationKey: string,
): Promise<Outcome<undefined, CommitRefusal>> {
  const key = checkReservationKey(reservationKey)
  return key.ok ? only(await writer.run([voidTask(key.value)])) : key
}

function only<T>(answers: readonly T[] | undefined): T | typeof BUSY {
  return answers === undefined ? BUSY : answers[0]!
}

async function runIn<T>(
  tx: LedgerTransaction,
  deps: GroupDeps,
  tasks: readonly Task<T>[],
): Promise<readonly T[]> {
  const answers: T[] = []
  const noting = tasks.map((task, index) => ({
    ...task,
    decide: (draft: Draft) => {
      answers[index] = task.decide(draft)
    },
  }))
  await runGroup(tx, deps, noting)
  return answers
}

function usualFloor({ path }: AccountId): bigint | undefined {
  return path.startsWith('liabilities/') ? 0n : undefined
}
