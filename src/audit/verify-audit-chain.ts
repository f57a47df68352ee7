import { type Kysely, sql } from 'kysely'
import { accepted, type Outcome, type Refusal, refused } from '../kernel/index.ts'
import type { Tables } from '../platform/database/index.ts'
import { type AuditCheckpoint, GENESIS_HASH, hashOf } from './entries.ts'

export interface AuditChain {
  readonly entries: number
  /** The newest row; undefined when there is none. */
  readonly head: AuditCheckpoint | undefined
}

/** What was found first. The text says what it means. */
export interface AuditDamage extends Refusal {
  readonly code: 'ROW_CHANGED' | 'ROW_MISSING' | 'CHAIN_BROKEN' | 'CHECKPOINT_DIFFERS'
  /** Of the first row that is not as it was written. */
  readonly number: number
}

/** A page of the walk: enough to be quick, and a bounded amount of memory. */
const PAGE = 1_000

interface Row {
  readonly number: bigint
  readonly at_ms: bigint
  readonly actor: string
  readonly role: string
  readonly action: string
  readonly subject: string
  readonly before_json: string | null
  readonly after_json: string | null
  readonly api_key_id: string | null
  readonly api_key_name: string | null
  readonly previous_hash: Buffer
  readonly hash: Buffer
}

/**
 * Computes every hash anew, from the first row to the last. Rows cut off at the end leave a chain that is whole: that
 * is what checkpoints are for, which were published or noted elsewhere earlier.
 *
 * @param onPage told now and then how many rows were read, for whoever waits.
 */
export async function verifyAuditChain(
  db: Kysely<Tables>,
  checkpoints: readonly AuditCheckpoint[] = [],
  onPage: (entries: number) => void = () => {},
): Promise<Outcome<AuditChain, AuditDamage>> {
  const expected = new Map(checkpoints.map(({ number, hash }) => [number, hash]))
  let number = 0
  let previousHash: Buffer = GENESIS_HASH
  for (;;) {
    const rows = await pageAfter(db, number)
    for (const row of rows) {
      const damage = damageOf(row, number + 1, previousHash, expected)
      if (damage !== undefined) return refused(damage)
      number += 1
      previousHash = row.hash
    }
    if (rows.length < PAGE) break
    onPage(number)
  }
  const cutOff = checkpoints.find((checkpoint) => checkpoint.number > number)
  if (cutOff !== undefined) {
    return refused(
      missing(number + 1, `the log ends at ${number}, but row ${cutOff.number} was noted elsewhere`),
    )
  }
  return accepted({
    entries: number,
    head: number === 0 ? undefined : { number, hash: previousHash.toString('hex') },
  })
}

async function pageAfter(db: Kysely<Tables>, number: number): Promise<readonly Row[]> {
  // The JSON columns as the texts that they are: parsed and written again they could differ.
  const { rows } = await sql<Row>`
    SELECT number, at_ms, actor, role, action, subject,
      before_json::text AS before_json, after_json::text AS after_json, api_key_id, api_key_name,
      previous_hash, hash
    FROM audit_entries
    WHERE number > ${BigInt(number)}
    ORDER BY number
    LIMIT ${PAGE}`.execute(db)
  return rows
}

function damageOf(
  row: Row,
  number: number,
  previousHash: Buffer,
  checkpoints: ReadonlyMap<number, string>,
): AuditDamage | undefined {
  if (row.number !== BigInt(number)) return missing(number, `row ${row.number} follows row ${number - 1}`)
  if (!row.previous_hash.equals(previousHash)) {
    return { code: 'CHAIN_BROKEN', number, text: `Row ${number} does not continue row ${number - 1}.` }
  }
  const hash = hashOf({
    number: row.number,
    atMs: row.at_ms,
    actor: row.actor,
    role: row.role,
    action: row.action,
    subject: row.subject,
    beforeJson: row.before_json,
    afterJson: row.after_json,
    apiKey: row.api_key_id === null ? undefined : { id: row.api_key_id, name: row.api_key_name ?? '' },
    previousHash,
  })
  if (!row.hash.equals(hash)) {
    return { code: 'ROW_CHANGED', number, text: `Row ${number} is not what was written: its hash differs.` }
  }
  const noted = checkpoints.get(number)
  if (noted === undefined || noted === hash.toString('hex')) return undefined
  return {
    code: 'CHECKPOINT_DIFFERS',
    number,
    text: `Row ${number} has another hash than was noted elsewhere: this row or one before it was written anew.`,
  }
}

function missing(number: number, why: string): AuditDamage {
  return { code: 'ROW_MISSING', number, text: `Row ${number} is missing: ${why}.` }
}
