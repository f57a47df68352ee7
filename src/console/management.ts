/** The relay management API (NIP-86): its methods over the same desks as everything else. */
import { accepted, type Outcome, type Refusal, refused } from '../kernel/index.ts'
import {
  isChangingMethod,
  MANAGEMENT_METHODS,
  type ManagementCall,
  type ManagementMethod,
} from '../nostr/index.ts'
import type { AccessChange } from '../relay/index.ts'
import { judgedBy, needOfChanges } from './operations/index.ts'
import type { Actor, Desks, MembershipDesk, Operator } from './operator.ts'
import { UNAVAILABLE } from './refusals.ts'
import type { Need } from './rights.ts'

/** What a call takes before it is carried out. */
export interface CallRights {
  readonly need: Need
  readonly judged: readonly string[]
  readonly isChange: boolean
}

type Result = Outcome<unknown, Refusal>

/** At most so many of a list go into one answer; the dashboard has pages. */
const MAX_LISTED = 10_000
/** Of the queue and of the reports. */
const MAX_NEEDING_MODERATION = 500

const DESK_OF: Readonly<Record<ManagementMethod, keyof Desks | undefined>> = {
  supportedmethods: undefined,
  banpubkey: 'moderation',
  unbanpubkey: 'moderation',
  listbannedpubkeys: 'moderation',
  allowpubkey: 'moderation',
  unallowpubkey: 'moderation',
  listallowedpubkeys: 'moderation',
  createrole: 'membership',
  editrole: 'membership',
  deleterole: 'membership',
  assignrole: 'membership',
  unassignrole: 'membership',
  listeventsneedingmoderation: 'moderation',
  allowevent: 'moderation',
  banevent: 'moderation',
  listbannedevents: 'moderation',
  changerelayname: 'moderation',
  changerelaydescription: 'moderation',
  changerelayicon: 'moderation',
  allowkind: 'moderation',
  disallowkind: 'moderation',
  listallowedkinds: 'moderation',
  blockip: 'moderation',
  unblockip: 'moderation',
  listblockedips: 'moderation',
}

/** Methods for moderators that make no change of an access list; what the others need follows from their change. */
const MODERATORS_METHODS: ReadonlySet<ManagementMethod> = new Set([
  'supportedmethods',
  'listbannedpubkeys',
  'listbannedevents',
  'listeventsneedingmoderation',
  'allowevent',
])

/** The methods that can be carried out now. */
export function supportedMethods(operator: Operator): readonly ManagementMethod[] {
  return MANAGEMENT_METHODS.filter((method) => {
    const desk = DESK_OF[method]
    return desk === undefined || operator[desk]() !== undefined
  })
}

export function rightsFor(call: ManagementCall): CallRights {
  const isChange = isChangingMethod(call.method)
  const change = accessChangeOf(call)
  if (change !== undefined) return { need: needOfChanges([change]), judged: judgedBy([change]), isChange }
  return { need: MODERATORS_METHODS.has(call.method) ? 'moderate' : 'operate', judged: [], isChange }
}

/** Carries out a call by somebody who may. */
export async function carryOutCall(operator: Operator, call: ManagementCall, by: Actor): Promise<Result> {
  if (call.method === 'supportedmethods') return accepted(supportedMethods(operator))
  const change = accessChangeOf(call)
  const desk = operator.moderation()
  if (change !== undefined)
    return desk === undefined ? refused(UNAVAILABLE) : isDone(desk.change([change], { by }))
  return (await carryOutList(operator, call, by)) ?? carryOutRole(operator, call, by)
}

/** The call as a change of the access lists; undefined when it is something else. */
function accessChangeOf({ method, params }: ManagementCall): AccessChange | undefined {
  switch (method) {
    case 'banpubkey':
      return { do: 'ban-pubkey', pubkey: params.pubkey, reason: params.reason }
    case 'unbanpubkey':
      return { do: 'unban-pubkey', pubkey: params.pubkey }
    case 'allowpubkey':
      return { do: 'allow-pubkey', pubkey: params.pubkey, reason: params.reason }
    case 'unallowpubkey':
      return { do: 'unallow-pubkey', pubkey: params.pubkey }
    case 'banevent':
      return { do: 'ban-event', id: params.eventId, reason: params.reason }
    case 'changerelayname':
      return { do: 'set-information', name: params.name }
    case 'changerelaydescription':
      return { do: 'set-information', description: params.description }
    case 'changerelayicon':
      return { do: 'set-information', icon: params.iconUrl }
    case 'allowkind':
      return { do: 'allow-kind', kind: params.kind }
    case 'disallowkind':
      return { do: 'disallow-kind', kind: params.kind }
    case 'blockip':
      return { do: 'block-ip', ip: params.ip, reason: params.reason }
    case 'unblockip':
      return { do: 'unblock-ip', ip: params.ip }
    default:
      return undefined
  }
}

