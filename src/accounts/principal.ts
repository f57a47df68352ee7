import type { UsedApiKey } from '../audit/index.ts'
import type { Rows } from './context.ts'
import { type Role, rolesOfKeys } from './staff-roles.ts'

/** Who asks, proved: what a request may do follows from this and nothing else. */
export interface Principal {
  readonly via: 'session' | 'api-key' | 'http-auth'
  readonly accountId?: string
  /** Keys that are proved or linked; may be empty for an account without one. */
  readonly pubkeys: readonly string[]
  /** As of now, of all the keys together. */
  readonly roles: readonly Role[]
  /** With `session`. */
  readonly sessionId?: string
  /** With `api-key`: what the key was made for. The roles alone allow nothing that is not in here. */
  readonly scopes?: readonly string[]
  /** With `api-key`. */
  readonly rateTier?: RateTier
  /** With `api-key`: which one, for the audit log. */
  readonly apiKey?: UsedApiKey
}

export const RATE_TIERS = ['basic', 'plus', 'unlimited'] as const
export type RateTier = (typeof RATE_TIERS)[number]

/** Whom a session or an API key belongs to: an account, a key, or a key of an account. */
export interface Owner {
  readonly accountId?: string
  readonly pubkey?: string
}

export function ownerOf(row: { readonly account_id: string | null; readonly pubkey: string | null }): Owner {
  return {
    ...(row.account_id !== null && { accountId: row.account_id }),
    ...(row.pubkey !== null && { pubkey: row.pubkey }),
  }
}

/** What the owner is worth now: its keys and their roles. */
export async function standingOf(
  rows: Rows,
  { accountId, pubkey }: Owner,
): Promise<Pick<Principal, 'accountId' | 'pubkeys' | 'roles'>> {
  const linked = accountId === undefined ? [] : await keysOfAccount(rows, accountId)
  const pubkeys = [...new Set(pubkey === undefined ? linked : [...linked, pubkey])]
  return { ...(accountId !== undefined && { accountId }), pubkeys, roles: await rolesOfKeys(rows, pubkeys) }
}

async function keysOfAccount(rows: Rows, accountId: string): Promise<readonly string[]> {
  const found = await rows
    .selectFrom('account_keys')
    .select('pubkey')
    .where('account_id', '=', accountId)
    .orderBy('linked_at')
    .execute()
  return found.map(({ pubkey }) => pubkey)
}
