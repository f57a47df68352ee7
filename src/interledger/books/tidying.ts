import { type CommitDeps, requireMayWrite } from './commit-group.ts'
import { type JournalAge, noteReplayFrom, PRUNE_ROWS, pruneRows } from './journal-table.ts'

export interface TidyingDeps extends Pick<CommitDeps, 'db' | 'logger' | 'term'> {
  /** Writes anew what would make the next start read far back. */
  readonly rewrite: () => void
  readonly age: () => JournalAge
}

const TIDY_EVERY_MS = 10_000
/**
 * Statements of one tidy that remove rows: four times as many rows as both lanes can write until the next, one each
 * `LEAST_GAP_MS`.
 */
const MAX_ROUNDS = 20

/** Keeps the journal as short as its promises allow. What it does not get done now it does the next time. */
export class Tidying {
  readonly #deps: TidyingDeps
  readonly #timer: NodeJS.Timeout
  #working: Promise<void> | undefined
  #isStopped = false

  constructor(deps: TidyingDeps) {
    this.#deps = deps
    this.#timer = setInterval(() => {
      // On a database that is slow or away they would queue up.
      this.#working ??= this.#tidy().finally(() => {
        this.#working = undefined
      })
    }, TIDY_EVERY_MS)
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#timer)
    await this.#working
  }

  async #tidy(): Promise<void> {
    const { rewrite, age, logger } = this.#deps
    rewrite()
    try {
      await this.#shorten(age())
    } catch (err) {
      logger.warn({ err }, 'interledger.journal_not_tidied')
    }
  }

  /** In short transactions, so that nobody waits long for the rows. */
  async #shorten(age: JournalAge): Promise<void> {
    const { db } = this.#deps
    let removed = PRUNE_ROWS
    for (let round = 0; round < MAX_ROUNDS && removed === PRUNE_ROWS && !this.#isStopped; round++)
      removed = await db.transaction().execute(async (tx) => {
        await requireMayWrite(this.#deps, tx)
        if (round === 0) await noteReplayFrom(tx, age.replayFrom)
        return pruneRows(tx, age)
      })
  }
}