/** Undefined when the call is none of these. */
async function carryOutList(
  operator: Operator,
  call: ManagementCall,
  by: Actor,
): Promise<Result | undefined> {
  const desk = operator.moderation()
  if (desk === undefined) return DESK_OF[call.method] === 'moderation' ? refused(UNAVAILABLE) : undefined
  switch (call.method) {
    case 'listbannedpubkeys':
      return accepted(reasonsOf(desk.lists().bannedPubkeys, 'pubkey'))
    case 'listallowedpubkeys':
      return accepted(reasonsOf(desk.lists().allowedPubkeys, 'pubkey'))
    case 'listbannedevents':
      return accepted(reasonsOf(desk.lists().bannedEvents, 'id'))
    case 'listblockedips':
      return accepted(reasonsOf(desk.lists().blockedIps, 'ip'))
    case 'listallowedkinds':
      return accepted(desk.lists().allowedKinds)
    case 'listeventsneedingmoderation':
      return listNeedingModeration(desk)
    case 'allowevent':
      return isDone(desk.allowEvent(call.params.eventId, by))
    default:
      return undefined
  }
}

function reasonsOf(list: Readonly<Record<string, string>>, name: string): readonly object[] {
  return Object.entries(list)
    .slice(0, MAX_LISTED)
    .map(([subject, reason]) => ({ [name]: subject, reason }))
}

/** Events that a rule held back, and those that people complain of. */
async function listNeedingModeration(desk: Desks['moderation']): Promise<Result> {
  const held = await desk.held.list({ limit: MAX_NEEDING_MODERATION })
  if (!held.ok) return held
  const reported = await desk.reports.list({ limit: MAX_NEEDING_MODERATION })
  if (!reported.ok) return reported
  const reasons = new Map(held.value.map(({ event, why }) => [event.id, why]))
  for (const { subject, target, types, reporters } of reported.value) {
    if (subject === 'event') reasons.set(target, `reported by ${reporters}: ${types.join(', ')}`)
  }
  return accepted(Array.from(reasons, ([id, reason]) => ({ id, reason })))
}

async function carryOutRole(operator: Operator, call: ManagementCall, by: Actor): Promise<Result> {
  const desk = operator.membership()
  if (desk === undefined) return refused(UNAVAILABLE)
  switch (call.method) {
    case 'createrole':
    case 'editrole': {
      const isThere = (await desk.listRoles()).some(({ id }) => id === call.params.id)
      if (isThere === (call.method === 'createrole')) {
        return refused(
          isThere
            ? { code: 'NAME_TAKEN', text: 'there is a role with this id already; editrole changes it' }
            : { code: 'NOT_FOUND', text: 'there is no role with this id; createrole makes one' },
        )
      }
      return isDone(desk.putRole(call.params, by))
    }
    case 'deleterole':
      return isDone(desk.removeRole(call.params.id, by))
    case 'assignrole':
      return isDone(giveRole(desk, { pubkey: call.params.pubkey, roleId: call.params.id }, by))
    case 'unassignrole':
      return isDone(desk.unassignRole({ pubkey: call.params.pubkey, roleId: call.params.id }, by))
    default:
      return refused({ code: 'NOT_FOUND', text: `${call.method} is not carried out here` })
  }
}

/** Roles are those of members, and NIP-86 has no other word for making one: whoever is given a role becomes a member. */
async function giveRole(
  desk: MembershipDesk,
  assignment: { readonly pubkey: string; readonly roleId: string },
  by: Actor,
): Promise<Result> {
  const added = await desk.addMembers([assignment.pubkey], by)
  return added.ok ? desk.assignRole(assignment, by) : added
}

/** NIP-86 answers a change by `true`. */
async function isDone(answer: Promise<Result>): Promise<Result> {
  const outcome = await answer
  return outcome.ok ? accepted(true) : outcome
}
