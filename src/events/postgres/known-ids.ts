import { hexArray } from './binary-array.ts'
import type { Reader } from './reader.ts'
import { hexIn } from './statement.ts'
import type { Tables } from './tables.ts'

/** Ids of one question; those that come meanwhile wait for the next. */
const MAX_IDS = 1_000

interface Asked {
  readonly id: string
  readonly resolve: (isStored: boolean) => void
  readonly reject: (error: Error) => void
}

/**
 * Answers which ids are stored. Every event that comes in is asked for, so what gathers while one question is under
 * way goes into the next. Nothing is remembered: another process may have removed it since.
 */
export class KnownIds {
  readonly #reader: Reader
  readonly #tables: Tables
  #waiting: Asked[] = []
  #isAsking = false

  constructor(reader: Reader, tables: Tables) {
    this.#reader = reader
    this.#tables = tables
  }

  /** Ids that wait for the question under way, or for the next. */
  get waiting(): number {
    return this.#waiting.length
  }

  has(id: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id, resolve, reject })
      if (!this.#isAsking) void this.#ask()
    })
  }

  async #ask(): Promise<void> {
    this.#isAsking = true
    // What else is asked in this turn of the event loop goes along.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const asked = this.#waiting.slice(0, MAX_IDS)
      this.#waiting = this.#waiting.slice(MAX_IDS)
      await this.#answer(asked)
    }
    this.#isAsking = false
  }

  async #answer(asked: readonly Asked[]): Promise<void> {
    try {
      const rows = await this.#reader.rows({
        text: `select id from ${this.#tables.event} where id = any($1::bytea[])`,
        values: [hexArray(asked.map(({ id }) => id))],
      })
      const stored = new Set(rows.map((row) => hexIn(row, 0)))
      for (const { id, resolve } of asked) resolve(stored.has(id))
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error))
      for (const { reject } of asked) reject(reason)
    }
  }
}
