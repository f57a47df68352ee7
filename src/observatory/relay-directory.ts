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

/** How the observatory came to know of a relay. */
export type RelayOrigin = 'seed' | 'relay-list' | 'monitor' | 'operator' | 'own'

/** Gives relays their numbers, the same to every collector. */
export interface RelayDirectory {
  all(): Promise<readonly DirectoryEntry[]>
  /** Adds those that are new, up to the bound of the directory; answers with the entries of all that are in it then. */
  learn(urls: readonly string[], origin: RelayOrigin): Promise<readonly DirectoryEntry[]>
}
