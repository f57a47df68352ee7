import { accepted, type Outcome, refused } from '../kernel/index.ts'
import type { NostrEvent } from './event.ts'
import { isHex64 } from './hex.ts'
import { KINDS } from './kinds.ts'

/** More than these in one report are no help to a moderator. */
export const MAX_REPORT_TARGETS = 100

/** The types of NIP-56. What a report calls otherwise is `other`. */
export const REPORT_TYPES = [
  'nudity',
  'malware',
  'profanity',
  'illegal',
  'spam',
  'impersonation',
  'other',
] as const

export type ReportType = (typeof REPORT_TYPES)[number]

/** What is complained of, and why. */
export type ReportTarget =
  | { readonly subject: 'person'; readonly pubkey: string; readonly type: ReportType }
  | { readonly subject: 'event'; readonly id: string; readonly type: ReportType }
  | { readonly subject: 'blob'; readonly sha256: string; readonly type: ReportType }

export interface Report {
  /** Public key of whoever complains. */
  readonly reporter: string
  /** Not empty, without repeats. */
  readonly targets: readonly ReportTarget[]
  /** The people in `p` tags, whether complained of or only named as authors; without repeats. */
  readonly people: readonly string[]
  /** What the reporter says about it; often empty. */
  readonly comment: string
}

/**
 * Reads a report (kind 1984, NIP-56). A tag is a target if it says of what type the complaint is. Some clients name no
 * type at all: then the events and blobs named are the targets, or the people when there are none, and
 * the type is `other`. Malformed tags are passed over.
 */
export function parseReport(event: NostrEvent): Outcome<Report, string> {
  if (event.kind !== KINDS.REPORT) return refused(`a report has kind ${KINDS.REPORT}, not ${event.kind}`)
  const named = event.tags.flatMap((tag) => targetOf(tag) ?? [])
  const targets = withoutRepeats(chooseTargets(named))
  if (targets.length === 0) return refused('a report needs a p, e or x tag with the type of the complaint')
  if (targets.length > MAX_REPORT_TARGETS) {
    return refused(`a report may have ${MAX_REPORT_TARGETS} targets, not ${targets.length}`)
  }
  const people = named.flatMap(({ target }) => (target.subject === 'person' ? [target.pubkey] : []))
  return accepted({
    reporter: event.pubkey,
    targets,
    people: [...new Set(people)].slice(0, MAX_REPORT_TARGETS),
    comment: event.content,
  })
}

interface NamedTarget {
  readonly target: ReportTarget
  readonly hasType: boolean
}

function targetOf([name, value, typeText]: readonly string[]): NamedTarget | undefined {
  if (!isHex64(value)) return undefined
  // In the third place of an `e` or `p` tag otherwise stands a relay URL.
  const hasType = typeText !== undefined && typeText !== '' && !typeText.includes('://')
  const type = hasType ? typeOf(typeText) : 'other'
  if (name === 'p') return { target: { subject: 'person', pubkey: value, type }, hasType }
  if (name === 'e') return { target: { subject: 'event', id: value, type }, hasType }
  if (name === 'x') return { target: { subject: 'blob', sha256: value, type }, hasType }
  return undefined
}

function typeOf(text: string): ReportType {
  const lowered = text.toLowerCase()
  return REPORT_TYPES.find((type) => type === lowered) ?? 'other'
}

function chooseTargets(named: readonly NamedTarget[]): readonly ReportTarget[] {
  const typed = named.filter(({ hasType }) => hasType)
  const things = named.filter(({ target }) => target.subject !== 'person')
  const chosen = typed.length > 0 ? typed : things.length > 0 ? things : named
  return chosen.map(({ target }) => target)
}

function withoutRepeats(targets: readonly ReportTarget[]): readonly ReportTarget[] {
  return [...new Map(targets.map((target) => [JSON.stringify(target), target])).values()]
}
