import { accepted, type Outcome, refused } from '../kernel/index.ts'
import { type Filter, normalizeRelayUrl, parseFilter } from '../nostr/index.ts'
import { refuseFilter } from './transfer.ts'

/** What an operator says of a mirror, as it stands in the configuration and in what programs send. */
export interface MirrorSettings {
  /** `ws://` or `wss://`. One mirror for each relay: host, port and path tell them apart. */
  readonly url: string
  /** `pull`: follow it; `push`: feed it. */
  readonly direction: 'pull' | 'push' | 'both'
  /** As they travel (NIP-01), without `limit` and `search`; empty: everything. */
  readonly filters: readonly Readonly<Record<string, unknown>>[]
  /** Over the long run, both directions together; 0 is no limit. */
  readonly maxEventsPerSecond: number
  /** Longer events, in characters of their JSON, are not taken. */
  readonly maxEventCharacters: number
  /** Take protected events (NIP-70) too. Out they never go. */
  readonly takesProtected: boolean
  /** Send private messages, drafts and their like too. */
  readonly sharesPrivate: boolean
}

export const DEFAULT_MIRROR: Omit<MirrorSettings, 'url'> = {
  direction: 'pull',
  filters: [],
  maxEventsPerSecond: 1_000,
  maxEventCharacters: 1_048_576,
  takesProtected: false,
  sharesPrivate: false,
}

/** Settings that can be worked with. */
export interface CheckedMirror {
  /** Host, port and path: what a mirror is called. */
  readonly name: string
  readonly settings: MirrorSettings
  /** At least one. */
  readonly filters: readonly Filter[]
}

/** Each filter is a REQ and a comparison of its own. */
const MAX_FILTERS = 20

/** The refusal is a sentence for the operator. */
export function checkMirror(settings: MirrorSettings): Outcome<CheckedMirror, string> {
  const name = normalizeRelayUrl(settings.url)
  if (name === undefined) return refused('The address of a mirror is a ws:// or wss:// URL.')
  if (settings.filters.length > MAX_FILTERS) return refused(`A mirror has at most ${MAX_FILTERS} filters.`)
  const filters: Filter[] = []
  for (const written of settings.filters) {
    const filter = parseFilter(written, { allowsSearch: true })
    if (!filter.ok) return refused(`A filter of the mirror ${name} cannot be used: ${filter.refusal.text}.`)
    const refusal = refuseFilter(filter.value)
    if (refusal !== undefined) return refused(`A filter of the mirror ${name} cannot be used: ${refusal}.`)
    filters.push(filter.value)
  }
  return accepted({ name, settings, filters: filters.length === 0 ? [{}] : filters })
}
