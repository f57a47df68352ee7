import { decidePut } from '../rules.ts'
import type { PutOutcome } from '../store.ts'
import { byteaArray, hexArray, int4Array, int8Array, textArray, uuidArray } from './binary-array.ts'
import { type EventRow, expiresAt, tagKeysOf, wordsOf } from './event-row.ts'
import type { KnownEvents } from './known-events.ts'
import { type Statement, statementName } from './statement.ts'
import type { Tables } from './tables.ts'

/** One call of `put`, read. */
export interface PutJob {
  readonly rows: readonly EventRow[]
  readonly nowSeconds: number
}

/** What a group does, decided and not yet written. */
export interface GroupPlan {
  /** For each job, what happens to its events. */
  readonly outcomes: readonly (readonly PutOutcome[])[]
  readonly inserts: readonly NewRow[]
  /** `seq` of the stored events that go. */
  readonly deletes: readonly number[]
  readonly lastSeq: number
}

interface NewRow extends EventRow {
  readonly seq: number
}

/**
 * Decides the events of a group one after the other, each seeing what the ones before it did. Pure, but for `known`,
 * which afterwards is as the store will be.
 */
export function planGroup(jobs: readonly PutJob[], known: KnownEvents, lastSeq: number): GroupPlan {
  const inserts = new Map<string, NewRow>()
  const deletes: number[] = []
  let seq = lastSeq
  const decide = (row: EventRow, nowSeconds: number): PutOutcome => {
    const decision = decidePut(row.event, known, nowSeconds)
    if (decision.action === 'refuse') return decision.outcome
    for (const id of decision.removes) {
      const removed = known.remove(id)
      // What came and went within the group is never written.
      if (removed?.storedSeq === undefined) inserts.delete(id)
      else deletes.push(removed.storedSeq)
    }
    seq++
    known.addNew(row)
    inserts.set(row.event.id, { ...row, seq })
    return { status: 'stored', seq }
  }
  const outcomes = jobs.map(({ rows, nowSeconds }) => rows.map((row) => decide(row, nowSeconds)))
  return { outcomes, inserts: [...inserts.values()], deletes, lastSeq: seq }
}

/** The statement that stores new events with their tags. */
export function insertEvents(tables: Tables, rows: readonly NewRow[]): Statement {
  const tags = tagColumns(rows)
  const text = `
    with stored as (
      insert into ${tables.event} (seq, id, pubkey, kind, created_at, expires_at, address, words, raw)
      select seq, id, pubkey, kind, created_at, expires_at, address, words::integer[], raw
      from unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::integer[], $5::bigint[], $6::bigint[], $7::uuid[],
        $8::text[], $9::bytea[]) as new (seq, id, pubkey, kind, created_at, expires_at, address, words, raw)
    )
    insert into ${tables.tag} (key, created_at, seq, kind)
    select * from unnest($10::uuid[], $11::bigint[], $12::bigint[], $13::integer[])`
  return {
    text,
    name: statementName(text),
    values: [
      int8Array(rows.map(({ seq }) => seq)),
      hexArray(rows.map(({ event }) => event.id)),
      hexArray(rows.map(({ event }) => event.pubkey)),
      int4Array(rows.map(({ event }) => event.kind)),
      int8Array(rows.map(({ event }) => event.created_at)),
      int8Array(rows.map(expiresAt)),
      uuidArray(rows.map(({ addressKey }) => addressKey)),
      textArray(rows.map(({ event }) => wordsOf(event))),
      byteaArray(rows.map(({ raw }) => raw)),
      uuidArray(tags.keys),
      int8Array(tags.createdAt),
      int8Array(tags.seqs),
      int4Array(tags.kinds),
    ],
  }
}

/** The statement that removes stored events with their tags. */
export function deleteEvents(tables: Tables, seqs: readonly number[]): Statement {
  const text = `
    with gone as (delete from ${tables.event} where seq = any($1::bigint[]))
    delete from ${tables.tag} where seq = any($1::bigint[])`
  return { text, name: statementName(text), values: [int8Array(seqs)] }
}

/** The columns of the tags of all these events, one below the other. */
function tagColumns(rows: readonly NewRow[]) {
  const keys: string[] = []
  const createdAt: number[] = []
  const seqs: number[] = []
  const kinds: number[] = []
  for (const { event, seq } of rows) {
    for (const key of tagKeysOf(event)) {
      keys.push(key)
      createdAt.push(event.created_at)
      seqs.push(seq)
      kinds.push(event.kind)
    }
  }
  return { keys, createdAt, seqs, kinds }
}
