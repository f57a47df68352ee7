/** Who shares the work of collecting: the live collectors of this Stoa. */
import { type Bus, LeasedHash } from '../../platform/bus/index.ts'

export interface CollectorMembers {
  readonly self: string
  /** Includes `self`. */
  live(): readonly string[]
  /** Called when `live` has changed. Returns how to stop listening. */
  onChange(listener: () => void): () => void
}

export interface BusMembers extends CollectorMembers {
  /** Leaves, so that others take over at once. */
  stop(): Promise<void>
}

export interface BusMembersOptions {
  readonly name?: string
  /** After so long without a sign of life a member is gone. */
  readonly ttlMs?: number
}

const DEFAULT_TTL_MS = 4_500
const LOOKS_PER_TTL = 3

/** One collector, alone. */
export function lonelyMembers(self: string): CollectorMembers {
  return { self, live: () => [self], onChange: () => () => undefined }
}

/**
 * Members by leases on the bus. While the bus is away everybody goes on with what it knew last: relays are read once or
 * twice then, never less, and reading twice is harmless.
 *
 * @param self a name that no other process has, a new one after each start.
 */
export async function busMembers(
  bus: Bus,
  self: string,
  { name = 'observatory:collectors', ttlMs = DEFAULT_TTL_MS }: BusMembersOptions = {},
): Promise<BusMembers> {
  const lease = new LeasedHash(bus, name, { owner: self, ttlMs })
  const listeners = new Set<() => void>()
  let live: readonly string[] = [self]
  let isLooking = false
  const look = async () => {
    if (isLooking) return
    isLooking = true
    const owners = await lease.owners()
    isLooking = false
    if (!owners.ok) return
    const found = [...new Set([...owners.value, self])].sort()
    if (found.join('\n') === live.join('\n')) return
    live = found
    for (const listener of listeners) listener()
  }
  await lease.renew()
  await look()
  const timer = setInterval(() => void look(), ttlMs / LOOKS_PER_TTL)
  timer.unref()
  return {
    self,
    live: () => live,
    onChange: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    stop: async () => {
      clearInterval(timer)
      listeners.clear()
      await lease.close()
    },
  }
}
