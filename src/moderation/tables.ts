/** The rows of `migrations/0003_moderation.sql`. Times are Unix seconds; an int8 is a `bigint`. */
import type { Generated } from 'kysely'

export type AccessListName =
  | 'banned-pubkey'
  | 'allowed-pubkey'
  | 'banned-event'
  | 'allowed-kind'
  | 'denied-kind'
  | 'blocked-ip'
  | 'shadow-pubkey'
  | 'level'
  | 'unlimited-ip'

export interface ModerationStateTable {
  readonly only_row: Generated<boolean>
  version: bigint
  maintenance: boolean
  max_connections: number | null
  name: string | null
  description: string | null
  icon: string | null
}

export interface ModerationAccessTable {
  readonly list: AccessListName
  readonly subject: string
  reason: string
  level: number | null
  expires_at: bigint | null
  added_by: string
  added_at: bigint
}

export interface ModerationRemovalsTable {
  readonly what: 'event' | 'author'
  readonly subject: string
  until: bigint
}

/**
 * An event waits until a moderator approves or rejects it. `approved` is what is to be done, `published` what was done:
 * a crash in between leaves the first, and the event is published after the next start.
 */
export type HeldState = 'waiting' | 'approved' | 'published' | 'rejected'

export interface ModerationHeldEventsTable {
  readonly id: string
  readonly pubkey: string
  readonly json: string
  readonly why: string
  readonly held_at: bigint
  state: HeldState
  decided_by: string | null
  decided_at: bigint | null
  answer: string | null
}

export interface ModerationReportsTable {
  readonly report_id: string
  readonly subject: 'person' | 'event' | 'blob'
  readonly target: string
  readonly reporter: string
  readonly type: string
  readonly comment: string
  readonly weight: number
  readonly reported_at: bigint
  state: 'open' | 'dismissed' | 'upheld'
  decision: string | null
  handled_by: string | null
  handled_at: bigint | null
}

export interface ModerationReportProgressTable {
  readonly only_row: Generated<boolean>
  read_until: bigint
}

declare module '../platform/database/tables.ts' {
  interface Tables {
    moderation_state: ModerationStateTable
    moderation_access: ModerationAccessTable
    moderation_removals: ModerationRemovalsTable
    moderation_held_events: ModerationHeldEventsTable
    moderation_reports: ModerationReportsTable
    moderation_report_progress: ModerationReportProgressTable
  }
}
