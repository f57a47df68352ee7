import type { RelayCursor } from './relay-report.ts'

/** A relay that the observatory knows of. */
export interface DirectoryEntry {
  /** Its number in the table `relays`. */
  readonly relay: number
  /** As `normalizeRelayAddress` of collector/ spells it. */
  readonly url: string
  readonly isProven: boolean
  readonly cursor: RelayCursor
  readonly failures: number
  readonly nextTrySeconds: number
  /** An operator will have nothing to do with it: it is not connected to. */
  readonly isRefused?: boolean
}

/** Where strangers name relays; what is learnt from each in a day is bounded. */
export const FOUND_ORIGINS = ['relay-list', 'monitor', 'information'] as const
export type FoundOrigin = (typeof FOUND_ORIGINS)[number]

/** How the observatory came to know of a relay. */
export type RelayOrigin = 'seed' | FoundOrigin | 'operator' | 'own'

/** Gives relays their numbers, the same to every collector. */
export interface RelayDirectory {
  /** All that are worth trying. One that is not in here any more never answered, and is left alone. */
  all(): Promise<readonly DirectoryEntry[]>
  /**
   * Adds those that are new, up to the bounds of the directory; answers with the entries of those that are in it then and
   * are worth trying.
   */
  learn(urls: readonly string[], origin: RelayOrigin): Promise<readonly DirectoryEntry[]>
}
