import { AppError } from '../kernel/index.ts'
import type { Filter, NostrEvent } from '../nostr/index.ts'
import { patiently } from './patience.ts'
import { eventsAskedFor } from './peer-events.ts'
import { peerFailure } from './peer-failure.ts'
import type { PeerSubscription } from './peer-subscription.ts'
import { noteBad, noteRefusal, requireWanted, type Transfer } from './transfer.ts'

/** Relays that cap answers send at least so many at a time. */
const IDS_PER_REQUEST = 250
/** While one batch is on its way to disk, others are on the wire. */
const REQUESTS_AT_ONCE = 3
/** Events that are judged and stored together. */
const EVENTS_PER_BATCH = 250

/** Fetches events by id. */
export async function downloadIds(ids: readonly string[], transfer: Transfer): Promise<void> {
  let next = 0
  const fetchBatches = async (): Promise<void> => {
    while (next < ids.length) {
      requireWanted(transfer)
      const batch = ids.slice(next, next + IDS_PER_REQUEST)
      next += batch.length
      await fetchIds(batch, transfer)
    }
  }
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, fetchBatches))
}

async function fetchIds(batch: readonly string[], transfer: Transfer): Promise<void> {
  const { store, client, totals, signal } = transfer
  // Some may have come by another way since, and what others may not read is never in the set that was compared.
  const known = await Promise.all(batch.map(async (id) => store.has(id)))
  const missing = new Set(batch.filter((_, index) => known[index] !== true))
  totals.known += batch.length - missing.size
  const refusal = await patiently(async () => {
    if (missing.size === 0) return undefined
    const filter = { ids: [...missing], limit: missing.size }
    const answer = await fetchStored(filter, transfer, (event) => missing.delete(event.id))
    return answer.refusal
  }, signal)
  if (refusal !== undefined) throw peerFailure(client.name, `refused a REQ: ${refusal}`)
  totals.missing += missing.size
  transfer.onProgress(totals)
}

export interface StoredAnswer {
  /** Why the relay has closed the request; undefined when it came to its end. */
  readonly refusal: string | undefined
  /** The relay says that there is no more (NIP-67). */
  readonly isAll: boolean
}

/**
 * Takes in what a relay has stored for a filter with a limit. A relay that sends more is cut short.
 *
 * @param onEvent told of each event that was asked for, before it is looked at more closely; returns whether it is new
 * in this answer, and so to be taken in.
 */
export async function fetchStored(
  filter: Filter & { readonly limit: number },
  transfer: Transfer,
  onEvent: (event: NostrEvent) => boolean,
): Promise<StoredAnswer> {
  const subscription = transfer.client.request([filter])
  try {
    return await readStored(subscription, filter, transfer, onEvent)
  } finally {
    subscription.close()
  }
}

async function readStored(
  subscription: PeerSubscription,
  filter: Filter & { readonly limit: number },
  transfer: Transfer,
  onEvent: (event: NostrEvent) => boolean,
): Promise<StoredAnswer> {
  let left = filter.limit
  for (;;) {
    const { events, isStoredSent, isAll, closedText } = await subscription.next(EVENTS_PER_BATCH)
    requireWanted(transfer)
    const wanted = eventsAskedFor(events.slice(0, left), [filter]).filter(onEvent)
    noteBad(transfer, events.length - wanted.length)
    left -= events.length
    await takeIn(wanted, transfer)
    if (isStoredSent || left < 0) return { refusal: undefined, isAll: isAll && left >= 0 }
    if (closedText !== undefined) return { refusal: closedText, isAll: false }
  }
}

/** Hands events to the intake and keeps account. @throws AppError STORE_WRITE_FAILED when the store cannot take them. */
export async function takeIn(events: readonly NostrEvent[], transfer: Transfer): Promise<void> {
  const { intake, source, totals, maxEventCharacters } = transfer
  if (events.length === 0) return
  await transfer.pace(events.length)
  totals.fetched += events.length
  const fitting = events.filter((event) => roughCharacters(event) <= maxEventCharacters)
  const results = await intake.take(fitting, source)
  for (const [index, result] of results.entries()) {
    switch (result.status) {
      case 'stored':
      case 'known':
        totals[result.status] += 1
        break
      case 'refused':
        totals.refused += 1
        noteRefusal(totals, result.text)
        if (result.isForGood === true) transfer.unwanted.add(fitting[index]!.id)
        break
      case 'forged':
        noteBad(transfer, 1)
        break
      case 'failed':
        throw new AppError('STORE_WRITE_FAILED', `The store could not write: ${result.text}`)
    }
  }
  for (let tooLong = events.length - fitting.length; tooLong > 0; tooLong -= 1) {
    totals.refused += 1
    noteRefusal(totals, 'too-long: more than the mirror takes')
  }
  transfer.onProgress(totals)
}

/** The length of its JSON, about: without writing it. */
function roughCharacters({ content, tags }: NostrEvent): number {
  let characters = 300 + content.length
  for (const tag of tags) for (const member of tag) characters += member.length + 3
  return characters
}
