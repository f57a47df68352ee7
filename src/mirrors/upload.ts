import type { EventCursor } from '../events/index.ts'
import { embedsProtected, type Filter, isProtected, type NostrEvent } from '../nostr/index.ts'
import { patiently } from './patience.ts'
import type { PublishAnswer } from './relay-client.ts'
import { audienceOf, noteRefusal, requireWanted, type Transfer } from './transfer.ts'

/** EVENTs on their way without an answer: enough to hide the way there and back, few enough to lose little. */
const EVENTS_IN_FLIGHT = 32
const IDS_PER_QUERY = 250
const EVENTS_PER_PAGE = 100

/** Sends events that we have, by id. What is gone meanwhile is passed over. */
export async function uploadIds(ids: readonly string[], transfer: Transfer): Promise<void> {
  for (let start = 0; start < ids.length; start += IDS_PER_QUERY) {
    await uploadMatching({ ids: ids.slice(start, start + IDS_PER_QUERY) }, transfer)
  }
}

/** Sends everything that matches and may go out. The other relay says what it has already. */
export async function uploadMatching(filter: Filter, transfer: Transfer): Promise<void> {
  const { store, clock } = transfer
  const cursor = store.query([filter], clock.nowSeconds(), audienceOf(transfer))
  const sender = new Sender(transfer)
  for await (const json of storedTexts(cursor)) {
    requireWanted(transfer)
    await sender.send(json)
  }
  await sender.finish()
}

async function* storedTexts(cursor: EventCursor): AsyncGenerator<string> {
  for (;;) {
    const page = await cursor.next(EVENTS_PER_PAGE)
    const { done } = page
    // Read at once: a page is valid only until the store's next turn.
    const texts = Array.from({ length: page.count }, (_, index) => page.viewAt(index).toString())
    yield* texts
    if (done) return
  }
}

/** Whether an event may be sent on: a protected one never, and not inside a repost either (NIP-70). */
export function mayGoOut(event: NostrEvent): boolean {
  return !isProtected(event) && !embedsProtected(event)
}

/** Sends events with a bound on how many are unanswered; after a failure everything else fails too. */
class Sender {
  readonly #transfer: Transfer
  readonly #inFlight = new Set<Promise<void>>()
  #failure: Error | undefined

  constructor(transfer: Transfer) {
    this.#transfer = transfer
  }

  async send(json: string): Promise<void> {
    const { totals, pace } = this.#transfer
    // What the store gives back is what was checked when it came in.
    const event = JSON.parse(json) as NostrEvent
    if (!mayGoOut(event)) {
      totals.withheld += 1
      return
    }
    await pace(1)
    const sending = this.#publish(event.id, json).catch((error: unknown) => {
      this.#failure ??= error instanceof Error ? error : new Error(String(error))
    })
    this.#inFlight.add(sending)
    void sending.then(() => this.#inFlight.delete(sending))
    if (this.#inFlight.size >= EVENTS_IN_FLIGHT) await Promise.race(this.#inFlight)
    if (this.#failure !== undefined) throw this.#failure
  }

  async finish(): Promise<void> {
    await Promise.all(this.#inFlight)
    if (this.#failure !== undefined) throw this.#failure
  }

  async #publish(id: string, json: string): Promise<void> {
    const { client, signal, totals, onProgress } = this.#transfer
    let answer: PublishAnswer | undefined
    await patiently(async () => {
      answer = await client.publish(id, json)
      return answer.isAccepted ? undefined : answer.text
    }, signal)
    if (answer?.isAccepted === true) totals.uploaded += 1
    else {
      totals.uploadRefused += 1
      noteRefusal(totals, answer?.text ?? '')
    }
    onProgress(totals)
  }
}
