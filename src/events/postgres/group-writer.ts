import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Pool } from 'pg'
import { createDurations, noteDuration } from '../../kernel/index.ts'
import type { PutOutcome } from '../store.ts'
import { isTransient, messageOf } from './connections.ts'
import { deleteEvents, type GroupPlan, insertEvents, type PutJob, planGroup } from './group-plan.ts'
import { lookupFor, readLookup } from './lookup.ts'
import type { PostgresNotice } from './notices.ts'
import type { Statement } from './statement.ts'
import type { Tables } from './tables.ts'
import { attemptWrite, CommitUnknown, type Decided, type StoreState, type WriteTask } from './transaction.ts'

/** Events of one transaction; a single call of `put` with more is a transaction of its own. */
const GROUP_EVENTS = 1_000
const GROUP_BYTES = 4 * 1024 * 1024

/** Events that may wait for their turn; more are refused. */
const MAX_WAITING_EVENTS = 20_000
const MAX_WAITING_BYTES = 64 * 1024 * 1024

/** A change that does not succeed for so long is given up. */
const GIVE_UP_AFTER_MS = 10_000
/** It takes longer to give up one of which nobody knows whether it was committed. */
const DECIDE_WITHIN_MS = 30_000
const FIRST_PAUSE_MS = 20
const MAX_PAUSE_MS = 1_000

export interface GroupWriterDeps {
  readonly pool: Pool
  readonly tables: Tables
  /** Told after each commit, before anybody else hears of it. */
  readonly onCommitted: (state: StoreState, firstNewSeq: number | undefined) => void
  readonly notify: (notice: PostgresNotice) => void
}

interface WaitingPut {
  readonly kind: 'put'
  readonly job: PutJob
  readonly byteLength: number
  readonly answer: (outcomes: readonly PutOutcome[]) => void
}

interface WaitingChange {
  readonly kind: 'change'
  readonly run: () => Promise<void>
}

/**
 * Writes for this process, one transaction at a time: while one is under way the next group gathers. Other processes
 * do the same; the lock inside the transaction makes all of them take turns.
 */
export class GroupWriter {
  readonly #deps: GroupWriterDeps
  /** Names this writer in the table where it notes what it has committed. */
  readonly id = randomUUID()
  #queue: (WaitingPut | WaitingChange)[] = []
  #waitingEvents = 0
  #waitingBytes = 0
  #lastGroup = 0
  #groups = 0
  #groupedEvents = 0
  #failedGroups = 0
  readonly #writing = createDurations()
  #working: Promise<void> | undefined

  constructor(deps: GroupWriterDeps) {
    this.#deps = deps
  }

  /** What was written, in groups, and the events that wait. */
  get workings() {
    return {
      groups: this.#groups,
      groupedEvents: this.#groupedEvents,
      failedGroups: this.#failedGroups,
      writing: this.#writing,
      queue: { entries: this.#waitingEvents, limit: MAX_WAITING_EVENTS },
    }
  }

  put(job: PutJob): Promise<readonly PutOutcome[]> {
    const byteLength = job.rows.reduce((sum, { raw }) => sum + raw.length, 0)
    if (this.#isFull(job.rows.length, byteLength)) {
      const message = `the database is behind: ${this.#waitingEvents} events wait to be written`
      return Promise.resolve(failed(job, message))
    }
    return new Promise((answer) => {
      this.#waitingEvents += job.rows.length
      this.#waitingBytes += byteLength
      this.#enqueue({ kind: 'put', job, byteLength, answer })
    })
  }

  /** Makes a change of another kind, in turn. Rejects when it could not be made. */
  change<T>(task: WriteTask<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = () => this.#commit(task).then(resolve, reject)
      this.#enqueue({ kind: 'change', run })
    })
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    while (this.#working !== undefined) await this.#working
  }

  /** What comes first is never refused, however large. */
  #isFull(events: number, byteLength: number): boolean {
    if (this.#waitingEvents === 0) return false
    return (
      this.#waitingEvents + events > MAX_WAITING_EVENTS || this.#waitingBytes + byteLength > MAX_WAITING_BYTES
    )
  }

