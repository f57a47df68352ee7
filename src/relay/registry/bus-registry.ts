import { accepted, refused } from '../../kernel/index.ts'
import { type Bus, type BusOutcome, LeasedHash } from '../../platform/bus/index.ts'
import { putChanges, removeChanges, touchChanges } from './changes.ts'
import { decodeCloseRequest, encodeCloseRequest } from './close-request.ts'
import { controlChannel, keys } from './keys.ts'
import { allOf, readFacts } from './read-facts.ts'
import {
  type CloseRequest,
  type ConnectionPage,
  type ConnectionRegistry,
  type ConnectionTraffic,
  type RegisteredConnection,
  unknownConnection,
} from './registry.ts'
import { sweepDeadProcesses } from './sweep.ts'

/** Connections in one transaction: enough to be quick, few enough to let others have their turn. */
const CHUNK = 250
/** A process that gave no sign of life for so long is dead. */
const LEASE_MS = 5_000

export interface BusRegistryOptions {
  /** A name no other process has, a new one after each start. */
  readonly processId: string
  readonly leaseMs?: number
}

export interface BusRegistryCounters {
  /** Connections of dead processes that this one took out. */
  readonly swept: number
  /** Times that connections of this process were missing. */
  readonly losses: number
}

/** The registry over the bus that all processes share, under the key names of `keys.ts`. */
export class BusRegistry implements ConnectionRegistry {
  readonly #bus: Bus
  readonly #processId: string
  readonly #lease: LeasedHash
  /** Connections that may stand in the registry for this process, with their subscriptions. */
  readonly #written = new Map<string, readonly string[]>()
  #swept = 0
  #losses = 0

  constructor(bus: Bus, { processId, leaseMs = LEASE_MS }: BusRegistryOptions) {
    this.#bus = bus
    this.#processId = processId
    this.#lease = new LeasedHash(bus, keys.leases, { owner: processId, ttlMs: leaseMs })
  }

  get counters(): BusRegistryCounters {
    return { swept: this.#swept, losses: this.#losses }
  }

  put(connections: readonly RegisteredConnection[]): Promise<BusOutcome<void>> {
    return inChunks(connections, async (chunk) => {
      const changes = putChanges(this.#processId, chunk, (id) => this.#written.get(id) ?? [])
      // Whether a refused change was made nobody knows: both old and new subscriptions may be there then.
      for (const { id, subscriptions } of chunk) {
        const ids = subscriptions.map((subscription) => subscription.id)
        this.#written.set(id, [...new Set([...(this.#written.get(id) ?? []), ...ids])])
      }
      const outcome = await this.#bus.apply(changes)
      if (!outcome.ok) return outcome
      for (const { id, subscriptions } of chunk) {
        this.#written.set(
          id,
          subscriptions.map((subscription) => subscription.id),
        )
      }
      return outcome
    })
  }

  touch(traffic: readonly ConnectionTraffic[]): Promise<BusOutcome<void>> {
    return inChunks(traffic, (chunk) => this.#bus.apply(touchChanges(chunk)))
  }

  remove(ids: readonly string[]): Promise<BusOutcome<void>> {
    return inChunks(ids, async (chunk) => {
      const connections = chunk.map((id) => ({ id, subscriptionIds: this.#written.get(id) ?? [] }))
      const outcome = await this.#bus.apply(removeChanges(this.#processId, connections))
      if (outcome.ok) for (const id of chunk) this.#written.delete(id)
      return outcome
    })
  }

  async list(cursor: string | undefined, limit: number): Promise<BusOutcome<ConnectionPage>> {
    const page = await this.#bus.setPage(keys.connections, cursor, limit)
    if (!page.ok) return page
    const connections = await this.#readLiving(page.value.members)
    if (!connections.ok) return connections
    return accepted({ connections: connections.value, next: page.value.next })
  }

  async find(id: string): Promise<BusOutcome<RegisteredConnection | undefined>> {
    const found = await this.#readLiving([id])
    return found.ok ? accepted(found.value[0]) : found
  }

  size(): Promise<BusOutcome<number>> {
    return this.#sizeOf(() => true)
  }

  sizeOfOthers(): Promise<BusOutcome<number>> {
    return this.#sizeOf((owner) => owner !== this.#processId)
  }

  async #sizeOf(isMeant: (owner: string) => boolean): Promise<BusOutcome<number>> {
    const living = await this.#lease.owners()
    if (!living.ok) return living
    const meant = living.value.filter(isMeant)
    const sizes = await allOf(meant.map((owner) => this.#bus.setSize(keys.connectionsOf(owner))))
    return sizes.ok ? accepted(sizes.value.reduce((sum, size) => sum + size, 0)) : sizes
  }

  async close(request: CloseRequest) {
    const found = await this.find(request.connectionId)
    if (!found.ok) return found
    if (found.value === undefined) return refused(unknownConnection(request.connectionId))
    this.#bus.publish(controlChannel(found.value.processId), encodeCloseRequest(request))
    return accepted(undefined)
  }

  onClose(listener: (request: CloseRequest) => void): () => void {
    const subscription = this.#bus.subscribe(controlChannel(this.#processId), (payload) => {
      const request = decodeCloseRequest(payload)
      if (request !== undefined) listener(request)
    })
    return () => subscription.stop()
  }

  async keepUp(): Promise<BusOutcome<'kept' | 'lost'>> {
    const lease = await this.#lease.renew()
    if (!lease.ok) return lease
    const [living, size, listed] = await Promise.all([
      this.#lease.owners(),
      this.#bus.setSize(keys.connectionsOf(this.#processId)),
      // Who swept us by mistake may have taken us off the list after we came back.
      this.#bus.apply([{ do: 'addMembers', key: keys.writers, members: [this.#processId] }]),
    ])
    if (!living.ok) return living
    if (!size.ok) return size
    if (!listed.ok) return listed
    const swept = await sweepDeadProcesses(this.#bus, new Set(living.value), CHUNK)
    if (!swept.ok) return swept
    this.#swept += swept.value
    // Redis may have forgotten, or somebody who held us for dead has swept us.
    if (size.value === this.#written.size) return accepted('kept')
    this.#losses++
    return accepted('lost')
  }

  async leave(): Promise<void> {
    const removed = await this.remove([...this.#written.keys()])
    if (removed.ok) {
      await this.#bus.apply([{ do: 'removeMembers', key: keys.writers, members: [this.#processId] }])
    }
    await this.#lease.close()
  }

  /** The facts of those connections whose process lives. */
  async #readLiving(ids: readonly string[]): Promise<BusOutcome<readonly RegisteredConnection[]>> {
    const [owners, facts] = await Promise.all([this.#lease.owners(), readFacts(this.#bus, ids)])
    if (!owners.ok) return owners
    if (!facts.ok) return facts
    const living = new Set(owners.value)
    return accepted(facts.value.filter(({ processId }) => living.has(processId)))
  }
}

/** Does something for a part of the list at a time, until one is refused. */
async function inChunks<T>(
  list: readonly T[],
  step: (chunk: readonly T[]) => Promise<BusOutcome<void>>,
): Promise<BusOutcome<void>> {
  for (let start = 0; start < list.length; start += CHUNK) {
    const outcome = await step(list.slice(start, start + CHUNK))
    if (!outcome.ok) return outcome
  }
  return accepted(undefined)
}
