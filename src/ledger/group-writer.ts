import { setTimeout as delay } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { DatabaseError } from 'pg'
import { AppError, type Clock, createDurations, type Durations, noteDuration } from '../kernel/index.ts'
import { isTransient, type Tables } from '../platform/database/index.ts'
import type { AccountIds } from './account-ids.ts'
import type { Draft } from './draft.ts'
import { MAX_ENTRIES_AT_ONCE } from './ledger.ts'
import { type ChangedAccounts, runGroup, type Task } from './run-group.ts'

/** Tasks of one transaction, counted by their entries; one for each move of a reservation. */
const GROUP_WEIGHT = 4_000
/** Tasks that may wait, counted likewise; with more of them, more are refused. One call may fill it. */
const MAX_WAITING_WEIGHT = MAX_ENTRIES_AT_ONCE
/** A group that does not succeed for so long is given up. */
const GIVE_UP_AFTER_MS = 20_000
const FIRST_PAUSE_MS = 20
const MAX_PAUSE_MS = 1_000

export interface GroupWriterDeps {
  readonly db: Kysely<Tables>
  readonly accountIds: AccountIds
  readonly clock: Clock
  /** Told after each commit. */
  readonly onCommitted: (changed: ChangedAccounts) => void
}

interface Job extends Task<void> {
  readonly weight: number
  committed(): void
  failed(error: unknown): void
}

/** What the writer did since it began. */
export interface WriterStats {
  readonly groups: number
  /** Tasks in them. */
  readonly tasks: number
  readonly failedGroups: number
  /** Tries that were repeated: a lost connection, somebody else who was faster. */
  readonly repeats: number
  readonly writing: Durations
  readonly queue: { readonly weight: number; readonly limit: number }
}

/** Commits in groups, one at a time: while one is under way the next gathers. */
export class GroupWriter {
  readonly #deps: GroupWriterDeps
  #queue: Job[] = []
  #waitingWeight = 0
  #working: Promise<void> | undefined
  readonly #stopping = new AbortController()
  #groups = 0
  #tasks = 0
  #failedGroups = 0
  #repeats = 0
  readonly #writing = createDurations()

  constructor(deps: GroupWriterDeps) {
    this.#deps = deps
  }

  stats(): WriterStats {
    return {
      groups: this.#groups,
      tasks: this.#tasks,
      failedGroups: this.#failedGroups,
      repeats: this.#repeats,
      writing: this.#writing,
      queue: { weight: this.#waitingWeight, limit: MAX_WAITING_WEIGHT },
    }
  }

  /**
   * What the tasks decided, when that is committed; undefined at once when too much waits already. All of them are taken, or
   * none. Rejects with LEDGER_UNAVAILABLE: then nobody knows, and the same may be asked again.
   */
  run<T>(tasks: readonly Task<T>[]): Promise<readonly T[]> | undefined {
    if (this.#stopping.signal.aborted) return Promise.reject(stopped())
    const weight = tasks.reduce((sum, task) => sum + weightOf(task), 0)
    if (this.#waitingWeight + weight > MAX_WAITING_WEIGHT) return undefined
    this.#waitingWeight += weight
    const answers = tasks.map((task) => this.#enqueue(task))
    this.#working ??= this.#work()
    return Promise.all(answers)
  }

  /** Takes nothing more, and waits for what was taken. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    while (this.#working !== undefined) await this.#working
  }

  #enqueue<T>(task: Task<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      let decided: { readonly answer: T } | undefined
      this.#queue.push({
        ...task,
        weight: weightOf(task),
        decide: (draft: Draft) => {
          decided = { answer: task.decide(draft) }
        },
        committed: () => {
          if (decided !== undefined) resolve(decided.answer)
        },
        failed: reject,
      })
    })
  }

  async #work(): Promise<void> {
    // What else comes in this turn of the event loop goes along.
    await Promise.resolve()
    while (this.#queue.length > 0) await this.#commitGroup(this.#takeGroup())
    this.#working = undefined
  }

  #takeGroup(): readonly Job[] {
    let weight = 0
    let count = 0
    for (const job of this.#queue) {
      weight += job.weight
      if (count > 0 && weight > GROUP_WEIGHT) break
      count++
    }
    return this.#queue.splice(0, count)
  }

  async #commitGroup(group: readonly Job[]): Promise<void> {
    const startedMs = performance.now()
    try {
      const changed = await this.#repeatUntilCommitted(group)
      this.#groups++
      this.#tasks += group.length
      noteDuration(this.#writing, performance.now() - startedMs)
      for (const job of group) job.committed()
      this.#deps.onCommitted(changed)
    } catch (error) {
      this.#failedGroups++
      for (const job of group) job.failed(error)
    } finally {
      this.#waitingWeight -= group.reduce((sum, job) => sum + job.weight, 0)
    }
  }

  /** To repeat is harmless, even when nobody knows whether the last try was committed: the keys say so. */
  async #repeatUntilCommitted(group: readonly Job[]): Promise<ChangedAccounts> {
    const startedMs = performance.now()
    const ownNumbers = new Set<bigint>()
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      try {
        return await this.#attempt(group, ownNumbers)
      } catch (error) {
        const isLate = performance.now() - startedMs + pauseMs > GIVE_UP_AFTER_MS
        const isPassing = isTransient(error) || isTaken(error)
        if (!isPassing || isLate || this.#stopping.signal.aborted) throw unavailable(error)
        this.#repeats++
        await delay(pauseMs, undefined, { signal: this.#stopping.signal }).catch(() => {})
      }
    }
  }

  #attempt(group: readonly Job[], ownNumbers: Set<bigint>): Promise<ChangedAccounts> {
    const { db, accountIds, clock } = this.#deps
    return db
      .transaction()
      .setIsolationLevel('read committed')
      .execute((tx) => runGroup(tx, { accountIds, nowMs: clock.nowMs(), ownNumbers }, group))
  }
}

function weightOf({ accounts }: Task<unknown>): number {
  return Math.max(1, accounts.length)
}

const UNIQUE_VIOLATION = '23505'

/** Somebody took a key, or made an account, that nobody had when this group looked: by now it is to be seen. */
function isTaken(error: unknown): boolean {
  return error instanceof DatabaseError && error.code === UNIQUE_VIOLATION
}

function unavailable(cause: unknown): AppError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new AppError('LEDGER_UNAVAILABLE', `The ledger could not be written: ${reason}`, { cause })
}

function stopped(): AppError {
  return new AppError('LEDGER_UNAVAILABLE', 'The ledger was stopped and takes nothing more.')
}
