/**
 * The words that programs outside of this one are asked with and answer in: strfry's plugin protocol, one JSON object
 * for each event. The HTTP hook speaks the same, so that one program can serve both.
 */
import { isIPv6 } from 'node:net'
import { type NostrEvent, REASON_PREFIXES, reason } from '../../nostr/index.ts'
import type { Fallback } from '../settings.ts'
import type { Verdict, WriteContext } from './policy.ts'
import { PRETEND, refuse } from './verdicts.ts'

/** Characters of a message that go to the client. */
const MAX_MESSAGE_CHARACTERS = 300

/** The question, as one line of JSON without its line break. */
export function outsideQuestion(
  event: NostrEvent,
  { origin, address, pubkeys, nowSeconds }: WriteContext,
): string {
  const [authed] = pubkeys
  return JSON.stringify({
    type: 'new',
    event,
    receivedAt: nowSeconds,
    sourceType: SOURCE_TYPES[origin] ?? (isIPv6(address.split('/')[0] ?? '') ? 'IP6' : 'IP4'),
    sourceInfo: address,
    ...(authed !== undefined && { authed }),
  })
}

const SOURCE_TYPES: Readonly<Partial<Record<WriteContext['origin'], string>>> = {
  mirror: 'Stream',
  sync: 'Sync',
  import: 'Import',
}

/** What a program outside may answer; `hold` is ours. */
export interface OutsideAnswer {
  readonly id: string
  readonly action: 'accept' | 'reject' | 'shadowReject' | 'hold'
  readonly msg: string
}

/** Reads an answer; undefined when it is none. */
export function parseOutsideAnswer(text: string): OutsideAnswer | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || !('id' in value) || !('action' in value))
    return undefined
  const { id, action } = value
  if (typeof id !== 'string' || !isAction(action)) return undefined
  const msg = 'msg' in value && typeof value.msg === 'string' ? value.msg : ''
  return { id, action, msg: msg.slice(0, MAX_MESSAGE_CHARACTERS) }
}

function isAction(value: unknown): value is OutsideAnswer['action'] {
  return value === 'accept' || value === 'reject' || value === 'shadowReject' || value === 'hold'
}

export function verdictOfAnswer({ action, msg }: OutsideAnswer): Verdict {
  switch (action) {
    case 'accept':
      return undefined
    case 'shadowReject':
      return PRETEND
    case 'hold':
      return { do: 'hold', why: msg }
    case 'reject':
      return { do: 'refuse', text: withPrefix(msg) }
  }
}

/** A text from outside keeps a standard prefix when it has one, and is `blocked` otherwise. */
function withPrefix(message: string): string {
  const [, prefix = ''] = /^([a-z-]+): ./.exec(message) ?? []
  if (Object.hasOwn(REASON_PREFIXES, prefix)) return message
  return reason('blocked', message === '' ? 'not taken by the policy of this relay' : message)
}

/** What happens to events while the program outside does not answer. */
export function verdictWithout(whenUnavailable: Fallback): Verdict {
  return whenUnavailable === 'accept' ? undefined : UNAVAILABLE
}

const UNAVAILABLE = refuse('error', 'the policy of this relay cannot be asked at the moment, try again later')
