import { escapeIdentifier } from 'pg'

/** The tables of a store with their schema, quoted, as they stand in SQL. */
export interface Tables {
  readonly schema: string
  readonly event: string
  readonly tag: string
  readonly state: string
  readonly writer: string
  readonly migration: string
}

/** @param schema as it is called in the database, unquoted. */
export function tablesIn(schema: string): Tables {
  const quoted = escapeIdentifier(schema)
  return {
    schema: quoted,
    event: `${quoted}.event`,
    tag: `${quoted}.tag`,
    state: `${quoted}.state`,
    writer: `${quoted}.writer`,
    migration: `${quoted}.migration`,
  }
}
