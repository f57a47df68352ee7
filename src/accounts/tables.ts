/** The rows of `migrations/0002_accounts.sql`. Times are Unix seconds; an int8 is a `bigint`. */
import type { ColumnType, Generated } from 'kysely'

export interface AccountsTable {
  readonly id: string
  readonly email: string
  password_hash: string
  readonly confirmed_at: bigint
}

export interface AccountKeysTable {
  readonly pubkey: string
  readonly account_id: string
  readonly linked_at: bigint
}

export interface AccountStaffRolesTable {
  readonly pubkey: string
  readonly role: 'owner' | 'operator' | 'moderator' | 'service'
  readonly granted_by: string
  readonly granted_at: bigint
}

export type SessionEnd = 'signed-out' | 'token-reused' | 'password-reset' | 'key-unlinked'

export interface AccountSessionsTable {
  readonly id: string
  readonly account_id: string | null
  readonly pubkey: string | null
  readonly family_hash: Buffer
  token_hash: Buffer
  previous_hash: Buffer | null
  rotated_at: bigint
  readonly created_at: bigint
  readonly expires_at: bigint
  ended_at: ColumnType<bigint | null, undefined, bigint>
  ended_why: ColumnType<SessionEnd | null, undefined, SessionEnd>
}

export interface AccountTokenKeysTable {
  readonly id: string
  readonly public_jwk: string
  readonly expires_at: bigint
}

export interface AccountApiKeysTable {
  readonly id: string
  readonly account_id: string | null
  readonly pubkey: string | null
  readonly name: string
  readonly secret_hash: Buffer
  readonly scopes: readonly string[]
  readonly rate_tier: 'basic' | 'plus' | 'unlimited'
  readonly created_at: bigint
  readonly expires_at: bigint | null
  last_used_at: ColumnType<bigint | null, undefined, bigint>
  revoked_at: ColumnType<bigint | null, undefined, bigint>
}

export interface AccountMailTokensTable {
  readonly hash: Buffer
  readonly purpose: 'confirm' | 'reset'
  readonly email: string | null
  readonly password_hash: string | null
  readonly account_id: string | null
  readonly expires_at: bigint
}

/** A mail that was promised and is not sent yet. */
export interface AccountMailsTable {
  readonly id: string
  readonly what: 'confirm' | 'already' | 'reset' | 'password-changed'
  readonly email: string
  readonly password_hash: string | null
  readonly account_id: string | null
  readonly expires_at: bigint
}

export interface AccountTrustedAuthorsTable {
  readonly pubkey: string
  readonly reason: string
  readonly added_by: string
  readonly added_at: bigint
}

export interface AccountSubscriptionsTable {
  readonly pubkey: string
  until_seconds: bigint
}

export interface AccountSubscriptionExtensionsTable {
  readonly key: string
  readonly pubkey: string
  readonly seconds: bigint
  readonly made_at: bigint
}

export interface AccountInvitesTable {
  readonly code: string
  readonly made_by: string
  readonly made_at: bigint
  readonly expires_at: bigint | null
  readonly max_uses: number
  uses: Generated<number>
  revoked_at: ColumnType<bigint | null, undefined, bigint>
}

export interface AccountMembersTable {
  readonly pubkey: string
  readonly since: bigint
  readonly invited_by: string
  readonly invite_code: string | null
}

export interface AccountCommunityRolesTable {
  readonly id: string
  label: string | null
  description: string | null
  color: number | null
  sort_order: number | null
}

export interface AccountMemberRolesTable {
  readonly pubkey: string
  readonly role_id: string
}

export interface AccountAnnouncementsTable {
  readonly number: ColumnType<bigint, never, never>
  readonly what: 'added' | 'removed' | 'list' | 'role'
  readonly subject: string
  readonly at: bigint
}

export interface AccountNip05NamesTable {
  readonly name: string
  readonly pubkey: string
  readonly relays: readonly string[]
  readonly added_by: string
  readonly added_at: bigint
}

declare module '../platform/database/tables.ts' {
  interface Tables {
    accounts: AccountsTable
    account_keys: AccountKeysTable
    account_staff_roles: AccountStaffRolesTable
    account_sessions: AccountSessionsTable
    account_token_keys: AccountTokenKeysTable
    account_api_keys: AccountApiKeysTable
    account_mail_tokens: AccountMailTokensTable
    account_mails: AccountMailsTable
    account_trusted_authors: AccountTrustedAuthorsTable
    account_subscriptions: AccountSubscriptionsTable
    account_subscription_extensions: AccountSubscriptionExtensionsTable
    account_invites: AccountInvitesTable
    account_members: AccountMembersTable
    account_community_roles: AccountCommunityRolesTable
    account_member_roles: AccountMemberRolesTable
    account_announcements: AccountAnnouncementsTable
    account_nip05_names: AccountNip05NamesTable
  }
}
