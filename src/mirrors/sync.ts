/** Brings two relays to the same set of events: ours by its store, the other by its WebSocket. */
import type { EventStore } from '../events/index.ts'
import { type Clock, systemClock } from '../kernel/index.ts'
import type { EventSigner, Filter } from '../nostr/index.ts'
import { downloadIds } from './download.ts'
import { narrowed, type TimeSpan } from './filter-json.ts'
import type { Intake, IntakeSource } from './intake.ts'
import { downloadPages } from './paged-download.ts'
import { peerFailure } from './peer-failure.ts'
import { RecentIds } from './recent-ids.ts'
import { type Differences, reconcileSpan } from './reconcile-span.ts'
import { connectRelay, type RelayClient, type RelayClientLimits } from './relay-client.ts'
import {
  type Direction,
  MAX_BAD_EVENTS,
  newSyncTotals,
  requireWanted,
  type SyncTotals,
  type Transfer,
} from './transfer.ts'
import { uploadIds, uploadMatching } from './upload.ts'
import { splitSpan } from './windows.ts'

export interface SyncOptions {
  /** Without `limit` and `search` (`refuseFilter`). */
  readonly filter: Filter
  readonly direction: Direction
  readonly store: EventStore
  readonly intake: Intake
  readonly origin: IntakeSource['origin']
  readonly clock?: Clock
  /** Take protected events (NIP-70) too. Out they never go. */
  readonly takesProtected?: boolean
  /** Send private messages, drafts and their like too, and let the other relay know that we have them. */
  readonly sharesPrivate?: boolean
  /** Longer events, in characters of their JSON, are not taken; any when absent. */
  readonly maxEventCharacters?: number
  /** Waits until so many more events may pass. */
  readonly pace?: (events: number) => Promise<void>
  /** Events that were refused for good before, for whoever synchronises again and again; added to. */
  readonly unwanted?: RecentIds
  /** Counted up from what it holds; a new account when absent. */
  readonly totals?: SyncTotals
  /** Told after each step; `totals` is the same object each time. */
  readonly onProgress?: (totals: SyncTotals) => void
  /** Told, when it goes page by page, how far back it is done: everything later is here. */
  readonly onReached?: (untilSeconds: number) => void
  readonly signal?: AbortSignal
}

export interface SyncWithOptions extends SyncOptions {
  readonly url: string
  /** Who we are, where the relay wants to know (NIP-42). */
  readonly signer?: EventSigner
  readonly limits?: Partial<RelayClientLimits>
}

/** A relay that wants to be asked in more parts than that invents what it says. */
const MAX_SPANS = 4_096

/**
 * Fetches what we lack, sends what the other relay lacks, or both. What has arrived stays; whatever ends it, a second
 * time goes on from there.
 *
 * @throws AppError PEER_FAILED when the other relay fails, or the signal aborts.
 * @throws AppError STORE_WRITE_FAILED when our store does.
 */
export async function syncWith({ url, signer, limits, ...options }: SyncWithOptions): Promise<SyncTotals> {
  const client = await connectRelay({
    url,
    ...(signer !== undefined && { signer }),
    ...(limits !== undefined && { limits }),
    ...(options.signal !== undefined && { signal: options.signal }),
  })
  try {
    return await syncOver(client, options)
  } finally {
    client.close()
  }
}

/** `syncWith` over a connection that stands, and that may be used for other things meanwhile. */
export async function syncOver(client: RelayClient, options: SyncOptions): Promise<SyncTotals> {
  const { filter, direction, store, intake, origin, takesProtected = false } = options
  const transfer: Transfer = {
    client,
    store,
    intake,
    source: { origin, peer: client.name, takesProtected },
    clock: options.clock ?? systemClock,
    totals: options.totals ?? newSyncTotals(),
    unwanted: options.unwanted ?? new RecentIds(0),
    badLeft: { events: MAX_BAD_EVENTS },
    maxEventCharacters: options.maxEventCharacters ?? Number.POSITIVE_INFINITY,
    sharesPrivate: options.sharesPrivate ?? false,
    pace: options.pace ?? (async () => undefined),
    onProgress: options.onProgress ?? (() => undefined),
    signal: options.signal ?? new AbortController().signal,
  }
  const left = await syncByReconciling(filter, direction, transfer)
  for (const span of left) await syncByPages(filter, span, direction, transfer, options.onReached)
  return transfer.totals
}

/**
 * Compares, newest first, in parts where that is too much at once; returns the spans that could not be compared.
 * Where the other relay does not know how, that is everything that is left.
 */
async function syncByReconciling(
  filter: Filter,
  direction: Direction,
  transfer: Transfer,
): Promise<readonly TimeSpan[]> {
  const { client, clock, totals } = transfer
  const open: TimeSpan[] = [{ since: filter.since, until: filter.until }]
  const left: TimeSpan[] = []
  for (let spans = 0; open.length > 0; spans += 1) {
    requireWanted(transfer)
    if (spans === MAX_SPANS)
      throw peerFailure(client.name, `wants to be asked in more than ${MAX_SPANS} parts.`)
    const span = open.pop()!
    const within = narrowed(filter, span)
    if (within === undefined) continue
    const result = await reconcileSpan(within, transfer)
    if (result.kind === 'impossible') return [...left, span, ...open.toReversed()]
    totals.method = 'negentropy'
    await settle(result, direction, transfer)
    if (result.kind === 'compared') continue
    const parts = splitSpan(span, result.ours, clock.nowSeconds())
    if (parts === undefined) left.push(span)
    else open.push(parts[1], parts[0])
  }
  return left
}

async function settle({ have, need }: Differences, direction: Direction, transfer: Transfer): Promise<void> {
  const { totals } = transfer
  const wanted = direction === 'up' ? [] : need.filter((id) => !transfer.unwanted.has(id))
  const offered = direction === 'down' ? [] : have
  totals.need += wanted.length
  totals.have += offered.length
  transfer.onProgress(totals)
  await Promise.all([downloadIds(wanted, transfer), uploadIds(offered, transfer)])
}

async function syncByPages(
  filter: Filter,
  span: TimeSpan,
  direction: Direction,
  transfer: Transfer,
  onReached: SyncOptions['onReached'] = () => undefined,
): Promise<void> {
  const within = narrowed(filter, span)
  if (within === undefined) return
  transfer.totals.method ??= 'pages'
  // Down first: what comes from there has not to be sent back.
  if (direction !== 'up') await downloadPages(within, span, transfer, onReached)
  if (direction !== 'down') await uploadMatching(within, transfer)
}