  #enqueue(entry: WaitingPut | WaitingChange): void {
    this.#queue.push(entry)
    this.#working ??= this.#work()
  }

  async #work(): Promise<void> {
    // What else comes in this turn of the event loop goes along.
    await Promise.resolve()
    for (;;) {
      const [first] = this.#queue
      if (first === undefined) break
      if (first.kind === 'change') {
        this.#queue.shift()
        await first.run()
      } else await this.#putGroup(this.#takeGroup())
    }
    this.#working = undefined
  }

  #takeGroup(): readonly WaitingPut[] {
    const group: WaitingPut[] = []
    let events = 0
    let bytes = 0
    for (const entry of this.#queue) {
      if (entry.kind !== 'put') break
      events += entry.job.rows.length
      bytes += entry.byteLength
      if (group.length > 0 && (events > GROUP_EVENTS || bytes > GROUP_BYTES)) break
      group.push(entry)
    }
    this.#queue = this.#queue.slice(group.length)
    return group
  }

  async #putGroup(group: readonly WaitingPut[]): Promise<void> {
    const jobs = group.map(({ job }) => job)
    const startedMs = performance.now()
    const written = this.#commit(putTask(this.#deps.tables, jobs)).then((outcomes) => {
      this.#noteGroup(outcomes, performance.now() - startedMs)
      return outcomes
    })
    const outcomes = await written.catch((error: unknown) => {
      this.#failedGroups++
      const message = messageOf(error)
      this.#deps.notify({ event: 'store.write_failed', level: 'error', facts: { message } })
      return jobs.map((job) => failed(job, message))
    })
    for (const [index, { job, byteLength, answer }] of group.entries()) {
      this.#waitingEvents -= job.rows.length
      this.#waitingBytes -= byteLength
      answer(outcomes[index] ?? [])
    }
  }

  #noteGroup(outcomes: GroupPlan['outcomes'], tookMs: number): void {
    this.#groups++
    this.#groupedEvents += outcomes.flat().filter(({ status }) => status === 'stored').length
    noteDuration(this.#writing, tookMs)
  }

  /** Repeats a change until it is committed, refused for good, or has taken too long. */
  async #commit<T>(task: WriteTask<T>): Promise<T> {
    const { pool, tables } = this.#deps
    const startedMs = performance.now()
    const group = ++this.#lastGroup
    let undecided: Decided<T> | undefined
    let pauseMs = FIRST_PAUSE_MS
    for (;;) {
      try {
        const attempt = { task, writerId: this.id, group, undecided }
        const { state, firstNewSeq, value } = await attemptWrite(pool, tables, attempt)
        this.#deps.onCommitted(state, firstNewSeq)
        return value
      } catch (error) {
        // Thrown by an attempt at this very task.
        if (error instanceof CommitUnknown) undecided = error.decided as Decided<T>
        const patienceMs = undecided === undefined ? GIVE_UP_AFTER_MS : DECIDE_WITHIN_MS
        const isLate = performance.now() - startedMs + pauseMs > patienceMs
        if (isLate || !isTransient(error)) throw undecided === undefined ? error : neverDecided(error)
        await delay(pauseMs)
        pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)
      }
    }
  }
}

function putTask(tables: Tables, jobs: readonly PutJob[]): WriteTask<GroupPlan['outcomes']> {
  const rows = jobs.flatMap((job) => job.rows)
  return {
    read: lookupFor(tables, rows),
    decide: (before, found) => {
      const plan = planGroup(jobs, readLookup(found), before.lastSeq)
      return {
        writes: writesOf(tables, plan),
        state: {
          ...before,
          lastSeq: plan.lastSeq,
          events: before.events + plan.inserts.length - plan.deletes.length,
        },
        ...(plan.lastSeq > before.lastSeq && { firstNewSeq: before.lastSeq + 1 }),
        value: plan.outcomes,
      }
    },
  }
}

function writesOf(tables: Tables, { inserts, deletes }: GroupPlan): readonly Statement[] {
  return [
    // First: what takes its place may have the same id.
    ...(deletes.length > 0 ? [deleteEvents(tables, deletes)] : []),
    ...(inserts.length > 0 ? [insertEvents(tables, inserts)] : []),
  ]
}

function failed({ rows }: PutJob, message: string): readonly PutOutcome[] {
  return rows.map(() => ({ status: 'failed', message }))
}

/** The one case in which an event that was answered `failed` may be there: it is a duplicate when it comes again. */
function neverDecided(cause: unknown): Error {
  const message = `the connection broke during a commit, and the database has not said since whether it was done: ${messageOf(cause)}`
  return new Error(message, { cause })
}
