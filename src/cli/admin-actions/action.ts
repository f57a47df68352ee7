/** What an action of `stoa admin` is, and what actions are made of: arguments, options, requests. */
import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import { readEventIdText, readPubkeyText } from '../../nostr/index.ts'
import type { AdminRequest } from '../admin-client.ts'

export interface AdminAction {
  readonly group: string
  /** Empty when the group is the action. */
  readonly name: string
  readonly says: string
  readonly args: readonly AdminArgument[]
  readonly options: readonly AdminOption[]
  /** Done when the group is named alone. */
  readonly isDefault: boolean
  readonly request: (args: readonly string[], options: AdminOptions) => AdminRequest
  /** Asked about an answer that is no refusal: was it done? Absent: it was. */
  readonly isDone?: (json: unknown) => boolean
  /** Said before it is asked; undefined: nothing. */
  readonly before?: (request: AdminRequest, options: AdminOptions) => string | undefined
  /** Where asking again is not harmless: how one learns what became of it when no answer came. */
  readonly whenUnanswered?: (request: AdminRequest) => string
}

export interface AdminArgument {
  readonly name: string
  /** Brings a typed text into the form that is sent; the refusal stands behind the name. */
  readonly read: (text: string) => Outcome<string, string>
}

export interface AdminOption {
  readonly flags: string
  readonly says: string
  /** Absent: the text is sent as it was typed. */
  readonly read?: AdminArgument['read']
}

/** What was typed, already of the right form. */
export interface AdminOptions {
  readonly nowSeconds: number
  text(name: string): string | undefined
  has(name: string): boolean
}

export const anyText: AdminArgument['read'] = (text) =>
  text === '' ? refused('must not be empty') : accepted(text)

export const KEY: AdminArgument = { name: 'key', read: readPubkeyText }
export const EVENT: AdminArgument = { name: 'event', read: readEventIdText }
export const IP: AdminArgument = { name: 'ip', read: anyText }
export const KIND = wholeNumber('kind', 0, 65_535)
export const ROLE_ID: AdminArgument = { name: 'role', read: anyText }
export const ID: AdminArgument = { name: 'id', read: anyText }
export const LEVELS = ['anonymous', 'stranger', 'member', 'subscriber', 'trusted']
export const LEVEL: AdminArgument = {
  name: 'level',
  read: (text) => {
    const level = LEVELS.includes(text) ? String(LEVELS.indexOf(text)) : text
    return /^[0-4]$/.test(level) ? accepted(level) : refused(`must be 0 to 4 or one of ${LEVELS.join(', ')}`)
  },
}
export const STAFF_ROLE = oneOf('role', ['owner', 'operator', 'moderator', 'service'])

export const REASON: AdminOption = { flags: '--reason <text>', says: 'stands beside the entry' }
export const LIMIT: AdminOption = { flags: '--limit <number>', says: 'show at most so many' }
export const DAYS: AdminOption = { flags: '--days <number>', says: 'for so many days; without it, for good' }

export type Described = Pick<AdminAction, 'says' | 'request'> &
  Partial<Pick<AdminAction, 'args' | 'options' | 'isDefault' | 'isDone' | 'before' | 'whenUnanswered'>>

/** The actions of a group. */
export function group(name: string, actions: Readonly<Record<string, Described>>): readonly AdminAction[] {
  return Object.entries(actions).map(([action, described]) => ({
    args: [],
    options: [],
    isDefault: action === 'list' || action === 'show',
    ...described,
    group: name,
    name: action,
  }))
}

/** An action that is a word of its own. */
export function single(name: string, described: Described): AdminAction {
  return { args: [], options: [], isDefault: false, ...described, group: name, name: '' }
}

export const DAY_SECONDS = 86_400

export function get(path: string, query: Readonly<Record<string, string | undefined>> = {}): AdminRequest {
  const given = Object.entries(query).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  )
  return { path: given.length === 0 ? path : `${path}?${new URLSearchParams(given)}` }
}

export function change(one: object): AdminRequest {
  return { path: 'access/change', body: { changes: [one] } }
}

export function entriesOf(says: string, list: string, others: readonly string[]): Described {
  const choice: readonly AdminOption[] =
    others.length === 0 ? [] : [{ flags: '--list <name>', says: `${[list, ...others].join(', ')}` }]
  return {
    says,
    options: [
      ...choice,
      LIMIT,
      { flags: '--after <subject>', says: 'only behind this one', read: keyOrText },
    ],
    request: (_args, options) =>
      get('access/entries', {
        list: options.text('list') ?? list,
        limit: options.text('limit'),
        after: options.text('after'),
      }),
  }
}

export function kicking(says: string, argument: AdminArgument, member: string): Described {
  return {
    says: `close ${says}`,
    args: [argument],
    options: [{ flags: '--text <text>', says: 'what the client is told' }],
    request: ([value], options) => ({
      path: 'connections/close',
      body: { [member]: value, ...optional('text', options) },
    }),
  }
}

export function optional(name: string, options: AdminOptions): object {
  const value = options.text(name)
  return value === undefined ? {} : { [name]: value }
}

/** A number that was typed; what is none goes as it is, and is refused where it arrives. */
export function numberOf(options: AdminOptions, name: string, member = name): object {
  const value = options.text(name)
  if (value === undefined) return {}
  return { [member]: /^-?\d{1,15}$/.test(value) ? Number(value) : value }
}

/** What is no JSON goes as it is, and is refused where it arrives. */
export function parsedIfJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export function expiryOf(options: AdminOptions): object {
  const days = options.text('days')
  if (days === undefined) return {}
  const seconds = options.nowSeconds + Number(days) * DAY_SECONDS
  return { expiresAtSeconds: Number.isFinite(seconds) ? Math.round(seconds) : days }
}

export function wholeNumber(name: string, min: number, max: number): AdminArgument {
  return {
    name,
    read: (text) =>
      /^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max
        ? accepted(text)
        : refused(`must be a whole number from ${min} to ${max}`),
  }
}

export function oneOf(name: string, words: readonly string[]): AdminArgument {
  return {
    name,
    read: (text) => (words.includes(text) ? accepted(text) : refused(`must be one of ${words.join(', ')}`)),
  }
}

/** The audit log knows people by their keys in hex, and other things by their names. */
export function keyOrText(text: string): Outcome<string, string> {
  return /^(nostr:)?(npub|nprofile|nsec)1/i.test(text) ? readPubkeyText(text) : accepted(text)
}

/** A key, an event, or the SHA-256 of a file. */
export function readTarget(text: string): Outcome<string, string> {
  const key = readPubkeyText(text)
  if (key.ok) return key
  const event = readEventIdText(text)
  return event.ok ? event : refused('must be 64 hex characters, npub1… or note1…')
}
