/** What is kept and for how long, read once from the settings; the rest of this folder carries it out. */
import { AppError } from '../kernel/index.ts'
import { isHex64, KINDS, MAX_KIND, type NostrEvent, reason } from '../nostr/index.ts'
import type { EventHead } from './event-head.ts'

/** The section `retention` of the configuration. */
export interface RetentionSettings {
  /** Like `1: days=365`, `7: days=90 events=1000000`, `<key>: keep` and `*: eventsPerKey=10000`. */
  readonly rules: readonly string[]
  /** Kinds that nothing here ever removes: numbers, and ranges like `30000-39999`. */
  readonly keepKinds: readonly (number | string)[]
  /** 0 is no cap. */
  readonly maxDiskBytes: number
  readonly intervalSeconds: number
}

/** Both ends belong to it. */
export interface KindRange {
  readonly from: number
  readonly to: number
}

export interface RetentionRule {
  /** As the operator wrote it. */
  readonly text: string
  /** Absent for any kind. */
  readonly kinds?: KindRange
  /** Absent for any author. */
  readonly pubkey?: string
  /** `keep` lets everything stay, also when the disk is full. */
  readonly limits: 'keep' | RetentionLimits
}

/** An event goes when any of them says so. */
export interface RetentionLimits {
  readonly maxAgeSeconds?: number
  /** The newest so many of the events that the rule is for. */
  readonly maxEvents?: number
  /** The newest so many by each author among the events that the rule is for. */
  readonly maxEventsPerKey?: number
}

export interface RetentionRules {
  readonly keepKinds: readonly KindRange[]
  readonly rules: readonly RetentionRule[]
  /** 0 is no cap. */
  readonly maxDiskBytes: number
}

const SECONDS_PER_HOUR = 3600
const RULE = /^(\*|\d{1,5}(?:-\d{1,5})?|[0-9a-f]{64}): (keep|(?:days|hours|events|eventsPerKey)=\d.*)$/
const LIMIT = /^(days|hours|events|eventsPerKey)=([1-9]\d{0,11})$/

/** Reads the settings. Throws `CONFIG_INVALID` for a rule that cannot be meant. */
export function parseRetention(settings: RetentionSettings): RetentionRules {
  return {
    keepKinds: settings.keepKinds.map((range) => kindRange(String(range), 'retention.keepKinds')),
    rules: settings.rules.map(parseRule),
    maxDiskBytes: settings.maxDiskBytes,
  }
}

/** Is there anything that would ever be removed? */
export function removesAnything({ rules, maxDiskBytes }: RetentionRules): boolean {
  return maxDiskBytes > 0 || rules.some(({ limits }) => limits !== 'keep')
}

/**
 * The rule that an event falls under: the first one that is for its kind and its author, and no other. `keep` for kinds
 * that are never removed; undefined when no rule is for it.
 */
export function governingRule(
  { keepKinds, rules }: RetentionRules,
  event: Pick<EventHead, 'kind' | 'pubkey'>,
): RetentionRule | 'keep' | undefined {
  if (keepKinds.some((range) => isIn(range, event.kind))) return 'keep'
  const rule = rules.find((candidate) => isFor(candidate, event))
  return rule?.limits === 'keep' ? 'keep' : rule
}

/**
 * Has an event passed the age that its rule allows? For whoever lets events in: one that has would be removed by the
 * next pass. An age of n seconds is allowed, n + 1 is not.
 */
export function isBeyondAge(
  rules: RetentionRules,
  event: Pick<EventHead, 'kind' | 'pubkey' | 'createdAt'>,
  nowSeconds: number,
): boolean {
  const rule = governingRule(rules, event)
  if (rule === undefined || rule === 'keep' || rule.limits === 'keep') return false
  const { maxAgeSeconds = Number.POSITIVE_INFINITY } = rule.limits
  return nowSeconds - event.createdAt > maxAgeSeconds
}

/**
 * What to tell whoever brings an event that the next pass would remove for its age; undefined when it may come in. The
 * text has a prefix (NIP-01). Requests to vanish come in, however old: they are carried out first (NIP-62).
 */
export function ageRefusal(
  rules: RetentionRules,
  event: Pick<NostrEvent, 'kind' | 'pubkey' | 'created_at'>,
  nowSeconds: number,
): string | undefined {
  const { kind, pubkey, created_at: createdAt } = event
  if (kind === KINDS.VANISH || !isBeyondAge(rules, { kind, pubkey, createdAt }, nowSeconds)) return undefined
  const rule = governingRule(rules, event)
  const text = rule === undefined || rule === 'keep' ? '' : ` ("${rule.text}")`
  return reason('blocked', `the event is older than what this relay keeps${text}`)
}

/** Does any rule go by age? Without one, nobody has to be asked at the door. */
export function removesByAge({ rules }: RetentionRules): boolean {
  return rules.some(({ limits }) => limits !== 'keep' && limits.maxAgeSeconds !== undefined)
}

export function isIn({ from, to }: KindRange, kind: number): boolean {
  return kind >= from && kind <= to
}

function isFor({ kinds, pubkey }: RetentionRule, event: Pick<EventHead, 'kind' | 'pubkey'>): boolean {
  return (kinds === undefined || isIn(kinds, event.kind)) && (pubkey === undefined || pubkey === event.pubkey)
}

function parseRule(text: string): RetentionRule {
  const [, scope = '', what = ''] = RULE.exec(text) ?? []
  if (scope === '') throw malformed(text)
  const limits = what === 'keep' ? what : parseLimits(what, text)
  if (scope === '*') return { text, limits }
  if (isHex64(scope)) return { text, pubkey: scope, limits }
  return { text, kinds: kindRange(scope, `retention.rules: "${text}"`), limits }
}

function parseLimits(what: string, text: string): RetentionLimits {
  const found = new Map<string, number>()
  for (const word of what.split(' ')) {
    const [, name = '', number = ''] = LIMIT.exec(word) ?? []
    if (name === '' || found.has(name)) throw malformed(text)
    found.set(name, Number(number))
  }
  const [days, hours] = [found.get('days'), found.get('hours')]
  if (days !== undefined && hours !== undefined) throw malformed(text)
  const ageHours = hours ?? (days === undefined ? undefined : days * 24)
  const [events, eventsPerKey] = [found.get('events'), found.get('eventsPerKey')]
  return {
    ...(ageHours !== undefined && { maxAgeSeconds: ageHours * SECONDS_PER_HOUR }),
    ...(events !== undefined && { maxEvents: events }),
    ...(eventsPerKey !== undefined && { maxEventsPerKey: eventsPerKey }),
  }
}

function kindRange(text: string, where: string): KindRange {
  const [from = Number.NaN, to = from] = text.split('-').map(Number)
  if (from <= to && to <= MAX_KIND) return { from, to }
  throw new AppError(
    'CONFIG_INVALID',
    `${where}: ${text} is no kind and no range of kinds up to ${MAX_KIND}.`,
  )
}

function malformed(text: string): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `retention.rules: "${text}" is not like "1: days=365", "7: hours=12 events=100000", "30000-39999: eventsPerKey=500", ` +
      '"*: days=30" or "<public key in hex>: keep", each limit at most once, and days or hours.',
  )
}
