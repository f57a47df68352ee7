/** Members, invites and roles of the community; staff; trusted authors; subscriptions; names. */
import Type from 'typebox'
import {
  DoneShape,
  exactly,
  InviteShape,
  listOf,
  MemberShape,
  NameShape,
  PubkeyText,
  ReasonText,
  RoleIdText,
  RoleShape,
  Seconds,
  StaffRoleWord,
  StaffShape,
  SubscriptionShape,
  TrustedShape,
} from '../schemas.ts'
import { changing, done, listed, type Operation, showing } from './operation.ts'

const Keys = exactly({ pubkeys: Type.Array(PubkeyText, { minItems: 1, maxItems: 500 }) })
const Assignment = exactly({ pubkey: PubkeyText, roleId: RoleIdText })
const Grant = exactly({ pubkey: PubkeyText, role: StaffRoleWord })
const OneKey = exactly({ pubkey: PubkeyText })
const Nothing = exactly({})

const MEMBERS: readonly Operation[] = [
  showing({
    path: 'members',
    says: 'Members of the community (NIP-43), in the order of their keys.',
    need: 'moderate',
    desk: 'membership',
    input: exactly({
      afterPubkey: Type.Optional(PubkeyText),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
    }),
    output: listOf(MemberShape),
    run: (desk, page) => listed(desk.listMembers(page)),
  }),
  changing({
    path: 'members/add',
    says: 'Makes keys members; answers with those that were none.',
    need: 'operate',
    desk: 'membership',
    input: Keys,
    output: listOf(PubkeyText),
    run: (desk, { pubkeys }, by) => desk.addMembers(pubkeys, by),
  }),
  changing({
    path: 'members/remove',
    says: 'Ends memberships; answers with the keys that had one.',
    need: 'operate',
    desk: 'membership',
    input: Keys,
    output: listOf(PubkeyText),
    run: (desk, { pubkeys }, by) => desk.removeMembers(pubkeys, by),
  }),
  showing({
    path: 'invites',
    says: 'Invites, with their codes.',
    need: 'operate',
    desk: 'membership',
    input: exactly({ limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })) }),
    output: listOf(InviteShape),
    run: (desk, { limit }) => listed(desk.listInvites(limit)),
  }),
  changing({
    path: 'invites/create',
    says: 'Makes an invite; without a code one is made up.',
    need: 'operate',
    desk: 'membership',
    input: exactly({
      code: Type.Optional(Type.String({ minLength: 8, maxLength: 256 })),
      maxUses: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
      expiresAtSeconds: Type.Optional(Seconds),
    }),
    output: InviteShape,
    run: (desk, invite, by) => desk.createInvite(invite, by),
  }),
  changing({
    path: 'invites/revoke',
    says: 'Makes an invite worthless; whoever joined with it stays.',
    need: 'operate',
    desk: 'membership',
    input: exactly({ code: Type.String({ minLength: 1, maxLength: 256 }) }),
    output: DoneShape,
    run: (desk, { code }, by) => done(desk.revokeInvite(code, by)),
  }),
]

const COMMUNITY_ROLES: readonly Operation[] = [
  showing({
    path: 'roles',
    says: 'Roles that members can have (NIP-43). They say something about people and give no rights.',
    need: 'moderate',
    desk: 'membership',
    input: Nothing,
    output: listOf(RoleShape),
    run: (desk) => listed(desk.listRoles()),
  }),
  changing({
    path: 'roles/put',
    says: 'Makes a role, or changes the one with this id.',
    need: 'operate',
    desk: 'membership',
    input: RoleShape,
    output: DoneShape,
    run: (desk, role, by) => done(desk.putRole(role, by)),
  }),
  changing({
    path: 'roles/remove',
    says: 'Removes a role, from all who have it.',
    need: 'operate',
    desk: 'membership',
    input: exactly({ id: RoleIdText }),
    output: DoneShape,
    run: (desk, { id }, by) => done(desk.removeRole(id, by)),
  }),
  changing({
    path: 'roles/assign',
    says: 'Gives a member a role.',
    need: 'operate',
    desk: 'membership',
    input: Assignment,
    output: DoneShape,
    run: (desk, assignment, by) => done(desk.assignRole(assignment, by)),
  }),
  changing({
    path: 'roles/unassign',
    says: 'Takes a role from a member.',
    need: 'operate',
    desk: 'membership',
    input: Assignment,
    output: DoneShape,
    run: (desk, assignment, by) => done(desk.unassignRole(assignment, by)),
  }),
]

