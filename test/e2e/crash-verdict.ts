/**
 * What a store may hold after crashes, judged by the answers alone. An event that was answered true is there, or an
 * event that may have been stored took its place by the rules of NIP-01 and NIP-09. These rules are written down here
 * once more and plainly, so that the program is not judged by its own code.
 */
import type { WireEvent } from '../conformance/kit/event.ts'

/** An event as its writer has seen it. */
export interface Told {
  readonly event: WireEvent
  /** The last answer; undefined when there was none. */
  readonly isAccepted: boolean | undefined
  /** It was on its way when the process was killed, so it may have been stored without an answer. */
  readonly wasInFlight: boolean
}

/** Everything that is wrong with what the store returned; nothing when it kept its word. */
export function brokenPromises(told: readonly Told[], stored: readonly WireEvent[]): string[] {
  const storedById = new Map(stored.map((event) => [event.id, event]))
  const accepted = told.filter(({ isAccepted }) => isAccepted === true).map(({ event }) => event)
  // One that was stored unanswered may have replaced another before it was removed itself.
  const mayHaveBeenStored = told.filter(({ isAccepted, wasInFlight }) => isAccepted || wasInFlight)
  const removers = new Removers(mayHaveBeenStored.map(({ event }) => event))
  const certainRemovers = new Removers([...accepted, ...stored])
  return [
    ...told
      .filter(({ isAccepted }) => isAccepted === undefined)
      .map(({ event }) => `${name(event)} has no answer`),
    ...accepted
      .filter((event) => !storedById.has(event.id) && !removers.mayRemove(event))
      .map((event) => `${name(event)} was answered true and is gone`),
    ...told
      .filter(({ event, isAccepted }) => isAccepted === false && storedById.has(event.id))
      .map(({ event }) => `${name(event)} was answered false and is stored`),
    ...stored
      .filter((event) => certainRemovers.deletes(event) || storedById.get(event.id) !== event)
      .map((event) => `${name(event)} is stored although deleted, or stored twice`),
    ...sharedAddresses(stored).map((address) => `${address} has more than one version`),
    ...told
      .filter(({ event }) => storedById.has(event.id) && !isSame(storedById.get(event.id), event))
      .map(({ event }) => `${name(event)} came back changed`),
  ]
}

/** Looks up what could have removed an event. */
class Removers {
  readonly #deletionsByTarget = new Map<string, WireEvent[]>()
  readonly #versions = new Map<string, WireEvent[]>()

  constructor(events: readonly WireEvent[]) {
    for (const event of events) {
      const address = addressOf(event)
      if (address !== undefined) addTo(this.#versions, address, event)
      if (event.kind !== 5) continue
      for (const [, target] of event.tags)
        if (target !== undefined) addTo(this.#deletionsByTarget, target, event)
    }
  }

  mayRemove(event: WireEvent): boolean {
    const versions = this.#versions.get(addressOf(event) ?? '') ?? []
    return this.deletes(event) || versions.some((version) => isNewer(version, event))
  }

  /** NIP-09: by its author, by id at any time, by address up to the time of the deletion; deletions stay. */
  deletes(event: WireEvent): boolean {
    if (event.kind === 5) return false
    const byId = this.#deletionsByTarget.get(event.id) ?? []
    const byAddress = this.#deletionsByTarget.get(addressOf(event) ?? '') ?? []
    return (
      byId.some(({ pubkey }) => pubkey === event.pubkey) ||
      byAddress.some(({ pubkey, created_at }) => pubkey === event.pubkey && event.created_at <= created_at)
    )
  }
}

/** NIP-01: the newest version is kept, of one second that with the lowest id. */
function isNewer(a: WireEvent, b: WireEvent): boolean {
  return a.created_at > b.created_at || (a.created_at === b.created_at && a.id < b.id)
}

function addressOf({ kind, pubkey, tags }: WireEvent): string | undefined {
  if (kind >= 30_000 && kind < 40_000)
    return `${kind}:${pubkey}:${tags.find(([tag]) => tag === 'd')?.[1] ?? ''}`
  const isReplaceable = kind === 0 || kind === 3 || (kind >= 10_000 && kind < 20_000)
  return isReplaceable ? `${kind}:${pubkey}:` : undefined
}

function sharedAddresses(stored: readonly WireEvent[]): string[] {
  const versions = new Map<string, WireEvent[]>()
  for (const event of stored) {
    const address = addressOf(event)
    if (address !== undefined) addTo(versions, address, event)
  }
  return [...versions].flatMap(([address, events]) => (events.length > 1 ? address : []))
}

function isSame(returned: WireEvent | undefined, sent: WireEvent): boolean {
  const members = ['id', 'pubkey', 'created_at', 'kind', 'tags', 'content', 'sig'] as const
  return members.every((member) => JSON.stringify(returned?.[member]) === JSON.stringify(sent[member]))
}

function name({ id, kind, created_at }: WireEvent): string {
  return `kind ${kind} of ${created_at}, ${id},`
}

function addTo(map: Map<string, WireEvent[]>, key: string, event: WireEvent): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [event])
  else list.push(event)
}
