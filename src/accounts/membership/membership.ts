import type { Kysely } from 'kysely'
import type { AuditLog } from '../../audit/index.ts'
import type { Clock } from '../../kernel/index.ts'
import type { NostrEvent } from '../../nostr/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { Signer } from '../../signer/index.ts'
import type { Actor } from '../actor.ts'
import type { AccountOutcome } from '../refusal.ts'
import type { Levels } from '../standing/levels.ts'
import { type AnnouncerDeps, createAnnouncer } from './announcer.ts'
import {
  assignRole,
  type CommunityRole,
  listRoles,
  putRole,
  type RoleAssignment,
  removeRole,
  unassignRole,
} from './community-roles.ts'
import type { MembershipSettings } from './context.ts'
import { createInvite, type Invite, listInvites, type NewInvite, revokeInvite } from './invites.ts'
import { addMembers, type CommunityMember, countMembers, listMembers, removeMembers } from './members.ts'
import { answerRequest, freshInvite, type HostAnswer } from './requests.ts'

/** Who belongs to the community of this relay (NIP-43). */
export interface Membership {
  /** Answers a join or leave request (kinds 28934 and 28936) whose signature was checked: for `RelayHost.membership`. */
  answer(event: NostrEvent): Promise<HostAnswer>
  /** A fresh invite (kind 28935) for whoever proved one of these keys: for `RelayHost.invite`. */
  invite(pubkeys: readonly string[]): Promise<NostrEvent | undefined>

  addMembers(pubkeys: readonly string[], by: Actor): Promise<AccountOutcome<readonly string[]>>
  removeMembers(pubkeys: readonly string[], by: Actor): Promise<AccountOutcome<readonly string[]>>
  listMembers(page?: {
    readonly afterPubkey?: string
    readonly limit?: number
  }): Promise<readonly CommunityMember[]>
  countMembers(): Promise<number>

  createInvite(invite: NewInvite, by: Actor): Promise<AccountOutcome<Invite>>
  revokeInvite(code: string, by: Actor): Promise<AccountOutcome<void>>
  listInvites(limit?: number): Promise<readonly Invite[]>

  putRole(role: CommunityRole, by: Actor): Promise<AccountOutcome<void>>
  removeRole(roleId: string, by: Actor): Promise<AccountOutcome<void>>
  assignRole(assignment: RoleAssignment, by: Actor): Promise<AccountOutcome<void>>
  unassignRole(assignment: RoleAssignment, by: Actor): Promise<AccountOutcome<void>>
  listRoles(): Promise<readonly CommunityRole[]>

  /** Publishes what is waiting now; throws what kept it from that. */
  flush(): Promise<void>
  /** Has what differs between the relay's store and the tables published, and publishes from here on. */
  start(): Promise<void>
  stop(): Promise<void>
}

export interface MembershipDeps extends Pick<AnnouncerDeps, 'publish' | 'find'> {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  readonly relaySigner: Signer
  readonly audit: Pick<AuditLog, 'record'>
  readonly levels: Pick<Levels, 'changed'>
  readonly settings: () => MembershipSettings
  readonly logger: Logger
}

export function createMembership(deps: MembershipDeps): Membership {
  const { db, relaySigner } = deps
  const announcer = createAnnouncer(deps)
  const context = { ...deps, announcer }
  return {
    answer: (event) => answerRequest(context, event),
    invite: (pubkeys) => freshInvite(context, relaySigner, pubkeys),
    addMembers: (pubkeys, by) => addMembers(context, pubkeys, by),
    removeMembers: (pubkeys, by) => removeMembers(context, pubkeys, by),
    listMembers: (page) => listMembers(db, page),
    countMembers: () => countMembers(db),
    createInvite: (invite, by) => createInvite(context, invite, by),
    revokeInvite: (code, by) => revokeInvite(context, code, by),
    listInvites: (limit) => listInvites(db, limit),
    putRole: (role, by) => putRole(context, role, by),
    removeRole: (roleId, by) => removeRole(context, roleId, by),
    assignRole: (assignment, by) => assignRole(context, assignment, by),
    unassignRole: (assignment, by) => unassignRole(context, assignment, by),
    listRoles: () => listRoles(db),
    flush: () => announcer.flush(),
    start: () => announcer.start(),
    stop: () => announcer.stop(),
  }
}
