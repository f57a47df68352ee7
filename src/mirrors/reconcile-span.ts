import type { IdSet } from '../events/index.ts'
import { type Filter, NegentropyClient, NegentropyItems } from '../nostr/index.ts'
import { peerFailure } from './peer-failure.ts'
import type { NegentropyTalk } from './relay-client.ts'
import { audienceOf, requireWanted, type Transfer } from './transfer.ts'

/** Of our own events in one comparison: 40 bytes each. */
const MAX_OWN_RECORDS = 500_000
/** Of one comparison; when there are more, these are dealt with and the rest is compared again in parts. */
const MAX_DIFFERENCES = 100_000
/** Small enough, written in hex, for relays that take messages of 128 KiB. */
const MAX_FRAME_BYTES = 60_000
/** Each round settles about a thousand differences or more. */
const MAX_ROUNDS = 2_000

/** How `NegentropyClient` refuses more than `maxDifferences`; everything else that it refuses is nonsense. */
const TOO_MANY_DIFFERENCES = /^there are more than \d+ differences/

export interface Differences {
  /** Ids that we have and the other relay lacks. */
  readonly have: readonly string[]
  /** Ids that the other relay has and we lack. */
  readonly need: readonly string[]
}

export type Reconciled =
  | ({ readonly kind: 'compared' } & Differences)
  /** Too much on one of the sides; what was found so far is right. */
  | ({ readonly kind: 'too-much'; readonly ours: IdSet | undefined } & Differences)
  /** The other relay does not speak NIP-77, or not now. */
  | { readonly kind: 'impossible'; readonly text: string }

/**
 * Compares what both relays have for a filter (NIP-77).
 *
 * @throws AppError PEER_FAILED when the other relay is gone or talks nonsense.
 */
export async function reconcileSpan(filter: Filter, transfer: Transfer): Promise<Reconciled> {
  const { store, client, clock } = transfer
  const ours = await store.idSet(filter, MAX_OWN_RECORDS, clock.nowSeconds(), audienceOf(transfer))
  if (ours === undefined) return { kind: 'too-much', ours, ...NOTHING }
  const talk = client.reconcile(filter)
  try {
    return await exchange(talk, ours, transfer)
  } finally {
    talk.close()
  }
}

async function exchange(talk: NegentropyTalk, ours: IdSet, transfer: Transfer): Promise<Reconciled> {
  const { name } = transfer.client
  const negentropy = new NegentropyClient(new NegentropyItems(ours), {
    maxFrameBytes: MAX_FRAME_BYTES,
    maxDifferences: MAX_DIFFERENCES,
  })
  const found = { have: [] as string[], need: [] as string[] }
  let question: Uint8Array | undefined = negentropy.initiate()
  for (let rounds = 0; question !== undefined; rounds += 1) {
    requireWanted(transfer)
    if (rounds === MAX_ROUNDS) throw peerFailure(name, `needs more than ${MAX_ROUNDS} rounds to compare.`)
    const answer = await talk.ask(question)
    if (answer.kind === 'unknown') return { kind: 'impossible', text: 'it does not know NIP-77' }
    if (answer.kind === 'refused') return whenRefused(answer.text, ours, found)
    const step = negentropy.reconcile(answer.message)
    if (!step.ok) {
      if (TOO_MANY_DIFFERENCES.test(step.refusal)) return { kind: 'too-much', ours, ...found }
      throw peerFailure(name, `answered a reconciliation with nonsense: ${step.refusal}.`)
    }
    // Not spread over the arguments of a call: there may be more than a call takes.
    for (const id of step.value.have) found.have.push(id)
    for (const id of step.value.need) found.need.push(id)
    question = step.value.next
  }
  return { kind: 'compared', ...found }
}

/** `blocked` is what NIP-77 has for too many records; older relays say it in capitals. */
function whenRefused(text: string, ours: IdSet, found: Differences): Reconciled {
  if (/^blocked|too many|RESULTS_TOO_BIG/i.test(text)) return { kind: 'too-much', ours, ...found }
  // An idle or crowded relay ends a comparison; what it has told is worth keeping, and REQ does the rest.
  return { kind: 'impossible', text }
}

const NOTHING: Differences = { have: [], need: [] }
