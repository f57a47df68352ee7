/** What clients ask of the relay by events (NIP-43): to join, to leave, to be given an invite. */
import {
  finalizeEvent,
  invite as inviteTemplate,
  type NostrEvent,
  parseMembershipRequest,
  reason,
} from '../../nostr/index.ts'
import type { Signer } from '../../signer/index.ts'
import { rolesOfKeys } from '../staff-roles.ts'
import { changeMembership, type MembershipContext } from './context.ts'
import { countOpenInvites, insertInvite, randomCode, useInvite } from './invites.ts'
import { countMembers, deleteMembers, insertMembers, isMember, tellOf } from './members.ts'

/** An answer to an EVENT, with its prefix (NIP-01). Of the shape that the relay asks for. */
export interface HostAnswer {
  readonly isAccepted: boolean
  readonly text: string
}

/** Invites of one person that are good at the same time, of those they asked the relay for. */
const MAX_OPEN_INVITES = 20

const WELCOME: HostAnswer = { isAccepted: true, text: 'info: welcome' }
const ALREADY_MEMBER: HostAnswer = { isAccepted: true, text: reason('duplicate', 'you are a member already') }
/** Unknown, revoked, expired and used up are answered alike, so that trying codes teaches nothing. */
const BAD_CODE: HostAnswer = {
  isAccepted: false,
  text: reason('restricted', 'this invite code is not valid, or not any more'),
}
const FULL: HostAnswer = {
  isAccepted: false,
  text: reason('restricted', 'no more members are taken at present'),
}
const GOODBYE: HostAnswer = { isAccepted: true, text: 'info: you are no member any more' }
const NO_MEMBER: HostAnswer = { isAccepted: true, text: reason('duplicate', 'you are no member') }

/** Answers a join or leave request whose signature was checked. When it is answered the relay has been told. */
export async function answerRequest(context: MembershipContext, event: NostrEvent): Promise<HostAnswer> {
  const request = parseMembershipRequest(event, { nowSeconds: context.clock.nowSeconds() })
  if (!request.ok) return { isAccepted: false, text: reason('invalid', request.refusal) }
  const { pubkey } = request.value
  const answer =
    request.value.type === 'join'
      ? await join(context, pubkey, request.value.claim)
      : await leave(context, pubkey)
  if (answer === WELCOME || answer === GOODBYE) await tellOf(context, [pubkey])
  return answer
}

function join({ db, clock, settings }: MembershipContext, pubkey: string, code: string): Promise<HostAnswer> {
  const { maxMembers, announceMembers } = settings()
  return changeMembership(db, async (tx) => {
    if (await isMember(tx, pubkey)) return ALREADY_MEMBER
    if ((await countMembers(tx)) >= maxMembers) return FULL
    const nowSeconds = clock.nowSeconds()
    const used = await useInvite(tx, code, nowSeconds)
    if (used === undefined) return BAD_CODE
    const member = { pubkey, invitedBy: used.madeBy, inviteCode: code }
    await insertMembers(tx, { nowSeconds, announceMembers }, [member])
    return WELCOME
  })
}

function leave({ db, clock, settings }: MembershipContext, pubkey: string): Promise<HostAnswer> {
  const { announceMembers } = settings()
  return changeMembership(db, async (tx) => {
    const gone = await deleteMembers(tx, { nowSeconds: clock.nowSeconds(), announceMembers }, [pubkey])
    return gone.length > 0 ? GOODBYE : NO_MEMBER
  })
}

/**
 * A fresh invite, good once, for somebody who proved these keys; undefined when none of them may invite, or when they
 * have as many as they may have.
 */
export async function freshInvite(
  { db, clock, settings }: MembershipContext,
  relaySigner: Signer,
  pubkeys: readonly string[],
): Promise<NostrEvent | undefined> {
  const { invitesBy, inviteDays } = settings()
  const maker = await whoMayInvite(db, invitesBy, pubkeys)
  if (maker === undefined) return undefined
  const nowSeconds = clock.nowSeconds()
  const code = randomCode()
  const isMade = await changeMembership(db, async (tx) => {
    if ((await countOpenInvites(tx, maker, nowSeconds)) >= MAX_OPEN_INVITES) return false
    const expiresAtSeconds = nowSeconds + inviteDays * 86_400
    return insertInvite(tx, { code, madeBy: maker, madeAtSeconds: nowSeconds, maxUses: 1, expiresAtSeconds })
  })
  return isMade ? finalizeEvent(inviteTemplate(code, nowSeconds), relaySigner) : undefined
}

async function whoMayInvite(
  db: MembershipContext['db'],
  invitesBy: 'members' | 'staff' | 'nobody',
  pubkeys: readonly string[],
): Promise<string | undefined> {
  if (invitesBy === 'nobody') return undefined
  for (const pubkey of pubkeys) {
    const roles = await rolesOfKeys(db, [pubkey])
    const isEnough = roles.some(
      (role) => role !== 'service' && (role !== 'member' || invitesBy === 'members'),
    )
    if (isEnough) return pubkey
  }
  return undefined
}
