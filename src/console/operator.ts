/**
 * Everything that can be done to a running Stoa by people with power, as plain data in and out. HTTP, NIP-86 and the
 * command line stand on it; the composition root implements it, mostly by handing in the parts as they are.
 *
 * Things are grouped in desks. A desk that is not there (its part is off, or the database is not ready yet) is
 * undefined, and whoever asks for it is answered `UNAVAILABLE`.
 */
import type { AuditChain, AuditEntry, PublishedCheckpoint, UsedApiKey } from '../audit/index.ts'
import type { IlpNode } from '../interledger/node/index.ts'
import type { ChannelFacts } from '../interledger/rpc/index.ts'
import type { Asset, Outcome, Refusal } from '../kernel/index.ts'
import type { Ledger } from '../ledger/index.ts'
import type {
  Role as CommunityRole,
  Nip05Document,
  Nip05Person,
  NostrEvent,
  ReportType,
} from '../nostr/index.ts'
import type {
  AccessChange,
  AccessListsData,
  ConnectionFacts,
  ConnectionSelector,
  GrantedLevel,
} from '../relay/index.ts'
import type { ObservatoryDesk } from './observatory-desk.ts'

/** Who makes a change, as the audit log writes it down. Whoever hands it on has checked that this is so. */
export interface Actor {
  /** A public key in hex, `account:…` for an account without a key, or `cli`. */
  readonly actor: string
  /** What they do it as: a staff role, or `cli`. */
  readonly role: string
  /** With which API key of theirs; absent when they came themselves. */
  readonly apiKey?: UsedApiKey
}

/** What a desk answers. The code of a refusal decides the status of an HTTP answer (`refusals.ts`). */
export type Answer<T> = Promise<Outcome<T, Refusal>>

export interface Desks {
  readonly moderation: ModerationDesk
  readonly membership: MembershipDesk
  readonly staff: StaffDesk
  readonly trusted: TrustedDesk
  readonly subscriptions: SubscriptionsDesk
  readonly names: NamesDesk
  readonly connections: ConnectionsDesk
  readonly settings: SettingsDesk
  readonly mirrors: MirrorsDesk
  readonly backups: BackupsDesk
  readonly jobs: JobsDesk
  readonly ledger: LedgerDesk
  readonly interledger: IlpNode
  readonly settlement: SettlementDesk
  readonly observatory: ObservatoryDesk
  readonly status: StatusDesk
  readonly audit: AuditDesk
}

/** Asked anew for every request: desks come when their part is ready. */
export type Operator = { readonly [Name in keyof Desks]: () => Desks[Name] | undefined }

/** The books, to be looked at. */
export type LedgerDesk = Pick<Ledger, 'accounts' | 'statement' | 'trialBalance'>

/** How debts between the node and its peers are paid: to be looked at, but for what never comes to an end by itself. */
export interface SettlementDesk {
  figures(): Promise<SettlementFigures>
  /** The newest first. */
  orders(): Promise<readonly SettlementOrder[]>
  listChannels(): Promise<readonly ChannelFacts[]>
  /** Books back an order that neither happens nor fails; `failed` when its network says that it has. */
  giveUp(key: string, promise: GiveUpPromise, by: Actor): Answer<{ readonly state: 'failed' | 'given_up' }>
}

/** What whoever gives up an order answers for. */
export interface GiveUpPromise {
  /** That the network never took the order and never will: if it does, it is paid twice. */
  readonly isNeverTaken: boolean
}

/** Counts since the beginning; what there is none of is left out. */
export interface SettlementFigures {
  readonly orders: readonly { readonly rail: string; readonly state: string; readonly count: number }[]
  readonly channels: readonly {
    readonly rail: string
    /** `in`: we are its payee. */
    readonly direction: 'in' | 'out'
    readonly state: string
    readonly count: number
  }[]
  /** Calls whose keys are remembered. */
  readonly requests: number
  /** What connectors that settle through this node are still to be told. */
  readonly noticesWaiting: number
  readonly rails: readonly RailFigures[]
}

export interface RailFigures {
  readonly rail: string
  readonly status: 'ok' | 'degraded'
  /** Rounds in a row that did not come to their end. */
  readonly failedRounds: number
  readonly lastRoundMs: number | undefined
  readonly lastError: string | undefined
  /** Channels of ours whose payee has not said yet that it has the last claim. */
  readonly undelivered: number
}

export interface SettlementOrder {
  readonly key: string
  readonly rail: string
  readonly asset: Asset
  readonly party: string | undefined
  /** `pay`, `open`, `deposit`, `redeem`, `close`, `withdraw`. */
  readonly kind: string
  readonly amount: bigint | undefined
  readonly channelId: string | undefined
  readonly state: string
  readonly tries: number
  /** Why it failed, or was not done yet. */
  readonly reason: string | undefined
  readonly createdAtMs: number
}

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

export interface ListedEntry {
  readonly subject: string
  readonly reason: string
  /** Only in the list `level`. */
  readonly level?: GrantedLevel
  readonly addedBy: string
  readonly addedAtSeconds: number
}

