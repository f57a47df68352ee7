/**
 * The relay management API (NIP-86): what can be called, and with what. One table makes the parser, the types
 * and the answer to `supportedmethods`.
 */
import { isIP } from 'node:net'
import { accepted, type Outcome, refused } from '../kernel/index.ts'
import { isHex64 } from './hex.ts'
import { isJsonObject } from './json-object.ts'
import { MAX_KIND } from './kinds.ts'

export const MANAGEMENT_MEDIA_TYPE = 'application/nostr+json+rpc'

/** Is this the `Content-Type` of a management call, with or without parameters? */
export function isManagementRequest(contentType: string | undefined): boolean {
  const [mediaType = ''] = (contentType ?? '').split(';', 1)
  return mediaType.trim().toLowerCase() === MANAGEMENT_MEDIA_TYPE
}

/** One parameter. `read` refuses with a text that says what it must be, to stand after its name. */
interface Param<T> {
  readonly read: (value: unknown) => Outcome<T, string>
  readonly isOptional: boolean
}

interface Method {
  /** In the order of the array that is sent. */
  readonly params: Readonly<Record<string, Param<unknown>>>
  /** Whether it changes anything: then it goes into the audit log, and its authorization is good only once. */
  readonly isChange: boolean
}

const PUBKEY = required(readPubkey)
const EVENT_ID = required(readEventId)
const KIND = required((value) => readInteger(value, { min: 0, max: MAX_KIND }))
const IP = required(readIp)
const REASON = optional(text({ min: 0, max: 1000 }), '')
const ROLE_ID = required(text({ min: 1, max: 64 }))
const ROLE = {
  id: ROLE_ID,
  label: required(text({ min: 1, max: 100 })),
  description: optional(text({ min: 0, max: 1000 }), undefined),
  color: optional((value) => readWrittenInteger(value, { min: 0, max: 360 }), undefined),
  order: optional((value) => readWrittenInteger(value, { min: -1_000_000, max: 1_000_000 }), undefined),
}

/** Every method of NIP-86, with its parameters under the names by which `ManagementCall` has them. */
const METHODS = {
  supportedmethods: reading(),

  banpubkey: changing({ pubkey: PUBKEY, reason: REASON }),
  unbanpubkey: changing({ pubkey: PUBKEY, reason: REASON }),
  listbannedpubkeys: reading(),
  allowpubkey: changing({ pubkey: PUBKEY, reason: REASON }),
  unallowpubkey: changing({ pubkey: PUBKEY, reason: REASON }),
  listallowedpubkeys: reading(),

  createrole: changing(ROLE),
  editrole: changing(ROLE),
  deleterole: changing({ id: ROLE_ID }),
  assignrole: changing({ pubkey: PUBKEY, id: ROLE_ID }),
  unassignrole: changing({ pubkey: PUBKEY, id: ROLE_ID }),

  listeventsneedingmoderation: reading(),
  allowevent: changing({ eventId: EVENT_ID, reason: REASON }),
  banevent: changing({ eventId: EVENT_ID, reason: REASON }),
  listbannedevents: reading(),

  changerelayname: changing({ name: required(text({ min: 1, max: 100 })) }),
  changerelaydescription: changing({ description: required(text({ min: 0, max: 10_000 })) }),
  changerelayicon: changing({ iconUrl: required(readWebUrl) }),

  allowkind: changing({ kind: KIND }),
  disallowkind: changing({ kind: KIND }),
  listallowedkinds: reading(),

  blockip: changing({ ip: IP, reason: REASON }),
  unblockip: changing({ ip: IP }),
  listblockedips: reading(),
} as const satisfies Readonly<Record<string, Method>>

type Methods = typeof METHODS

export type ManagementMethod = keyof Methods

type ParamsOf<M extends ManagementMethod> = {
  readonly [P in keyof Methods[M]['params']]: Methods[M]['params'][P] extends Param<infer T> ? T : never
}

/** A call whose parameters are what they must be: `{ method: 'banpubkey', params: { pubkey, reason } }`. */
export type ManagementCall = {
  readonly [M in ManagementMethod]: { readonly method: M; readonly params: ParamsOf<M> }
}[ManagementMethod]

/** All methods, in the order of the NIP. A relay answers `supportedmethods` with those of them that it carries out. */
export const MANAGEMENT_METHODS: readonly ManagementMethod[] = Object.keys(METHODS).filter(isMethod)

/** Does this method change anything? Lists do not. */
export function isChangingMethod(method: ManagementMethod): boolean {
  return METHODS[method].isChange
}

/**
 * Reads the body of a management call, as `JSON.parse` made it. The refusal is a text for the `error` of the answer;
 * it repeats no value but the name of the method.
 */
