/**
 * Sessions and their refresh tokens. A refresh token is good once: using it gives the next one. A token that was used
 * before and is shown again is in two hands, and nobody can tell which of them is the right one, so it ends the session.
 */
import type { Selectable, Transaction, UpdateQueryBuilder, UpdateResult } from 'kysely'
import { accepted } from '../../kernel/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import { type AccountsContext, nowOf, type Rows } from '../context.ts'
import { type Owner, ownerOf, type Principal, standingOf } from '../principal.ts'
import { type AccountOutcome, refuse } from '../refusal.ts'
import { hashSecret, isSameHash, randomId, randomSecret } from '../secrets.ts'
import type { AccountSessionsTable, SessionEnd } from '../tables.ts'
import { makeAccessToken, readAccessToken } from './access-tokens.ts'

/** What a client is given. All of it is secret. */
export interface SessionTokens {
  readonly accessToken: string
  readonly accessExpiresAtSeconds: number
  /** Good once; see `refresh`. */
  readonly refreshToken: string
  readonly refreshExpiresAtSeconds: number
}

/**
 * Two tabs of a browser refresh in the same moment, or an answer is lost on its way: within this time after its use the
 * last token is refused without suspicion.
 */
const RACE_SECONDS = 10

type SessionDeps = Pick<AccountsContext, 'db' | 'clock' | 'settings' | 'tokenKeys' | 'logger'>

/** A session as it was written; `issueTokens` makes what the client gets, once that is committed. */
export interface WrittenSession {
  readonly session: Pick<SessionRow, 'id' | 'account_id' | 'pubkey' | 'expires_at'>
  readonly refreshToken: string
}

/** Makes a session in the caller's transaction. */
export async function startSession(
  tx: Transaction<Tables>,
  deps: Pick<SessionDeps, 'clock' | 'settings'>,
  owner: Owner,
): Promise<WrittenSession> {
  const now = nowOf(deps.clock)
  const family = randomSecret()
  const secret = randomSecret()
  const session = {
    id: randomId(),
    account_id: owner.accountId ?? null,
    pubkey: owner.pubkey ?? null,
    expires_at: now + BigInt(deps.settings().sessionDays) * 86_400n,
  }
  await tx
    .insertInto('account_sessions')
    .values({
      ...session,
      family_hash: hashSecret(family),
      token_hash: hashSecret(secret),
      previous_hash: null,
      rotated_at: now,
      created_at: now,
    })
    .execute()
  return { session, refreshToken: `${family}.${secret}` }
}

/** Gives the next pair of tokens for a refresh token. */
export async function refreshSession(
  deps: SessionDeps,
  refreshToken: string,
): Promise<AccountOutcome<SessionTokens>> {
  const shown = parseRefreshToken(refreshToken)
  if (shown === undefined) return notSignedIn()
  const rotated = await deps.db.transaction().execute((tx) => rotate(tx, deps, shown))
  return rotated.ok ? accepted(await issueTokens(deps, rotated.value)) : rotated
}

async function rotate(
  tx: Transaction<Tables>,
  deps: SessionDeps,
  { family, secret }: RefreshToken,
): Promise<AccountOutcome<WrittenSession>> {
  const session = await liveSession(tx, deps, family)
  if (session === undefined) return notSignedIn()
  const shownHash = hashSecret(secret)
  if (!isSameHash(session.token_hash, shownHash)) return refuseOldToken(tx, deps, session, shownHash)
  const nextSecret = randomSecret()
  await tx
    .updateTable('account_sessions')
    .set({
      token_hash: hashSecret(nextSecret),
      previous_hash: session.token_hash,
      rotated_at: nowOf(deps.clock),
    })
    .where('id', '=', session.id)
    .execute()
  return accepted({ session, refreshToken: `${family}.${nextSecret}` })
}

