import type { RelaySettings } from './control.ts'
import type { RelayInfo } from './nip11.ts'
import type { Trial } from './trial.ts'

/** The levels of the checklist: must, should, optional, de-facto, proposal. */
export type Level = 'M' | 'S' | 'O' | 'D' | 'P'

/** One line of the checklist, made runnable. */
export interface Row {
  readonly id: string
  readonly level: Level
  /** A sentence that could be false of a relay. */
  readonly claim: string
  /** Returns when the claim holds; fails or skips otherwise (see verdict.ts). */
  readonly run: (t: Trial) => Promise<void>
  readonly needs?: Need
  /** Longest running time, without the start of relays that the row asks for; a minute when absent. */
  readonly timeoutMs?: number
  /** Runs after all others, with no row beside it: it loads the relay, or may bring a fragile one down. */
  readonly isAlone?: boolean
  /** Takes minutes: run only when asked for (`--slow`). */
  readonly isSlow?: boolean
}

/** A configuration without which the row says nothing. */
export interface Need {
  /** What has to be configured; ends the sentence "run it against a relay …". */
  readonly relay: string
  /** True when the relay under test is configured like that already. */
  readonly isShown: (info: RelayInfo, known: KnownByCaller) => boolean
  /** What to start with, when the relay's own tests hand in a `RelayControl`. */
  readonly settings: RelaySettings
  /** The rows that name this very need may have one relay between them: what each does, the others do not notice. */
  readonly isShared?: boolean
}

/** What NIP-11 does not tell and the caller may. */
export interface KnownByCaller {
  readonly pingTimeoutMs: number | undefined
  /** Rows may take minutes. */
  readonly isSlow: boolean
  /** The suite has a key that may manage the relay under test (NIP-86). */
  readonly hasAdminKey: boolean
}

export interface Section {
  readonly number: number
  readonly title: string
  readonly rows: readonly Row[]
}
