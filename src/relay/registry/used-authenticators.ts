import type { Bus, BusOutcome } from '../../platform/bus/index.ts'
import { keys } from './keys.ts'

/**
 * Takes an event of kind 22242 for authentication. True the first time, on whichever process; false when it was used
 * before. When the bus refuses, nobody knows: let the client prove its key again.
 *
 * @param use.ttlMs for how long the event would still be valid; afterwards it is refused for its age anyway.
 */
export function useAuthenticator(
  bus: Bus,
  use: { readonly eventId: string; readonly connectionId: string; readonly ttlMs: number },
): Promise<BusOutcome<boolean>> {
  return bus.setIfAbsent(keys.usedAuthenticator(use.eventId), use.connectionId, { ttlMs: use.ttlMs })
}
