import type { Offence } from '../relay-report.ts'
import type { LinkEnd } from './link-failure.ts'

/** A failure of which it is not clear yet whether it is the relay's: what it was before, and what it did wrong. */
export interface RelayDoubt {
  readonly atMs: number
  /** When it was tried, where it could not be connected to; `atMs` otherwise. */
  readonly fromMs: number
  readonly failures: number
  readonly offences: readonly Offence[]
}

/** What a network that is away, or that answers for others, looks like; everything else the relay itself has done. */
const COULD_BE_OURS: ReadonlySet<Offence | undefined> = new Set([
  undefined,
  'silent',
  'bad-certificate',
  'redirected',
])

/** May it be our own network that failed, and not the relay? */
export function couldBeOurs({ offence, isRefused = false }: LinkEnd): boolean {
  return !isRefused && COULD_BE_OURS.has(offence)
}