export type HeldState = 'waiting' | 'approved' | 'published' | 'rejected'

export interface HeldEvent {
  readonly event: NostrEvent
  /** What the rule said that held it. */
  readonly why: string
  readonly heldAtSeconds: number
  readonly state: HeldState
  readonly decidedBy?: string
  readonly decidedAtSeconds?: number
  /** What the store said of an approved event. */
  readonly answer?: string
}

export interface ReportedTarget {
  readonly subject: 'person' | 'event' | 'blob'
  /** A key, an event id, or the SHA-256 of a file. */
  readonly target: string
}

export interface ReportedThing extends ReportedTarget {
  readonly reporters: number
  readonly weight: number
  readonly types: readonly ReportType[]
  readonly firstAtSeconds: number
  readonly lastAtSeconds: number
  readonly complaints: readonly {
    readonly reportId: string
    readonly reporter: string
    readonly type: ReportType
    readonly comment: string
    readonly weight: number
    readonly atSeconds: number
  }[]
}

export type ReportDecision = 'dismiss' | 'uphold' | 'ban-event' | 'ban-pubkey' | 'shadow-pubkey'

/** Decisions about keys, events, addresses and the relay itself. `Moderation` of src/moderation is one. */
export interface ModerationDesk {
  lists(): AccessListsData
  entries(
    list: AccessListName,
    page?: { readonly limit?: number; readonly after?: string },
  ): Answer<readonly ListedEntry[]>
  /** Makes all the changes or none. `purge` also removes what banned keys have stored. */
  change(
    changes: readonly AccessChange[],
    decision: { readonly by: Actor; readonly purge?: boolean },
  ): Answer<{ readonly changed: number }>
  allowEvent(id: string, by: Actor): Answer<undefined>
  /** Closes connections on every process; `closed` are those of this one. */
  disconnect(
    whom: ConnectionSelector,
    kick: { readonly by: Actor; readonly text: string },
  ): Answer<{ readonly closed: number }>
  readonly held: {
    list(page?: {
      readonly state?: HeldState
      readonly limit?: number
      readonly after?: { readonly heldAtSeconds: number; readonly id: string }
    }): Answer<readonly HeldEvent[]>
    approve(id: string, by: Actor): Answer<{ readonly answer: string }>
    reject(id: string, by: Actor): Answer<unknown>
  }
  readonly reports: {
    list(page?: { readonly limit?: number; readonly offset?: number }): Answer<readonly ReportedThing[]>
    resolve(
      target: ReportedTarget,
      judgement: {
        readonly decision: ReportDecision
        readonly by: Actor
        readonly reason?: string
        readonly purge?: boolean
        /** Asked about the key that would be banned or shadowed; absent: whoever decides may judge everybody. */
        readonly mayJudge?: (pubkey: string) => Promise<boolean>
      },
    ): Answer<unknown>
  }
}

export interface CommunityMember {
  readonly pubkey: string
  readonly sinceSeconds: number
  readonly invitedBy: string
  readonly inviteCode?: string
  /** Ids of community roles. */
  readonly roles: readonly string[]
}

export interface Invite {
  readonly code: string
  readonly madeBy: string
  readonly madeAtSeconds: number
  readonly maxUses: number
  readonly uses: number
  readonly expiresAtSeconds?: number
  readonly revokedAtSeconds?: number
}

/** Who belongs to the community (NIP-43). `Membership` of src/accounts is one. */
export interface MembershipDesk {
  listMembers(page?: {
    readonly afterPubkey?: string
    readonly limit?: number
  }): Promise<readonly CommunityMember[]>
  /** Resolves to those that are new. */
  addMembers(pubkeys: readonly string[], by: Actor): Answer<readonly string[]>
  /** Resolves to those that were members. */
  removeMembers(pubkeys: readonly string[], by: Actor): Answer<readonly string[]>
  listInvites(limit?: number): Promise<readonly Invite[]>
  createInvite(
    invite: { readonly code?: string; readonly maxUses: number; readonly expiresAtSeconds?: number },
    by: Actor,
  ): Answer<Invite>
  revokeInvite(code: string, by: Actor): Answer<unknown>
  listRoles(): Promise<readonly CommunityRole[]>
  putRole(role: CommunityRole, by: Actor): Answer<unknown>
  removeRole(roleId: string, by: Actor): Answer<unknown>
  assignRole(assignment: { readonly pubkey: string; readonly roleId: string }, by: Actor): Answer<unknown>
  unassignRole(assignment: { readonly pubkey: string; readonly roleId: string }, by: Actor): Answer<unknown>
}

export type StaffRole = 'owner' | 'operator' | 'moderator' | 'service'

export interface StaffMember {
  readonly pubkey: string
  readonly role: StaffRole
  readonly grantedBy: string
  readonly grantedAtSeconds: number
}

/** Who has power here. `Accounts` of src/accounts is one. */
export interface StaffDesk {
  listStaff(): Promise<readonly StaffMember[]>
  /** The roles of a key, staff or not. */
  rolesOf(pubkey: string): Promise<readonly string[]>
  grantRole(grant: { readonly pubkey: string; readonly role: StaffRole }, by: Actor): Answer<unknown>
  revokeRole(grant: { readonly pubkey: string; readonly role: StaffRole }, by: Actor): Answer<unknown>
}

