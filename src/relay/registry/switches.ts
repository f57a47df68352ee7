import type { Bus, BusOutcome } from '../../platform/bus/index.ts'
import { keys } from './keys.ts'

/** What an operator switches for all processes at once. */
export interface RelaySwitches {
  /** No new connections; open ones stay. */
  readonly isInMaintenance: boolean
  /** IP addresses that no rate applies to. */
  readonly unlimitedAddresses: ReadonlySet<string>
  /** Connections of all processes together; 0 is no limit. */
  readonly maxConnections: number
}

const OFF: RelaySwitches = { isInMaintenance: false, unlimitedAddresses: new Set(), maxConnections: 0 }

/** Twice a second, so that a change is known within one. */
const INTERVAL_MS = 500

/** What counts as "not in maintenance", beside no value at all. */
const NO = new Set(['', '0', 'false', 'no', 'off'])

/**
 * The switches as they stand on the bus, read about twice a second. While the bus is away, what was last known holds;
 * before it was ever reached, everything is off.
 */
export class SharedSwitches {
  readonly #bus: Bus
  readonly #intervalMs: number
  #current = OFF
  #timer: NodeJS.Timeout | undefined
  #reading: Promise<void> | undefined
  #failures = 0

  constructor(bus: Bus, { intervalMs = INTERVAL_MS }: { readonly intervalMs?: number } = {}) {
    this.#bus = bus
    this.#intervalMs = intervalMs
  }

  get current(): RelaySwitches {
    return this.#current
  }

  /** Times that they could not be read. */
  get failures(): number {
    return this.#failures
  }

  /** Reads them for the first time, and then again and again. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => {
      // A bus that is slow is not asked again before it has answered.
      if (this.#reading === undefined) void this.read()
    }, this.#intervalMs)
    this.#timer.unref()
    await this.read()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Reads them now, behind a reading that is under way. */
  async read(): Promise<void> {
    const reading = (this.#reading ?? Promise.resolve()).then(() => this.#readOnce())
    this.#reading = reading
    await reading
    if (this.#reading === reading) this.#reading = undefined
  }

  setMaintenance(isInMaintenance: boolean): Promise<BusOutcome<void>> {
    return this.#change(() =>
      isInMaintenance ? this.#bus.set(keys.maintenance, '1') : this.#bus.delete(keys.maintenance),
    )
  }

  /** @param maxConnections 0 is no limit. */
  setMaxConnections(maxConnections: number): Promise<BusOutcome<void>> {
    return this.#change(() => this.#bus.set(keys.maxConnections, String(maxConnections)))
  }

  /** Lets an IP address go without rates, or no longer. */
  setUnlimited(address: string, isUnlimited: boolean): Promise<BusOutcome<void>> {
    const kind = isUnlimited ? 'addMembers' : 'removeMembers'
    return this.#change(() =>
      this.#bus.apply([{ do: kind, key: keys.unlimitedAddresses, members: [address] }]),
    )
  }

  async #readOnce(): Promise<void> {
    const [maintenance, addresses, maximum] = await Promise.all([
      this.#bus.get(keys.maintenance),
      this.#bus.setMembers(keys.unlimitedAddresses),
      this.#bus.get(keys.maxConnections),
    ])
    if (!maintenance.ok || !addresses.ok || !maximum.ok) {
      this.#failures++
      return
    }
    this.#current = {
      isInMaintenance: maintenance.value !== undefined && !NO.has(maintenance.value.toLowerCase()),
      unlimitedAddresses: new Set(addresses.value),
      maxConnections: maxConnectionsOf(maximum.value) ?? this.#current.maxConnections,
    }
  }

  async #change(write: () => Promise<BusOutcome<void>>): Promise<BusOutcome<void>> {
    const outcome = await write()
    if (outcome.ok) await this.read()
    return outcome
  }
}

/** Undefined for what is no number: better the limit of before than none. */
function maxConnectionsOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return 0
  const number = Number(text)
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined
}
