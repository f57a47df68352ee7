import type { Filter, NostrEvent } from '../../nostr/index.ts'
import type { Audience } from '../audience.ts'
import { alice, bob, carol } from './test-event.ts'

/** One step of a stream that engines are driven with. Time stands still between `advance` steps. */
export type StoreOperation =
  | { readonly do: 'put'; readonly events: readonly NostrEvent[] }
  | { readonly do: 'remove'; readonly ids: readonly string[] }
  | { readonly do: 'sweep' }
  | { readonly do: 'advance'; readonly seconds: number }
  | {
      readonly do: 'query'
      readonly filters: readonly Filter[]
      readonly pageSizes: readonly number[]
      /** Who reads; everything is shown to nobody in particular. */
      readonly audience?: Audience
    }
  /**
   * Opens a query, puts `events` before the first page is read, then reads. Filters without `limit`: whether
   * a limit is filled up behind what vanished meanwhile is left to the engine.
   */
  | {
      readonly do: 'query-during-put'
      readonly filters: readonly Filter[]
      readonly pageSizes: readonly number[]
      readonly audience?: Audience
      readonly events: readonly NostrEvent[]
    }
  | { readonly do: 'count'; readonly filters: readonly Filter[]; readonly audience?: Audience }
  | {
      readonly do: 'sketch'
      readonly filter: Filter
      readonly offset: number
      readonly audience?: Audience
    }
  | {
      readonly do: 'id-set'
      readonly filter: Filter
      readonly maxIds: number
      readonly audience?: Audience
    }
  | { readonly do: 'has'; readonly id: string }
  | { readonly do: 'reopen' }

/**
 * Lists a stream one step a line, short enough to read: ids as `#0`, `#1`, … in the order of `pool`, keys by
 * name, signatures left out.
 */
export function describeOperations(
  operations: readonly StoreOperation[],
  pool: readonly NostrEvent[],
): string {
  const lines = operations.map(
    (operation, step) => `  ${step}. ${JSON.stringify(operation, withoutSignature)}`,
  )
  return shortened(lines.join('\n'), pool)
}

/** Ids and keys of `text` by their short names. */
export function shortened(text: string, pool: readonly NostrEvent[]): string {
  const names = new Map([alice, bob, carol].map((pubkey, n) => [pubkey, ['alice', 'bob', 'carol'][n]]))
  pool.forEach((event, n) => {
    if (!names.has(event.id)) names.set(event.id, `#${n}`)
  })
  return text.replace(/[0-9a-f]{64}/g, (hex) => names.get(hex) ?? hex)
}

function withoutSignature(member: string, value: unknown): unknown {
  return member === 'sig' ? undefined : value
}
