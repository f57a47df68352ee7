import { accepted } from '../../kernel/index.ts'
import type { Bus, BusChange, BusField, BusOutcome } from './bus.ts'
import { closedRefusal } from './refusals.ts'

export interface LeaseOptions {
  /** Who holds the lease: a name no other process has, a new one after each start. */
  readonly owner: string
  /** How long after its last sign of life an owner's entries are still there. */
  readonly ttlMs: number
}

export interface LeasedEntry {
  readonly owner: string
  readonly field: string
  readonly value: string
}

export interface LeaseCounters {
  /** Times the lease had run out or was gone when it was to be renewed; everything was then written again. */
  readonly losses: number
  /** Renewals that the bus refused. */
  readonly failures: number
}

/** A field of every lease, so that an owner with nothing to say is an owner too. */
const PRESENT = ''
/** Two may fail before the lease runs out. */
const RENEWALS_PER_TTL = 3

/**
 * A hash map whose entries belong to processes, and vanish when their process does: each owner has a key
 * `<name>:<owner>` that lives for `ttlMs` and is renewed while the owner does; the set `<name>` lists the owners.
 */
export class LeasedHash {
  readonly #bus: Bus
  readonly #name: string
  readonly #options: LeaseOptions
  readonly #own = new Map<string, string>()
  readonly #heartbeat: NodeJS.Timeout
  readonly #leaveBus: () => void
  #isClosed = false
  #isHeld = false
  #losses = 0
  #failures = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(bus: Bus, name: string, options: LeaseOptions) {
    this.#bus = bus
    this.#name = name
    this.#options = options
    this.#heartbeat = setInterval(() => void this.renew(), options.ttlMs / RENEWALS_PER_TTL)
    this.#heartbeat.unref()
    this.#leaveBus = bus.onRecovered(() => void this.renew())
  }

  get counters(): LeaseCounters {
    return { losses: this.#losses, failures: this.#failures }
  }

  /** Sets a field of this owner. When the bus refuses, it is written with the next renewal that succeeds. */
  set(field: string, value: string): Promise<BusOutcome<void>> {
    this.#own.set(field, value)
    return this.#inTurn(() =>
      this.#isHeld
        ? this.#write([{ do: 'setFields', key: this.#key(this.#options.owner), fields: [[field, value]] }])
        : this.#writeAll(),
    )
  }

  delete(field: string): Promise<BusOutcome<void>> {
    this.#own.delete(field)
    return this.#inTurn(() =>
      this.#isHeld
        ? this.#write([{ do: 'removeFields', key: this.#key(this.#options.owner), fields: [field] }])
        : this.#writeAll(),
    )
  }

  /**
   * Gives a sign of life; happens by itself three times in `ttlMs`.
   *
   * @returns `lost` when the lease was not there any more (or not yet) and everything was written anew.
   */
  renew(): Promise<BusOutcome<'held' | 'lost'>> {
    return this.#inTurn<'held' | 'lost'>(async () => {
      const renewed = await this.#bus.renew(this.#key(this.#options.owner), this.#options.ttlMs)
      if (!renewed.ok) {
        this.#failures++
        return renewed
      }
      if (renewed.value && this.#isHeld) return this.#stayListed()
      if (this.#isHeld) this.#losses++
      const written = await this.#writeAll()
      return written.ok ? accepted('lost' as const) : written
    })
  }

  /** Every owner whose lease holds. */
  async owners(): Promise<BusOutcome<readonly string[]>> {
    const entries = await this.#readAll()
    return entries.ok ? accepted(entries.value.map(([owner]) => owner)) : entries
  }

  /** The entries of every owner whose lease holds. */
  async entries(): Promise<BusOutcome<readonly LeasedEntry[]>> {
    const all = await this.#readAll()
    if (!all.ok) return all
    return accepted(
      all.value.flatMap(([owner, fields]) =>
        [...fields].flatMap(([field, value]) => (field === PRESENT ? [] : [{ owner, field, value }])),
      ),
    )
  }

  /** Gives the lease up: its entries vanish at once, if the bus can be reached, else when the lease runs out. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearInterval(this.#heartbeat)
    this.#leaveBus()
    const { owner } = this.#options
    await this.#turn
    await this.#bus.apply([
      { do: 'delete', key: this.#key(owner) },
      { do: 'removeMembers', key: this.#name, members: [owner] },
    ])
  }

  #key(owner: string): string {
    return `${this.#name}:${owner}`
  }

  /** One after the other, so that a renewal and a change never cross on their way. */
  #inTurn<T>(step: () => Promise<BusOutcome<T>>): Promise<BusOutcome<T>> {
    if (this.#isClosed) return Promise.resolve(closedRefusal)
    const result = this.#turn.then(step)
    this.#turn = result
    return result
  }

  /** Somebody may have taken us off the list just when we came back from a pause. */
  async #stayListed(): Promise<BusOutcome<'held'>> {
    const written = await this.#write([{ do: 'addMembers', key: this.#name, members: [this.#options.owner] }])
    return written.ok ? accepted('held' as const) : written
  }

  async #write(changes: readonly BusChange[]): Promise<BusOutcome<void>> {
    const { owner, ttlMs } = this.#options
    const outcome = await this.#bus.apply([...changes, { do: 'renew', key: this.#key(owner), ttlMs }])
    // Whatever became of it, the next renewal writes everything.
    if (!outcome.ok) this.#isHeld = false
    return outcome
  }

  async #writeAll(): Promise<BusOutcome<void>> {
    const { owner } = this.#options
    const key = this.#key(owner)
    const fields: readonly BusField[] = [[PRESENT, ''], ...this.#own]
    const outcome = await this.#write([
      { do: 'delete', key },
      { do: 'setFields', key, fields },
      { do: 'addMembers', key: this.#name, members: [owner] },
    ])
    if (outcome.ok) this.#isHeld = true
    return outcome
  }

  async #readAll(): Promise<BusOutcome<readonly (readonly [string, ReadonlyMap<string, string>])[]>> {
    const owners = await this.#bus.setMembers(this.#name)
    if (!owners.ok) return owners
    const hashes = await Promise.all(owners.value.map((owner) => this.#bus.hashAll(this.#key(owner))))
    const all: (readonly [string, ReadonlyMap<string, string>])[] = []
    const gone: string[] = []
    for (const [index, hash] of hashes.entries()) {
      const owner = owners.value[index]!
      if (!hash.ok) return hash
      if (hash.value.size === 0) gone.push(owner)
      else all.push([owner, hash.value])
    }
    if (gone.length > 0) await this.#forget(gone)
    return accepted(all)
  }

  /** Takes owners whose lease has run out off the list. One that comes back puts itself on it again. */
  async #forget(owners: readonly string[]): Promise<void> {
    await this.#bus.apply([{ do: 'removeMembers', key: this.#name, members: owners }])
  }
}
