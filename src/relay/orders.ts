import type { AccessChange, AccessListsData } from './access-lists.ts'
import type { ConnectionSelector } from './connections.ts'
import type { RelaySettings } from './settings.ts'

/** What a running relay is told by the rest of the program. Plain data: every thread of the relay gets a copy. */
export type RelayOrder =
  /** New settings; what a running relay cannot take over keeps its old value. */
  | { readonly do: 'configure'; readonly settings: RelaySettings }
  /** The operators' decisions, all of them: after a start, or after a time without the others. */
  | { readonly do: 'replace-access'; readonly lists: AccessListsData }
  | { readonly do: 'change-access'; readonly changes: readonly AccessChange[] }
  /** Closes connections with 3502 and this text. */
  | { readonly do: 'disconnect'; readonly whom: ConnectionSelector; readonly text: string }
