import type { Selectable } from 'kysely'
import { accepted, refused } from '../kernel/index.ts'
import type { TokenRate } from '../platform/bus/index.ts'
import type { Actor } from './actor.ts'
import { type AccountsContext, nowOf } from './context.ts'
import { type Owner, ownerOf, type Principal, type RateTier, standingOf } from './principal.ts'
import { type AccountOutcome, refuse } from './refusal.ts'
import { hashSecret, isSameHash, randomId, randomSecret } from './secrets.ts'
import type { AccountApiKeysTable } from './tables.ts'

export interface NewApiKey {
  /** Whose rights it has, as they are when it is used: an account, or a key. */
  readonly owner: Owner
  /** For people. */
  readonly name: string
  /** What it may be used for: words like `relay:read`. */
  readonly scopes: readonly string[]
  /** Anything but `basic` takes an owner, an operator or the command line. */
  readonly rateTier: RateTier
  readonly expiresAtSeconds?: number
}

export interface ApiKey extends NewApiKey {
  readonly id: string
  readonly createdAtSeconds: number
  /** To the minute. */
  readonly lastUsedAtSeconds?: number
  readonly revokedAtSeconds?: number
}

const MAX_KEYS_OF_ONE = 50
const MAX_SCOPES = 20
const SCOPE = /^[a-z][a-z0-9:._-]{0,63}$/
const KEY_TEXT = /^stoa_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/
/** `last_used_at` is written once in so long: a key that is used often must not write all the time. */
const LAST_USED_STEP_SECONDS = 60n
/** Requests with a key, on all processes together; those of one address have limits of their own beside it. */
const RATE_OF_TIER: Readonly<Record<RateTier, TokenRate | undefined>> = {
  basic: { perSecond: 1, burst: 60 },
  plus: { perSecond: 10, burst: 600 },
  unlimited: undefined,
}
const MAY_GIVE_RATES: readonly string[] = ['cli', 'system', 'owner', 'operator']

/** Makes a key. Its text is in the answer and nowhere else. */
export async function createApiKey(
  { db, clock, audit }: AccountsContext,
  wanted: NewApiKey,
  by: Actor,
): Promise<AccountOutcome<{ readonly id: string; readonly key: string }>> {
  const refusal = checkWanted(wanted, by, clock.nowSeconds())
  if (refusal !== undefined) return refusal
  const { owner, name, scopes, rateTier, expiresAtSeconds } = wanted
  const id = randomId()
  const secret = randomSecret()
  return db.transaction().execute(async (tx) => {
    const existing = await tx
      .selectFrom('account_api_keys')
      .select('id')
      .where('revoked_at', 'is', null)
      .where((row) =>
        owner.accountId === undefined
          ? row('pubkey', '=', owner.pubkey ?? '')
          : row('account_id', '=', owner.accountId),
      )
      .limit(MAX_KEYS_OF_ONE)
      .execute()
    if (existing.length >= MAX_KEYS_OF_ONE) {
      return refuse('LIMIT_REACHED', `${MAX_KEYS_OF_ONE} keys are the most; revoke one first`)
    }
    await tx
      .insertInto('account_api_keys')
      .values({
        id,
        account_id: owner.accountId ?? null,
        pubkey: owner.pubkey ?? null,
        name,
        secret_hash: hashSecret(secret),
        scopes,
        rate_tier: rateTier,
        created_at: nowOf(clock),
        expires_at: expiresAtSeconds === undefined ? null : BigInt(expiresAtSeconds),
      })
      .execute()
    const after = { name, scopes, rateTier, expiresAtSeconds, ...owner }
    await audit.record(tx, { ...by, action: 'accounts.api_key_created', subject: id, after })
    return accepted({ id, key: `stoa_${id}_${secret}` })
  })
}

/**
 * Who shows this key; its owner's roles are as of now. What it may be used for is in `scopes`, for the caller to heed.
 * Counts as a use of the key, in the rate of its tier.
 */
export async function checkApiKey(
  { db, clock, bus }: Pick<AccountsContext, 'db' | 'clock' | 'bus'>,
  text: string,
): Promise<AccountOutcome<Principal>> {
  const [, id, secret] = KEY_TEXT.exec(text) ?? []
  if (id === undefined || secret === undefined) return refuseKey()
  const now = nowOf(clock)
  const row = await db.selectFrom('account_api_keys').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined || !isSameHash(row.secret_hash, hashSecret(secret))) return refuseKey()
  if (row.revoked_at !== null || (row.expires_at !== null && row.expires_at <= now)) return refuseKey()
  const rate = RATE_OF_TIER[row.rate_tier]
  if (rate !== undefined) {
    const { isAllowed, retryAfterMs } = await bus.takeToken(`accounts:api-key:${id}`, rate)
    if (!isAllowed) return refuseHaste(row.rate_tier, Math.ceil(retryAfterMs / 1_000))
  }
  if (row.last_used_at === null || now - row.last_used_at >= LAST_USED_STEP_SECONDS) {
    await db.updateTable('account_api_keys').set({ last_used_at: now }).where('id', '=', id).execute()
  }
  const standing = await standingOf(db, ownerOf(row))
  const apiKey = { id: row.id, name: row.name }
  return accepted({ via: 'api-key', apiKey, scopes: row.scopes, rateTier: row.rate_tier, ...standing })
}

