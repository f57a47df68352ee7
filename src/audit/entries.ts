import { createHash } from 'node:crypto'
import type { ColumnType } from 'kysely'
import { AppError } from '../kernel/index.ts'

/** A value that JSON has. Amounts go in as text. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json | undefined }

/** An API key that was used: its id and what its owner calls it, never its text. */
export interface UsedApiKey {
  readonly id: string
  readonly name: string
}

/** What is to be written down. Never a secret: the log is shown, exported and kept. */
export interface AuditRecord {
  /** Who did it: a public key in hex, `cli`, or the name of a part of the program. */
  readonly actor: string
  /** What they did it as: `owner`, `operator`, `cli`, `system`, … */
  readonly role: string
  /** With which API key of theirs; absent when they came themselves. */
  readonly apiKey?: UsedApiKey
  /** A constant name: `relay.pubkey_banned`. */
  readonly action: string
  /** What it was done to: a key, an id, the name of a setting. */
  readonly subject: string
  /** How things stood; absent for what was made new. */
  readonly before?: Json
  /** How they stand; absent for what was taken away. */
  readonly after?: Json
}

/** One row of the log. */
export interface AuditEntry extends AuditRecord {
  /** From 1 on, without a gap. */
  readonly number: number
  /** Unix time in milliseconds. */
  readonly atMs: number
  /** SHA-256 over this row and the hash before, in hex. */
  readonly hash: string
}

/** A place in the chain: enough to find out later whether anything up to it was changed. */
export interface AuditCheckpoint {
  readonly number: number
  readonly hash: string
}

/** The row in the database. The JSON columns are of the type `json`, which keeps the very text that was hashed. */
export interface AuditEntriesTable {
  readonly number: bigint
  readonly at_ms: bigint
  readonly actor: string
  readonly role: string
  readonly action: string
  readonly subject: string
  readonly before_json: ColumnType<unknown, string | null, never>
  readonly after_json: ColumnType<unknown, string | null, never>
  /** Both are there, or neither. */
  readonly api_key_id: string | null
  readonly api_key_name: string | null
  readonly previous_hash: Buffer
  readonly hash: Buffer
}

declare module '../platform/database/tables.ts' {
  interface Tables {
    audit_entries: AuditEntriesTable
  }
}

/** What the hash of a row is made of. */
export interface HashedFields {
  readonly number: bigint
  readonly atMs: bigint
  readonly actor: string
  readonly role: string
  readonly action: string
  readonly subject: string
  readonly beforeJson: string | null
  readonly afterJson: string | null
  readonly apiKey: UsedApiKey | undefined
  readonly previousHash: Buffer
}

/** The hash before the first row. */
export const GENESIS_HASH: Buffer = Buffer.alloc(32)

/** Says that a hash is one of this log and of this way to make it. */
const FORMAT = 'stoa-audit-1'
const MAX_NAME_LENGTH = 256
const MAX_JSON_BYTES = 64 * 1024

/**
 * SHA-256 over a JSON array of texts: format, hash before (hex), number, time in milliseconds, actor, role, action,
 * subject, before, after (JSON texts, or null), and id and name of the API key when one was used. Anybody can compute it anew from an export.
 */
export function hashOf(fields: HashedFields): Buffer {
  const { number, atMs, actor, role, action, subject, beforeJson, afterJson, apiKey, previousHash } = fields
  const text = JSON.stringify([
    FORMAT,
    previousHash.toString('hex'),
    String(number),
    String(atMs),
    actor,
    role,
    action,
    subject,
    beforeJson,
    afterJson,
    ...(apiKey === undefined ? [] : [apiKey.id, apiKey.name]),
  ])
  return createHash('sha256').update(text).digest()
}

/** The texts of a record as they are stored; throws `AUDIT_INVALID` for what JSON or PostgreSQL cannot hold. */
export function storedFields({ actor, role, apiKey, action, subject, before, after }: AuditRecord) {
  const texts = {
    actor,
    role,
    action,
    subject,
    ...(apiKey !== undefined && { 'API key': apiKey.id, 'name of the API key': apiKey.name }),
  }
  for (const [name, value] of Object.entries(texts)) {
    if (value.length === 0 || value.length > MAX_NAME_LENGTH || !isStorable(value)) {
      throw new AppError(
        'AUDIT_INVALID',
        `The ${name} of an audit entry has 1 to ${MAX_NAME_LENGTH} characters.`,
      )
    }
  }
  return { actor, role, apiKey, action, subject, beforeJson: textOf(before), afterJson: textOf(after) }
}

/** PostgreSQL keeps no zero character, and a lone surrogate would come back as another character. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

function textOf(value: Json | undefined): string | null {
  if (value === undefined) return null
  const text = JSON.stringify(value)
  if (Buffer.byteLength(text) <= MAX_JSON_BYTES) return text
  throw new AppError('AUDIT_INVALID', `What an audit entry notes has more than ${MAX_JSON_BYTES} bytes.`)
}
