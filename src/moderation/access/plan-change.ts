import type { AccessChange, GrantedLevel } from '../../relay/index.ts'
import type { AccessListName, ModerationStateTable } from '../tables.ts'

/** A row of `moderation_access`, but for who wrote it and when. */
export interface AccessEntry {
  readonly list: AccessListName
  readonly subject: string
  readonly reason?: string
  readonly level?: GrantedLevel
}

/** What a change means for the tables. What it puts into one list may go out of another. */
export interface ChangePlan {
  /** What the audit log calls it. */
  readonly action: string
  /** What it was done to, for the audit log. */
  readonly subject: string
  readonly put?: AccessEntry
  readonly drop?: readonly AccessEntry[]
  readonly state?: Partial<Omit<ModerationStateTable, 'only_row' | 'version'>>
}

/** The subject of changes to the relay as a whole. */
const RELAY = 'relay'

/** The same rules as `AccessLists.apply`, for rows; a property test holds them equal. */
export function planChange(change: AccessChange): ChangePlan {
  switch (change.do) {
    case 'ban-pubkey':
      return moveKey(change, 'relay.pubkey_banned', 'banned-pubkey', 'allowed-pubkey')
    case 'allow-pubkey':
      return moveKey(change, 'relay.pubkey_allowed', 'allowed-pubkey', 'banned-pubkey')
    case 'unban-pubkey':
      return drop('relay.pubkey_unbanned', change.pubkey, 'banned-pubkey')
    case 'unallow-pubkey':
      return drop('relay.pubkey_unallowed', change.pubkey, 'allowed-pubkey')
    case 'ban-event':
      return put('relay.event_banned', { list: 'banned-event', subject: change.id, reason: change.reason })
    case 'unban-event':
      return drop('relay.event_unbanned', change.id, 'banned-event')
    case 'allow-kind':
      return moveKind(change.kind, 'relay.kind_allowed', 'allowed-kind', 'denied-kind')
    case 'disallow-kind':
      return moveKind(change.kind, 'relay.kind_denied', 'denied-kind', 'allowed-kind')
    case 'forget-kind':
      return drop('relay.kind_forgotten', String(change.kind), 'allowed-kind', 'denied-kind')
    case 'block-ip':
      return put('relay.ip_blocked', { list: 'blocked-ip', subject: change.ip, reason: change.reason })
    case 'unblock-ip':
      return drop('relay.ip_unblocked', change.ip, 'blocked-ip')
    case 'unlimit-ip':
      return put('relay.ip_unlimited', { list: 'unlimited-ip', subject: change.ip })
    case 'limit-ip':
      return drop('relay.ip_limited', change.ip, 'unlimited-ip')
    case 'shadow-pubkey':
      return put('relay.pubkey_shadowed', {
        list: 'shadow-pubkey',
        subject: change.pubkey,
        reason: change.reason,
      })
    case 'unshadow-pubkey':
      return drop('relay.pubkey_unshadowed', change.pubkey, 'shadow-pubkey')
    case 'set-level':
      return put('relay.level_set', { list: 'level', subject: change.pubkey, level: levelOf(change) })
    case 'unset-level':
      return drop('relay.level_unset', change.pubkey, 'level')
    default:
      return { subject: RELAY, ...planState(change) }
  }
}

function planState(
  change: Extract<AccessChange, { do: 'set-maintenance' | 'set-max-connections' | 'set-information' }>,
): Pick<ChangePlan, 'action' | 'state'> {
  switch (change.do) {
    case 'set-maintenance':
      return { action: 'relay.maintenance_set', state: { maintenance: change.maintenance } }
    case 'set-max-connections':
      return {
        action: 'relay.max_connections_set',
        state: { max_connections: change.maxConnections ?? null },
      }
    case 'set-information':
      return {
        action: 'relay.information_set',
        state: {
          ...(change.name !== undefined && { name: change.name }),
          ...(change.description !== undefined && { description: change.description }),
          ...(change.icon !== undefined && { icon: change.icon }),
        },
      }
  }
}

function put(action: string, entry: AccessEntry): ChangePlan {
  return { action, subject: entry.subject, put: entry }
}

function drop(action: string, subject: string, ...lists: readonly AccessListName[]): ChangePlan {
  return { action, subject, drop: lists.map((list) => ({ list, subject })) }
}

function moveKey(
  { pubkey, reason }: { readonly pubkey: string; readonly reason: string },
  action: string,
  to: AccessListName,
  from: AccessListName,
): ChangePlan {
  return {
    ...put(action, { list: to, subject: pubkey, reason }),
    drop: [{ list: from, subject: pubkey }],
  }
}

function moveKind(kind: number, action: string, to: AccessListName, from: AccessListName): ChangePlan {
  const subject = String(kind)
  return { ...put(action, { list: to, subject }), drop: [{ list: from, subject }] }
}

function levelOf({ level, expiresAtSeconds }: GrantedLevel): GrantedLevel {
  return expiresAtSeconds === undefined ? { level } : { level, expiresAtSeconds }
}