const STAFF: readonly Operation[] = [
  showing({
    path: 'staff',
    says: 'Who has power here.',
    need: 'operate',
    desk: 'staff',
    input: Nothing,
    output: listOf(StaffShape),
    run: (desk) => listed(desk.listStaff()),
  }),
  changing({
    path: 'staff/grant',
    says: 'Gives a key a role. Owners may give all of them, operators only `moderator` and `service`.',
    need: 'operate',
    desk: 'staff',
    input: Grant,
    output: DoneShape,
    run: (desk, grant, by) => done(desk.grantRole(grant, by)),
  }),
  changing({
    path: 'staff/revoke',
    says: 'Takes a role from a key.',
    need: 'operate',
    desk: 'staff',
    input: Grant,
    output: DoneShape,
    run: (desk, grant, by) => done(desk.revokeRole(grant, by)),
  }),
]

const STANDING: readonly Operation[] = [
  showing({
    path: 'trusted',
    says: 'Trusted authors: level 4.',
    need: 'operate',
    desk: 'trusted',
    input: Nothing,
    output: listOf(TrustedShape),
    run: (desk) => listed(desk.list()),
  }),
  changing({
    path: 'trusted/add',
    says: 'Trusts an author.',
    need: 'operate',
    desk: 'trusted',
    input: exactly({ pubkey: PubkeyText, reason: ReasonText }),
    output: DoneShape,
    run: (desk, author, by) => done(desk.add(author, by)),
  }),
  changing({
    path: 'trusted/remove',
    says: 'Trusts an author no longer.',
    need: 'operate',
    desk: 'trusted',
    input: OneKey,
    output: DoneShape,
    run: (desk, { pubkey }, by) => done(desk.remove(pubkey, by)),
  }),
  showing({
    path: 'subscriptions',
    says: 'Subscribers, level 3, the next to end first.',
    need: 'operate',
    desk: 'subscriptions',
    input: exactly({ limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })) }),
    output: listOf(SubscriptionShape),
    run: (desk, { limit }) => listed(desk.list(limit)),
  }),
  changing({
    path: 'subscriptions/set',
    says: 'Sets when a subscription ends; a time in the past ends it.',
    need: 'operate',
    desk: 'subscriptions',
    input: SubscriptionShape,
    output: DoneShape,
    run: (desk, subscription, by) => done(desk.set(subscription, by)),
  }),
]

const NAMES: readonly Operation[] = [
  showing({
    path: 'names',
    says: 'Names under the domain of the relay (NIP-05), 1,000 at a time.',
    need: 'operate',
    desk: 'names',
    input: exactly({ afterName: Type.Optional(Type.String({ maxLength: 64 })) }),
    output: listOf(NameShape),
    run: (desk, { afterName }) => listed(desk.list(afterName)),
  }),
  changing({
    path: 'names/set',
    says: 'Gives a name, or changes what it stands for.',
    need: 'operate',
    desk: 'names',
    input: NameShape,
    output: DoneShape,
    run: (desk, person, by) => done(desk.set(person, by)),
  }),
  changing({
    path: 'names/remove',
    says: 'Takes a name away.',
    need: 'operate',
    desk: 'names',
    input: exactly({ name: Type.String({ minLength: 1, maxLength: 64 }) }),
    output: DoneShape,
    run: (desk, { name }, by) => done(desk.remove(name, by)),
  }),
]

export const PEOPLE_OPERATIONS: readonly Operation[] = [
  ...MEMBERS,
  ...COMMUNITY_ROLES,
  ...STAFF,
  ...STANDING,
  ...NAMES,
]
