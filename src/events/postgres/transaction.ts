import type { Pool, PoolClient } from 'pg'
import { isConnectionFailure, rowsOf } from './connections.ts'
import { numberIn, type Row, type Statement } from './statement.ts'
import type { Tables } from './tables.ts'

/** The row that says how far the store has come. */
export interface StoreState {
  readonly lastSeq: number
  readonly events: number
  /** Transactions that changed something: of two states the later one has more. */
  readonly changes: number
}

/** The columns of the state, in the order of `stateIn`. */
export const STATE_COLUMNS = ['last_seq', 'events', 'changes'] as const

/** @param row begins with `STATE_COLUMNS`. */
export function stateIn(row: Row): StoreState {
  return { lastSeq: numberIn(row, 0), events: numberIn(row, 1), changes: numberIn(row, 2) }
}

/** A change to the store: what to look up, and what follows from it. */
export interface WriteTask<T> {
  readonly read: Statement
  /** Decides without doing: it is called again when the transaction has to be repeated. */
  decide(state: StoreState, rows: readonly Row[]): Decided<T>
}

export interface Decided<T> {
  readonly writes: readonly Statement[]
  /** As it is after the writes; `changes` is counted by the transaction. */
  readonly state: StoreState
  /** The lowest `seq` given out; undefined when nothing is stored. */
  readonly firstNewSeq?: number
  readonly value: T
}

/** A change that was made. */
export type Committed<T> = Omit<Decided<T>, 'writes'>

/** One attempt to commit a change. */
export interface Attempt<T> {
  readonly task: WriteTask<T>
  readonly writerId: string
  /** Rises with every change of this writer; the same for all attempts at one. */
  readonly group: number
  /** What an attempt before this one decided, when nobody knows whether its commit was done. */
  readonly undecided: Decided<T> | undefined
}

/** The connection broke while the commit was under way: it may have been done, or not. */
export class CommitUnknown<T> extends Error {
  override readonly name = 'CommitUnknown'
  readonly decided: Decided<T>

  constructor(decided: Decided<T>, cause: unknown) {
    super('the connection broke during the commit', { cause })
    this.decided = decided
  }
}

/** Whoever holds the lock and falls silent loses it, and whoever waits for it so long asks again. */
const LOCK_TIMEOUT = '10s'

// The tables are looked into by keys only, and before its first ANALYZE PostgreSQL would rather read them whole.
const BEGIN: Statement = {
  text: `begin; set local lock_timeout = '${LOCK_TIMEOUT}';
    set local idle_in_transaction_session_timeout = '${LOCK_TIMEOUT}'; set local enable_seqscan = off`,
  values: [],
}
const COMMIT: Statement = { text: 'commit', values: [] }

/**
 * Makes one change under the lock that all writers of all processes share: what is looked up is what is there until
 * the commit, and `seq` rises in the order of the commits. Throws what PostgreSQL says, and then nothing was stored;
 * or `CommitUnknown`, and then another attempt finds out.
 */
export async function attemptWrite<T>(
  pool: Pool,
  tables: Tables,
  attempt: Attempt<T>,
): Promise<Committed<T>> {
  const client = await pool.connect()
  client.on('error', ignoreError)
  try {
    const done = await runWrite(client, tables, attempt)
    client.off('error', ignoreError)
    client.release()
    return done
  } catch (error) {
    // Whatever state the connection is in: ending it takes back what was not committed.
    client.release(true)
    throw error
  }
}

/** A connection that breaks says so to every statement that waits for an answer; that is enough. */
function ignoreError(): void {}

async function runWrite<T>(
  client: PoolClient,
  tables: Tables,
  { task, writerId, group, undecided }: Attempt<T>,
): Promise<Committed<T>> {
  const [, locked = [], last = [], read = []] = await sendAll(client, [
    BEGIN,
    { text: `select ${STATE_COLUMNS.join()} from ${tables.state} for update`, values: [] },
    // Behind the lock: the commit in question has ended, one way or the other.
    { text: `select last_group from ${tables.writer} where id = $1`, values: [writerId] },
    task.read,
  ])
  const state = stateIn(locked[0] ?? [])
  const wasDone = undecided !== undefined && last[0] !== undefined && numberIn(last[0], 0) === group
  if (wasDone) {
    await sendAll(client, [COMMIT])
    return { ...undecided, state }
  }
  const decision = task.decide(state, read)
  const changes = state.changes + (decision.writes.length > 0 ? 1 : 0)
  const decided = { ...decision, state: { ...decision.state, changes } }
  await commit(client, decided, [...decided.writes, ...bookkeeping(tables, decided, writerId, group)])
  return decided
}

function bookkeeping<T>(
  tables: Tables,
  { writes, state }: Decided<T>,
  writerId: string,
  group: number,
): readonly Statement[] {
  if (writes.length === 0) return []
  return [
    {
      text: `update ${tables.state} set last_seq = $1, events = $2, changes = $3`,
      values: [state.lastSeq, state.events, state.changes],
    },
    {
      text: `insert into ${tables.writer} (id, last_group) values ($1, $2)
        on conflict (id) do update set last_group = excluded.last_group, seen_at = now()`,
      values: [writerId, group],
    },
  ]
}

async function commit<T>(
  client: PoolClient,
  decided: Decided<T>,
  writes: readonly Statement[],
): Promise<void> {
  try {
    await sendAll(client, [...writes, COMMIT])
  } catch (error) {
    if (writes.length > 0 && isConnectionFailure(error)) throw new CommitUnknown(decided, error)
    throw error
  }
}

/**
 * Runs statements one after the other, in one go where the connection is pipelined. Throws the first failure; what
 * stands behind it fails with it.
 */
async function sendAll(
  client: PoolClient,
  statements: readonly Statement[],
): Promise<readonly (readonly Row[])[]> {
  if (!client.pipeline) {
    const results: (readonly Row[])[] = []
    for (const statement of statements) results.push(await rowsOf(client, statement))
    return results
  }
  const settled = await Promise.allSettled(statements.map((statement) => rowsOf(client, statement)))
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}
