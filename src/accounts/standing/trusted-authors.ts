import { accepted } from '../../kernel/index.ts'
import { isHex64 } from '../../nostr/index.ts'
import type { Actor } from '../actor.ts'
import { type AccountsContext, nowOf } from '../context.ts'
import { type AccountOutcome, refuse } from '../refusal.ts'
import type { Levels } from './levels.ts'

export interface TrustedAuthor {
  readonly pubkey: string
  readonly reason: string
  readonly addedBy: string
  readonly addedAtSeconds: number
}

/** Authors who may do everything that a level allows (4). */
export interface TrustedAuthors {
  add(author: Pick<TrustedAuthor, 'pubkey' | 'reason'>, by: Actor): Promise<AccountOutcome<void>>
  remove(pubkey: string, by: Actor): Promise<AccountOutcome<void>>
  list(): Promise<readonly TrustedAuthor[]>
}

const MAX_REASON_CHARACTERS = 500
const MAX_LISTED = 10_000

type Deps = Pick<AccountsContext, 'db' | 'clock' | 'audit'> & { readonly levels: Pick<Levels, 'changed'> }

export function createTrustedAuthors(deps: Deps): TrustedAuthors {
  return {
    add: (author, by) => add(deps, author, by),
    remove: (pubkey, by) => remove(deps, pubkey, by),
    list: () => list(deps),
  }
}

async function add(
  { db, clock, audit, levels }: Deps,
  { pubkey, reason }: Pick<TrustedAuthor, 'pubkey' | 'reason'>,
  by: Actor,
): Promise<AccountOutcome<void>> {
  if (!isHex64(pubkey)) return refuse('INVALID', 'a public key has 64 lowercase hex characters')
  if (reason.length > MAX_REASON_CHARACTERS) {
    return refuse('INVALID', `a reason has ${MAX_REASON_CHARACTERS} characters at most`)
  }
  await db.transaction().execute(async (tx) => {
    const { numInsertedOrUpdatedRows } = await tx
      .insertInto('account_trusted_authors')
      .values({ pubkey, reason, added_by: by.actor, added_at: nowOf(clock) })
      .onConflict((conflict) => conflict.doNothing())
      .executeTakeFirst()
    if (numInsertedOrUpdatedRows === 0n) return
    await audit.record(tx, { ...by, action: 'accounts.author_trusted', subject: pubkey, after: { reason } })
  })
  await levels.changed([pubkey])
  return accepted(undefined)
}

async function remove({ db, audit, levels }: Deps, pubkey: string, by: Actor): Promise<AccountOutcome<void>> {
  const isRemoved = await db.transaction().execute(async (tx) => {
    const row = await tx
      .deleteFrom('account_trusted_authors')
      .where('pubkey', '=', pubkey)
      .returning('reason')
      .executeTakeFirst()
    if (row === undefined) return false
    const before = { reason: row.reason }
    await audit.record(tx, { ...by, action: 'accounts.author_untrusted', subject: pubkey, before })
    return true
  })
  if (!isRemoved) return refuse('NOT_FOUND', 'this key is not a trusted author')
  await levels.changed([pubkey])
  return accepted(undefined)
}

async function list({ db }: Deps): Promise<readonly TrustedAuthor[]> {
  const found = await db
    .selectFrom('account_trusted_authors')
    .selectAll()
    .orderBy('added_at')
    .limit(MAX_LISTED)
    .execute()
  return found.map(({ pubkey, reason, added_by, added_at }) => ({
    pubkey,
    reason,
    addedBy: added_by,
    addedAtSeconds: Number(added_at),
  }))
}
