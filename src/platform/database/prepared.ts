/** Statements that a connection plans once and not each time they are asked. */
import { type RawBuilder, sql } from 'kysely'
import type { ClientBase } from 'pg'

const MARK = '/* prepared */'

/**
 * At the beginning of a statement: PostgreSQL keeps it, planned, for each connection. For one that is asked hundreds of times a
 * second, whose best plan does not depend on its parameters, and whose text is always the same.
 */
export const PREPARED: RawBuilder<unknown> = sql.raw(MARK)

const names = new Map<string, string>()

/** Has marked statements prepared on this connection. */
export function prepareMarked(client: ClientBase): void {
  const query = client.query
  Object.defineProperty(client, 'query', {
    value: (...asked: readonly unknown[]) => Reflect.apply(query, client, named(asked)),
  })
}

/** `(text, values)` is what Kysely asks with. */
function named(asked: readonly unknown[]): readonly unknown[] {
  const [text, values, ...rest] = asked
  if (typeof text !== 'string' || !Array.isArray(values) || !text.startsWith(MARK)) return asked
  return [{ name: nameOf(text), text, values }, undefined, ...rest]
}

function nameOf(text: string): string {
  const known = names.get(text)
  if (known !== undefined) return known
  const name = `stoa_${names.size + 1}`
  names.set(text, name)
  return name
}