/** @param owner when given, the key must be theirs: people revoke their own, operators any. */
export async function revokeApiKey(
  { db, clock, audit }: AccountsContext,
  { id, owner }: { readonly id: string; readonly owner?: Owner },
  by: Actor,
): Promise<AccountOutcome<void>> {
  return db.transaction().execute(async (tx) => {
    const row = await tx
      .updateTable('account_api_keys')
      .set({ revoked_at: nowOf(clock) })
      .where('id', '=', id)
      .where('revoked_at', 'is', null)
      .$if(owner?.accountId !== undefined, (rest) => rest.where('account_id', '=', owner?.accountId ?? ''))
      .$if(owner !== undefined && owner.accountId === undefined, (rest) =>
        rest.where('pubkey', '=', owner?.pubkey ?? ''),
      )
      .returning('name')
      .executeTakeFirst()
    if (row === undefined) return refuse('NOT_FOUND', 'there is no such key')
    await audit.record(tx, {
      ...by,
      action: 'accounts.api_key_revoked',
      subject: id,
      before: { name: row.name },
    })
    return accepted(undefined)
  })
}

/** The keys of one owner, the newest first, revoked ones too; without their texts, which nobody has. */
export async function listApiKeys(
  { db }: Pick<AccountsContext, 'db'>,
  owner: Owner,
): Promise<readonly ApiKey[]> {
  const found = await db
    .selectFrom('account_api_keys')
    .selectAll()
    .where((row) =>
      owner.accountId === undefined
        ? row('pubkey', '=', owner.pubkey ?? '')
        : row('account_id', '=', owner.accountId),
    )
    .orderBy('created_at', 'desc')
    .limit(MAX_KEYS_OF_ONE * 4)
    .execute()
  return found.map(apiKeyOf)
}

/** A key and the public keys of its owner, as of now: the one that it was made with, or those of the account. */
export interface OwnedApiKey extends ApiKey {
  readonly ownerPubkeys: readonly string[]
}

/** Whose a key is, revoked or not; undefined when there is none of this id. */
export async function findApiKey(
  { db }: Pick<AccountsContext, 'db'>,
  id: string,
): Promise<OwnedApiKey | undefined> {
  const row = await db.selectFrom('account_api_keys').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) return undefined
  const { pubkeys } = await standingOf(db, ownerOf(row))
  return { ...apiKeyOf(row), ownerPubkeys: pubkeys }
}

/** Which of these keys are neither revoked nor expired. */
export async function liveApiKeys(
  { db, clock }: Pick<AccountsContext, 'db' | 'clock'>,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set()
  const rows = await db
    .selectFrom('account_api_keys')
    .select('id')
    .where('id', 'in', ids)
    .where('revoked_at', 'is', null)
    .where((row) => row.or([row('expires_at', 'is', null), row('expires_at', '>', nowOf(clock))]))
    .execute()
  return new Set(rows.map(({ id }) => id))
}

function apiKeyOf(row: Selectable<AccountApiKeysTable>): ApiKey {
  return {
    id: row.id,
    owner: ownerOf(row),
    name: row.name,
    scopes: row.scopes,
    rateTier: row.rate_tier,
    createdAtSeconds: Number(row.created_at),
    ...(row.expires_at !== null && { expiresAtSeconds: Number(row.expires_at) }),
    ...(row.last_used_at !== null && { lastUsedAtSeconds: Number(row.last_used_at) }),
    ...(row.revoked_at !== null && { revokedAtSeconds: Number(row.revoked_at) }),
  }
}

function checkWanted(wanted: NewApiKey, by: Actor, nowSeconds: number) {
  const { owner, name, scopes, rateTier, expiresAtSeconds } = wanted
  if (owner.accountId === undefined && owner.pubkey === undefined) {
    return refuse('INVALID', 'a key belongs to an account or to a public key')
  }
  if (name.length < 1 || name.length > 100) return refuse('INVALID', 'a name has 1 to 100 characters')
  if (scopes.length > MAX_SCOPES || !scopes.every((scope) => SCOPE.test(scope))) {
    return refuse('INVALID', `scopes are at most ${MAX_SCOPES} words like relay:read`)
  }
  if (rateTier !== 'basic' && !MAY_GIVE_RATES.includes(by.role)) {
    return refuse('NOT_ALLOWED', `${by.role} may not give a key the rate ${rateTier}`)
  }
  if (expiresAtSeconds !== undefined && expiresAtSeconds <= nowSeconds) {
    return refuse('INVALID', 'the key would have expired already')
  }
  return undefined
}

function refuseHaste(tier: RateTier, retryAfterSeconds: number) {
  return refused({
    code: 'RATE_LIMITED',
    text: `this API key has the rate ${tier}; try again in ${retryAfterSeconds} seconds`,
    retryAfterSeconds,
  } as const)
}

function refuseKey() {
  return refuse('TOKEN_INVALID', 'this API key is not valid, or not any more')
}
