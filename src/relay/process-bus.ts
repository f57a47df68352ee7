import type { NostrEvent } from '../nostr/index.ts'
import type { Bus } from '../platform/bus/index.ts'
import type { LiveEvent } from './event-frames.ts'
import type { LiveBus, LiveListener } from './live-bus.ts'
import { decodeParcels, encodeParcels, type Parcel, parcelLength, type ReceivedParcel } from './parcels.ts'

/** Where all processes of one Stoa tell each other of new events. */
const CHANNEL = 'live_events'
/** A message is sent when it is so long, or at the end of the turn. */
const MAX_MESSAGE_BYTES = 256 * 1024
/** Senders whose count of messages is remembered; the oldest give way. */
const MAX_SENDERS = 1_000

/** The part of the bus that it needs. */
type MessageBus = Pick<Bus, 'publish' | 'subscribe'>

/** Plain numbers since the start. */
export interface ProcessBusCounters {
  readonly eventsSent: number
  readonly eventsReceived: number
  readonly messagesSent: number
  /** Messages of others that never came: their events were not delivered here. */
  readonly messagesMissed: number
  /** Messages that could not be read. */
  readonly messagesMalformed: number
}

export interface ProcessBus extends LiveBus {
  counters(): ProcessBusCounters
  /** Resolves when new events of other members arrive. */
  readonly ready: Promise<void>
  close(): void
}

/**
 * Carries new events between the processes of one Stoa; those of one turn travel together. `seq` is the one of the
 * store that they share. Delivery is at most once: what is lost on the way is counted, and a client finds it by asking.
 *
 * @param memberId a name no other member has, a new one after each start; 1 to 255 bytes of UTF-8. Several threads of a
 * process are several members.
 */
export function createProcessBus(bus: MessageBus, memberId: string): ProcessBus {
  return new BusMember(bus, memberId)
}

class BusMember implements ProcessBus {
  readonly #bus: MessageBus
  readonly #memberId: string
  readonly #listeners = new Map<LiveListener, () => boolean>()
  /** The number of the last message of each other member. */
  readonly #lastOf = new Map<string, number>()
  readonly ready: Promise<void>
  readonly #stopListening: () => void
  readonly #counters = {
    eventsSent: 0,
    eventsReceived: 0,
    messagesSent: 0,
    messagesMissed: 0,
    messagesMalformed: 0,
  }
  #outgoing: Parcel[] = []
  #outgoingBytes = 0
  #flushing: NodeJS.Immediate | undefined

  constructor(bus: MessageBus, memberId: string) {
    this.#bus = bus
    this.#memberId = memberId
    const subscription = bus.subscribe(CHANNEL, (payload) => this.#receive(payload))
    this.ready = subscription.ready
    this.#stopListening = () => subscription.stop()
  }

  counters(): ProcessBusCounters {
    return { ...this.#counters }
  }

  publish({ json, seq }: LiveEvent): void {
    const parcel = { json, seq }
    this.#outgoing.push(parcel)
    this.#outgoingBytes += parcelLength(parcel)
    if (this.#outgoingBytes >= MAX_MESSAGE_BYTES) this.#flush()
    else this.#flushing ??= setImmediate(() => this.#flush())
  }

  subscribe(listener: LiveListener, { isWanted }: { readonly isWanted: () => boolean }): () => void {
    this.#listeners.set(listener, isWanted)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#flush()
    this.#stopListening()
    this.#listeners.clear()
  }

  #flush(): void {
    clearImmediate(this.#flushing)
    this.#flushing = undefined
    if (this.#outgoing.length === 0) return
    const parcels = this.#outgoing
    this.#outgoing = []
    this.#outgoingBytes = 0
    this.#counters.messagesSent++
    this.#counters.eventsSent += parcels.length
    const message = { from: this.#memberId, number: this.#counters.messagesSent, parcels }
    this.#bus.publish(CHANNEL, encodeParcels(message))
  }

  #receive(payload: Buffer): void {
    const message = decodeParcels(payload)
    if (message === undefined) {
      this.#counters.messagesMalformed++
      return
    }
    if (message.from === this.#memberId) return
    this.#noteNumber(message.from, message.number)
    this.#counters.eventsReceived += message.parcels.length
    const listeners = [...this.#listeners].flatMap(([listener, isWanted]) => (isWanted() ? [listener] : []))
    if (listeners.length > 0) for (const parcel of message.parcels) this.#deliver(parcel, listeners)
  }

  #deliver({ json, seq }: ReceivedParcel, listeners: readonly LiveListener[]): void {
    const event = parse(json)
    if (event === undefined) this.#counters.messagesMalformed++
    else for (const listener of listeners) listener(event, json, seq)
  }

  /** A number that is not the next one tells that messages were lost. */
  #noteNumber(from: string, number: number): void {
    const last = this.#lastOf.get(from)
    if (last !== undefined && number > last + 1) this.#counters.messagesMissed += number - last - 1
    // Deleted first, so that the sender is the youngest again.
    this.#lastOf.delete(from)
    this.#lastOf.set(from, number)
    if (this.#lastOf.size <= MAX_SENDERS) return
    for (const oldest of this.#lastOf.keys()) {
      this.#lastOf.delete(oldest)
      return
    }
  }
}

function parse(json: Buffer): NostrEvent | undefined {
  try {
    // Canonical JSON, written by the process that checked the event.
    return JSON.parse(json.toString()) as NostrEvent
  } catch {
    return undefined
  }
}