async function refuseOldToken(
  tx: Transaction<Tables>,
  deps: SessionDeps,
  session: SessionRow,
  shownHash: Buffer,
): Promise<AccountOutcome<never>> {
  const { previous_hash, rotated_at, id } = session
  const isRace =
    previous_hash !== null &&
    isSameHash(previous_hash, shownHash) &&
    nowOf(deps.clock) - rotated_at <= BigInt(RACE_SECONDS)
  if (isRace) return refuse('REFRESH_RACE', 'this token was used a moment ago, take the new one')
  // The family is a secret too, so whoever shows it had a token of this session once.
  await endSessions(tx, deps, 'token-reused', (rows) => rows.where('id', '=', id))
  deps.logger.warn({ sessionId: id }, 'accounts.refresh_reused')
  return notSignedIn()
}

/** Ends the session of this refresh token, old or new. To sign out twice is no mistake. */
export async function signOut(deps: SessionDeps, refreshToken: string): Promise<void> {
  const shown = parseRefreshToken(refreshToken)
  if (shown === undefined) return
  await endSessions(deps.db, deps, 'signed-out', (rows) =>
    rows.where('family_hash', '=', hashSecret(shown.family)),
  )
}

/** Who shows this access token. Roles are as of now, and a session that was ended lets nobody in. */
export async function checkAccessToken(deps: SessionDeps, text: string): Promise<AccountOutcome<Principal>> {
  const claims = await readAccessToken(deps.tokenKeys, deps.clock, text)
  if (claims === undefined) return notSignedIn()
  const session = await deps.db
    .selectFrom('account_sessions')
    .select(['id', 'account_id', 'pubkey'])
    .where('id', '=', claims.sessionId)
    .where('ended_at', 'is', null)
    .where('expires_at', '>', nowOf(deps.clock))
    .executeTakeFirst()
  if (session === undefined) return notSignedIn()
  const standing = await standingOf(deps.db, ownerOf(session))
  return accepted({ via: 'session', sessionId: session.id, ...standing })
}

/** Ends those sessions that still live. */
export async function endSessions(
  rows: Rows,
  { clock }: Pick<AccountsContext, 'clock'>,
  why: SessionEnd,
  which: (update: SessionUpdate) => SessionUpdate,
): Promise<void> {
  const update = rows
    .updateTable('account_sessions')
    .set({ ended_at: nowOf(clock), ended_why: why })
    .where('ended_at', 'is', null)
  await which(update).execute()
}

type SessionUpdate = UpdateQueryBuilder<Tables, 'account_sessions', 'account_sessions', UpdateResult>

type SessionRow = Pick<
  Selectable<AccountSessionsTable>,
  'id' | 'account_id' | 'pubkey' | 'token_hash' | 'previous_hash' | 'rotated_at' | 'expires_at'
>

/** Locked until the transaction ends: of two refreshes with the same token one comes second. */
function liveSession(
  tx: Transaction<Tables>,
  { clock }: SessionDeps,
  family: string,
): Promise<SessionRow | undefined> {
  return tx
    .selectFrom('account_sessions')
    .select(['id', 'account_id', 'pubkey', 'token_hash', 'previous_hash', 'rotated_at', 'expires_at'])
    .where('family_hash', '=', hashSecret(family))
    .where('ended_at', 'is', null)
    .where('expires_at', '>', nowOf(clock))
    .forUpdate()
    .executeTakeFirst()
}

/** After the commit and not in it: signing may need a connection of its own, which a full pool would not have. */
export async function issueTokens(
  { clock, settings, tokenKeys }: SessionDeps,
  { session, refreshToken }: WrittenSession,
): Promise<SessionTokens> {
  const access = await makeAccessToken(tokenKeys, clock, {
    subject: session.account_id ?? session.pubkey ?? session.id,
    sessionId: session.id,
    lifetimeSeconds: settings().accessTokenMinutes * 60,
  })
  return {
    accessToken: access.text,
    accessExpiresAtSeconds: access.expiresAtSeconds,
    refreshToken,
    refreshExpiresAtSeconds: Number(session.expires_at),
  }
}

interface RefreshToken {
  readonly family: string
  readonly secret: string
}

function parseRefreshToken(text: string): RefreshToken | undefined {
  const [, family, secret] = /^([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/.exec(text) ?? []
  return family === undefined || secret === undefined ? undefined : { family, secret }
}

function notSignedIn() {
  return refuse('TOKEN_INVALID', 'you are not signed in, or not any more')
}
