/** An intake that is simple and slow: everything is parsed and verified, and nothing is forgotten. */
import { accepted, type Outcome, refused } from '../../../kernel/index.ts'
import { computeEventId, type NostrEvent, parseEvent } from '../../../nostr/index.ts'
import { createSignatureVerifier } from '../../../platform/index.ts'
import type { EventIntake } from '../../event-intake.ts'
import type { Offence } from '../../relay-report.ts'

/** Before Nostr. */
const EPOCH_SECONDS = Date.UTC(2020, 10, 7) / 1_000
const FUTURE_SECONDS = 900

export interface PlainIntake extends EventIntake {
  /** Ids of events that hold, by the number of the relay. */
  readonly byRelay: ReadonlyMap<number, ReadonlySet<string>>
  readonly distinct: ReadonlyMap<string, NostrEvent>
  setFull(isFull: boolean): void
}

export async function createPlainIntake(): Promise<PlainIntake> {
  const verifier = await createSignatureVerifier('auto')
  const byRelay = new Map<number, Set<string>>()
  const distinct = new Map<string, NostrEvent>()
  const drains = new Set<() => void>()
  const listeners = new Set<(event: NostrEvent) => void>()
  let isFull = false
  const check = (value: unknown): Outcome<NostrEvent, Offence> => {
    const parsed = parseEvent(value)
    if (!parsed.ok) return refused('malformed-event')
    const { id, pubkey, sig, created_at } = parsed.value
    if (computeEventId(parsed.value) !== id) return refused('forged-id')
    if (!verifier.verify(id, pubkey, sig)) return refused('wrong-signature')
    if (created_at > Date.now() / 1_000 + FUTURE_SECONDS) return refused('future-date')
    return created_at < EPOCH_SECONDS ? refused('absurd-date') : parsed
  }
  return {
    byRelay,
    distinct,
    get isFull() {
      return isFull
    },
    setFull: (full) => {
      isFull = full
      if (!full) for (const listener of drains) listener()
    },
    take: (feed, data) => {
      const message = parseMessage(data)
      const checked = message.ok ? check(message.value[2]) : message
      if (!checked.ok) {
        feed.offend(checked.refusal)
        return -1
      }
      const event = checked.value
      const subscription = message.ok ? String(message.value[1]) : ''
      if (!feed.isAsked(subscription, event.kind, event.created_at)) {
        feed.offend('not-asked-for')
        return -1
      }
      const ids = byRelay.get(feed.relay) ?? new Set()
      byRelay.set(feed.relay, ids.add(event.id))
      if (!distinct.has(event.id)) {
        distinct.set(event.id, event)
        for (const listener of listeners) listener(event)
      }
      return event.created_at
    },
    onDrain: (listener) => {
      drains.add(listener)
      return () => drains.delete(listener)
    },
    onEvent: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

function parseMessage(data: Buffer): Outcome<readonly unknown[], Offence> {
  try {
    const value: unknown = JSON.parse(data.toString())
    return Array.isArray(value) ? accepted(value) : refused('not-json')
  } catch {
    return refused('not-json')
  }
}
