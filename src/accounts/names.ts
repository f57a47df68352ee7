import { accepted } from '../kernel/index.ts'
import {
  isHex64,
  type Nip05Document,
  type Nip05Person,
  nip05Document,
  parseNip05Name,
} from '../nostr/index.ts'
import type { Actor } from './actor.ts'
import { type AccountsContext, nowOf } from './context.ts'
import { type AccountOutcome, refuse } from './refusal.ts'

const MAX_RELAYS = 10
const MAX_LISTED = 1_000

/** Names under the relay's domain (NIP-05). */
export interface Names {
  /** The answer to `/.well-known/nostr.json?name=…`; with nobody in it when nobody has the name. */
  document(name: string): Promise<Nip05Document>
  /** Gives a name, or changes what it stands for. */
  set(person: Nip05Person, by: Actor): Promise<AccountOutcome<void>>
  remove(name: string, by: Actor): Promise<AccountOutcome<void>>
  /** In their order, at most 1,000, from behind a name on. */
  list(afterName?: string): Promise<readonly Nip05Person[]>
}

type NamesDeps = Pick<AccountsContext, 'db' | 'clock' | 'audit'>

export function createNames(deps: NamesDeps): Names {
  const { db } = deps
  return {
    async document(typed) {
      const name = parseNip05Name(typed)
      if (!name.ok) return nip05Document([])
      return nip05Document(
        await db
          .selectFrom('account_nip05_names')
          .select(['name', 'pubkey', 'relays'])
          .where('name', '=', name.value)
          .execute(),
      )
    },
    set: (person, by) => setName(deps, person, by),
    remove: (name, by) => removeName(deps, name, by),
    list: (afterName = '') =>
      db
        .selectFrom('account_nip05_names')
        .select(['name', 'pubkey', 'relays'])
        .where('name', '>', afterName)
        .orderBy('name')
        .limit(MAX_LISTED)
        .execute(),
  }
}

async function setName(
  { db, clock, audit }: NamesDeps,
  { name: typed, pubkey, relays }: Nip05Person,
  by: Actor,
): Promise<AccountOutcome<void>> {
  const name = parseNip05Name(typed)
  if (!name.ok) return refuse('INVALID', name.refusal)
  if (!isHex64(pubkey)) return refuse('INVALID', 'a public key has 64 lowercase hex characters')
  if (relays.length > MAX_RELAYS || !relays.every(isRelayUrl)) {
    return refuse('INVALID', `relays are at most ${MAX_RELAYS} ws:// or wss:// URLs`)
  }
  await db.transaction().execute(async (tx) => {
    const before = await tx
      .selectFrom('account_nip05_names')
      .select(['pubkey', 'relays'])
      .where('name', '=', name.value)
      .forUpdate()
      .executeTakeFirst()
    const row = { pubkey, relays, added_by: by.actor, added_at: nowOf(clock) }
    await tx
      .insertInto('account_nip05_names')
      .values({ name: name.value, ...row })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
      .execute()
    const change = { ...(before !== undefined && { before: { ...before } }), after: { pubkey, relays } }
    await audit.record(tx, { ...by, action: 'accounts.name_set', subject: name.value, ...change })
  })
  return accepted(undefined)
}

async function removeName({ db, audit }: NamesDeps, name: string, by: Actor): Promise<AccountOutcome<void>> {
  return db.transaction().execute(async (tx) => {
    const before = await tx
      .deleteFrom('account_nip05_names')
      .where('name', '=', name)
      .returning(['pubkey', 'relays'])
      .executeTakeFirst()
    if (before === undefined) return refuse('NOT_FOUND', 'nobody has this name')
    await audit.record(tx, { ...by, action: 'accounts.name_removed', subject: name, before: { ...before } })
    return accepted(undefined)
  })
}

function isRelayUrl(url: string): boolean {
  const parsed = URL.parse(url)
  return url.length <= 300 && (parsed?.protocol === 'ws:' || parsed?.protocol === 'wss:')
}