export interface TrustedDesk {
  list(): Promise<
    readonly {
      readonly pubkey: string
      readonly reason: string
      readonly addedBy: string
      readonly addedAtSeconds: number
    }[]
  >
  add(author: { readonly pubkey: string; readonly reason: string }, by: Actor): Answer<unknown>
  remove(pubkey: string, by: Actor): Answer<unknown>
}

export interface SubscriptionsDesk {
  list(limit?: number): Promise<readonly { readonly pubkey: string; readonly untilSeconds: number }[]>
  set(subscription: { readonly pubkey: string; readonly untilSeconds: number }, by: Actor): Answer<unknown>
}

/** NIP-05. */
export interface NamesDesk {
  document(name: string): Promise<Nip05Document>
  list(afterName?: string): Promise<readonly Nip05Person[]>
  set(person: Nip05Person, by: Actor): Answer<unknown>
  remove(name: string, by: Actor): Answer<unknown>
}

export interface ConnectionsDesk {
  /** Open connections, on every process as far as that is known. */
  list(): Promise<readonly ConnectionFacts[]>
}

export interface ShownSetting {
  /** `relay.limits.maxLimit` */
  readonly key: string
  /** As it is written in the file; of a secret only whether there is one. */
  readonly value: string
  /** Where it was written; `default` when nowhere. */
  readonly source: string
}

export interface SettingsDesk {
  list(): Promise<readonly ShownSetting[]>
  /**
   * Gives a running program another value of a setting that can change without a restart. Refused when the
   * configuration as a whole would not be valid.
   *
   * @param value as in the environment: `25`, `true`, `a, b`.
   */
  change(setting: { readonly key: string; readonly value: string }, by: Actor): Answer<unknown>
}

export interface MirrorFacts {
  readonly id: string
  readonly url: string
  readonly direction: 'pull' | 'push' | 'both'
  readonly isPaused: boolean
  /** One word for people: `connected`, `waiting`, … */
  readonly state: string
  /** Counters and times, with units in their names. */
  readonly facts: Readonly<Record<string, string | number | boolean>>
}

export interface MirrorsDesk {
  list(): Answer<readonly MirrorFacts[]>
  add(
    mirror: {
      readonly url: string
      readonly direction: MirrorFacts['direction']
      readonly filters: readonly object[]
    },
    by: Actor,
  ): Answer<{ readonly id: string }>
  remove(id: string, by: Actor): Answer<unknown>
  pause(id: string, by: Actor): Answer<unknown>
  resume(id: string, by: Actor): Answer<unknown>
}

export interface BackupFacts {
  readonly name: string
  readonly atSeconds: number
  readonly bytes: number
  readonly events: number
}

export interface BackupsDesk {
  /** The newest first. */
  list(): Answer<readonly BackupFacts[]>
  /** Begins one and returns; its end is in `list` and in the log. Refused while one is under way. */
  start(by: Actor): Answer<{ readonly name: string }>
}

/** Work that is done later, of one kind. */
export interface JobQueueFacts {
  readonly name: string
  /** To be done now or later. */
  readonly queued: number
  readonly active: number
  readonly failed: number
  /** Given up, waiting for somebody to decide. */
  readonly deadLetters: number
  /** Of the one that waits longest beyond its time. */
  readonly oldestWaitingMs: number
  /** Five fields of cron and a time zone; absent where nothing comes by the clock. */
  readonly schedule?: string
  readonly nextRunAtMs?: number
}

/** A job that was given up. */
export interface JobFailure {
  readonly id: string
  readonly queue: string
  readonly key?: string
  /** As JSON. */
  readonly data: string
  /** Why it failed the last time. */
  readonly reason: string
  readonly failedAtMs: number
}

export interface JobsDesk {
  queues(): Promise<readonly JobQueueFacts[]>
  /** The newest first. */
  failures(page: {
    readonly queue?: string
    /** The last id of the page before. */
    readonly after?: string
    readonly limit?: number
  }): Promise<readonly JobFailure[]>
  /** Has it tried again from the beginning. */
  retry(id: string, by: Actor): Answer<unknown>
  remove(id: string, by: Actor): Answer<unknown>
}

export interface ConsoleStatus {
  readonly version: string
  readonly startedAtSeconds: number
  readonly connections: number
  readonly subscriptions: number
  readonly events: number
  /** By part of the program. */
  readonly health: Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>
}

export interface StatusDesk {
  status(): Promise<ConsoleStatus>
}

export interface AuditDesk {
  list(query: {
    readonly beforeNumber?: number
    readonly actor?: string
    readonly action?: string
    readonly subject?: string
    readonly limit?: number
  }): Promise<readonly AuditEntry[]>
  /** Computes the whole chain anew, and holds it to the checkpoints that were published; the newest is named. */
  verify(): Answer<AuditChain & { readonly checkpoint?: PublishedCheckpoint }>
}