export function parseManagementCall(body: unknown): Outcome<ManagementCall, string> {
  if (!isJsonObject(body)) return refused('the body must be a JSON object with method and params')
  const { method, params = [] } = body
  if (typeof method !== 'string') return refused('method must be a string')
  if (!isMethod(method)) {
    return refused(`there is no method ${JSON.stringify(method.slice(0, 40))}; supportedmethods lists them`)
  }
  if (!Array.isArray(params)) return refused('params must be an array')
  const read = readParams(method, params)
  // What was read is what the table says of this method, which the compiler cannot follow through the loop.
  return read.ok ? accepted({ method, params: read.value } as ManagementCall) : read
}

function readParams(
  method: ManagementMethod,
  values: readonly unknown[],
): Outcome<Readonly<Record<string, unknown>>, string> {
  const params: readonly (readonly [string, Param<unknown>])[] = Object.entries(METHODS[method].params)
  if (values.length > params.length) {
    return refused(`${method} takes ${countOf(params.length)}, not ${values.length}`)
  }
  const read: Record<string, unknown> = {}
  for (const [index, [name, param]] of params.entries()) {
    const value = values[index]
    if (!param.isOptional && value === undefined) {
      return refused(`${method} needs ${name} as parameter ${index + 1}`)
    }
    const outcome = param.read(value)
    if (!outcome.ok) return refused(`${name} ${outcome.refusal}`)
    read[name] = outcome.value
  }
  return accepted(read)
}

function countOf(params: number): string {
  if (params === 0) return 'no parameters'
  return params === 1 ? 'one parameter' : `at most ${params} parameters`
}

function isMethod(name: string): name is ManagementMethod {
  return Object.hasOwn(METHODS, name)
}

function reading(): { readonly params: Readonly<Record<never, never>>; readonly isChange: boolean } {
  return { params: {}, isChange: false }
}

function changing<P extends Method['params']>(params: P): { readonly params: P; readonly isChange: boolean } {
  return { params, isChange: true }
}

function required<T>(read: (value: unknown) => Outcome<T, string>): Param<T> {
  return { read, isOptional: false }
}

/** May be left out, or be null, which is how some clients leave out what stands before something else. */
function optional<T, D>(read: (value: unknown) => Outcome<T, string>, instead: D): Param<T | D> {
  return {
    read: (value) => (value === undefined || value === null ? accepted(instead) : read(value)),
    isOptional: true,
  }
}

function readPubkey(value: unknown): Outcome<string, string> {
  if (isHex64(value)) return accepted(value)
  if (isBech32(value, 'nsec')) {
    return refused('must be a public key, and this is a secret one: it is known now, so use it no longer')
  }
  if (isBech32(value, 'npub') || isBech32(value, 'nprofile')) {
    return refused('must be 64 lowercase hex characters, not an npub or nprofile: decode it first (NIP-19)')
  }
  return refused('must be 64 lowercase hex characters')
}

function readEventId(value: unknown): Outcome<string, string> {
  if (isHex64(value)) return accepted(value)
  if (isBech32(value, 'note') || isBech32(value, 'nevent')) {
    return refused('must be 64 lowercase hex characters, not a note or nevent: decode it first (NIP-19)')
  }
  return refused('must be 64 lowercase hex characters')
}

/** By its looks: what somebody pasted that belongs elsewhere. */
function isBech32(value: unknown, prefix: string): boolean {
  return (
    typeof value === 'string' &&
    value
      .toLowerCase()
      .replace(/^nostr:/, '')
      .startsWith(`${prefix}1`)
  )
}

interface Range {
  readonly min: number
  readonly max: number
}

function text({ min, max }: Range): (value: unknown) => Outcome<string, string> {
  return (value) =>
    typeof value === 'string' && value.isWellFormed() && value.length >= min && value.length <= max
      ? accepted(value)
      : refused(`must be a string of ${min} to ${max} characters`)
}

function readInteger(value: unknown, { min, max }: Range): Outcome<number, string> {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
    ? accepted(value + 0)
    : refused(`must be an integer from ${min} to ${max}`)
}

/** Also as text, in which NIP-43 writes the same values into tags. */
function readWrittenInteger(value: unknown, range: Range): Outcome<number, string> {
  const isWritten = typeof value === 'string' && /^-?[0-9]{1,7}$/.test(value)
  return readInteger(isWritten ? Number(value) : value, range)
}

/** A single address. `isIP` also takes a zone (`fe80::1%eth0`), which means something on one machine only. */
function readIp(value: unknown): Outcome<string, string> {
  return typeof value === 'string' && isIP(value) !== 0 && !value.includes('%')
    ? accepted(value.toLowerCase())
    : refused('must be an IPv4 or IPv6 address')
}

/** Empty takes the icon away. */
function readWebUrl(value: unknown): Outcome<string, string> {
  const parsed = typeof value === 'string' && value.length <= 2000 ? URL.parse(value) : null
  if (value === '') return accepted('')
  return parsed !== null && (parsed.protocol === 'https:' || parsed.protocol === 'http:')
    ? accepted(parsed.href)
    : refused('must be an http:// or https:// URL, or empty')
}
