import type { AccessChange, AccessListsData } from './access-lists.ts'
import type { ConnectionSelector } from './connections.ts'
import type { RelaySettings } from './settings.ts'

export interface SharedSwitchesData {
  /** No new connections; open ones stay. */
  readonly isInMaintenance: boolean
  /** Of all processes together; 0 is no limit. */
  readonly maxConnections: number
  /** Connections that other processes held when it was last looked. Only known while there is a limit. */
  readonly otherConnections: number
  readonly unlimitedIps: readonly string[]
}

export const NO_SWITCHES: SharedSwitchesData = {
  isInMaintenance: false,
  maxConnections: 0,
  otherConnections: 0,
  unlimitedIps: [],
}

/** What a running relay is told by the rest of the program. Plain data: every thread of the relay gets a copy. */
export type RelayOrder =
  /** New settings; what a running relay cannot take over keeps its old value. */
  | { readonly do: 'configure'; readonly settings: RelaySettings }
  /** The operators' decisions, all of them: after a start, or after a time without the others. */
  | { readonly do: 'replace-access'; readonly lists: AccessListsData }
  | { readonly do: 'change-access'; readonly changes: readonly AccessChange[] }
  /** What is switched for all processes at once (document 003), beside the operators' decisions. */
  | { readonly do: 'switch'; readonly switches: SharedSwitchesData }
  /** Closes connections with 3502 and this text. */
  | { readonly do: 'disconnect'; readonly whom: ConnectionSelector; readonly text: string }
