/**
 * What the processes of one Stoa share while they run: new events, the registry of connections, used AUTH events, and
 * the switches of document 003. A process that is alone has all of it in its own memory.
 */
import type { Config } from './config/index.ts'
import { type Bus, openBus } from './platform/bus/index.ts'
import type { ComponentHealth, Logger } from './platform/index.ts'
import { createProcessBus, type ProcessBus, type RelayOrder } from './relay/index.ts'
import {
  BusRegistry,
  type ConnectionRegistry,
  createMemoryRegistry,
  RegistryFeed,
  registerable,
  SharedSwitches,
  useAuthenticator,
} from './relay/registry/index.ts'
import type { RelayUnit } from './stoa-relay.ts'

/** A closed connection that somebody on another process wanted closed. */
const POLL_INTERVAL_MS = 1_000

export interface Shared {
  readonly bus: Bus
  /** Undefined when this process is alone. */
  readonly processBus: ProcessBus | undefined
  readonly registry: ConnectionRegistry
  /** False when the event was used before, on whichever process (`RelayHost.claimAuthEvent`). */
  claimAuthEvent(id: string, untilSeconds: number): Promise<boolean>
  /** Begins to write this relay's connections where others can see them, and to follow what they share. */
  follow(unit: RelayUnit): Promise<void>
  health(): ComponentHealth
  stop(): Promise<void>
}

/** Opens what is shared. Never fails: Redis that is away is waited for while this process serves its own clients. */
export async function openShared(config: Config, processId: string, logger: Logger): Promise<Shared> {
  const { url, prefix } = config.redis
  const bus = await openBus({ url, prefix, name: `stoa-${processId}` })
  const isAlone = url === ''
  const processBus = isAlone ? undefined : createProcessBus(bus, processId)
  const registry = isAlone ? createMemoryRegistry() : new BusRegistry(bus, { processId })
  const endings: (() => void | Promise<void>)[] = []
  return {
    bus,
    processBus,
    registry,
    claimAuthEvent: async (id, untilSeconds) => {
      const ttlMs = Math.max(1_000, untilSeconds * 1_000 - Date.now())
      const used = await useAuthenticator(bus, { eventId: id, connectionId: processId, ttlMs })
      // When nobody knows whether it was used, the client must prove its key by a challenge instead.
      return used.ok && used.value
    },
    follow: async (unit) => {
      endings.push(await feedRegistry(unit, registry, processId, logger))
      if (!isAlone) endings.push(await followSwitches(unit, bus))
    },
    health: () => healthOf(bus, processBus),
    stop: async () => {
      for (const end of endings) await end()
      processBus?.close()
      await bus.close()
    },
  }
}

/** Keeps the registry like the connections of this process; the others may ask to close one. */
async function feedRegistry(
  unit: RelayUnit,
  registry: ConnectionRegistry,
  processId: string,
  logger: Logger,
): Promise<() => Promise<void>> {
  let known = registerable(processId, await unit.connections())
  const looking = setInterval(() => {
    unit.connections().then(
      (connections) => {
        known = registerable(processId, connections)
      },
      (err: unknown) => logger.warn({ err }, 'registry.not_fed'),
    )
  }, POLL_INTERVAL_MS)
  looking.unref()
  const feed = new RegistryFeed({
    registry,
    snapshot: () => known,
    onRefused: (refusal) => logger.warn({ refusal }, 'registry.refused'),
  })
  feed.start()
  const stopListening = registry.onClose(({ connectionId, reason }) => {
    void unit.obey({ do: 'disconnect', whom: { id: connectionId }, text: reason })
  })
  return async () => {
    clearInterval(looking)
    stopListening()
    await feed.stop()
  }
}

/** Document 003's switches in Redis hold beside what operators have decided: the stricter of the two. */
async function followSwitches(unit: RelayUnit, bus: Bus): Promise<() => void> {
  const switches = new SharedSwitches(bus)
  await switches.start()
  let before = ''
  const timer = setInterval(() => {
    const { isInMaintenance, maxConnections, unlimitedAddresses } = switches.current
    const now = { isInMaintenance, maxConnections, unlimitedIps: [...unlimitedAddresses].toSorted() }
    const text = JSON.stringify(now)
    if (text === before) return
    before = text
    void unit.obey({ do: 'switch', switches: now } satisfies RelayOrder)
  }, POLL_INTERVAL_MS / 2)
  timer.unref()
  return () => {
    clearInterval(timer)
    switches.stop()
  }
}

function healthOf(bus: Bus, processBus: ProcessBus | undefined): ComponentHealth {
  const { kind, state, counters } = bus.status()
  const missed = processBus?.counters().messagesMissed ?? 0
  return { status: state === 'ok' ? 'ok' : 'degraded', kind, dropped: counters.dropped, missed }
}
