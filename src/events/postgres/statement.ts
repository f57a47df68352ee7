import { hash } from 'node:crypto'

/** SQL with its parameters: a `Buffer` goes over in binary format, the rest as text. */
export interface Statement {
  readonly text: string
  readonly values: readonly (Buffer | string | number | boolean | null)[]
  /** Prepared once for each connection under this name; for statements that are sent over and over. */
  readonly name?: string
}

/** A name to prepare a statement under: the same for the same text, on every connection. */
export function statementName(text: string): string {
  return `stoa-${hash('sha256', text).slice(0, 24)}`
}

/** Collects the parameters of a statement while its text is put together. */
export class Parameters {
  readonly values: (Buffer | string | number | boolean | null)[] = []

  /** Returns the place where it stands in the text: `$3`. */
  add(value: Buffer | string | number | boolean | null): string {
    this.values.push(value)
    return `$${this.values.length}`
  }
}

/** A row as PostgreSQL writes it in text format, column by column. */
export type Row = readonly (string | null)[]

/** A `bytea` column in hex, as ids and keys are written everywhere else. */
export function hexIn(row: Row, column: number): string {
  return textIn(row, column).slice(2)
}

/** A `uuid` column as 32 hex characters. */
export function uuidIn(row: Row, column: number): string | undefined {
  return row[column]?.replaceAll('-', '')
}

export function bytesIn(row: Row, column: number): Buffer {
  return Buffer.from(hexIn(row, column), 'hex')
}

/** An integer column. All of ours are safe integers. */
export function numberIn(row: Row, column: number): number {
  return Number(row[column])
}

export function textIn(row: Row, column: number): string {
  return row[column] ?? ''
}
