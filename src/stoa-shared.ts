/**
 * What the processes of one Stoa share while they run: new events, the registry of connections, used AUTH events, and
 * the switches of document 003. A process that is alone has all of it in its own memory.
 */
import type { Config } from './config/index.ts'
import { type Bus, type BusStatus, openBus } from './platform/bus/index.ts'
import type { ComponentHealth, Logger } from './platform/index.ts'
import {
  createProcessBus,
  type ProcessBus,
  type ProcessBusCounters,
  type RelayOrder,
  type SharedSwitchesData,
} from './relay/index.ts'
import {
  BusRegistry,
  type ConnectionRegistry,
  createMemoryRegistry,
  RegistryFeed,
  type RegistryFeedCounters,
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
  stats(): SharedStats
  stop(): Promise<void>
}

/** What `/metrics` tells of it. */
export interface SharedStats {
  readonly bus: BusStatus
  /** Undefined when this process is alone. */
  readonly processBus: ProcessBusCounters | undefined
  /** Undefined until it follows a relay. */
  readonly registry: RegistryFeedCounters | undefined
}

/** Opens what is shared. Never fails: Redis that is away is waited for while this process serves its own clients. */
export async function openShared(config: Config, processId: string, logger: Logger): Promise<Shared> {
  const { url, prefix } = config.redis
  const bus = await openBus({ url, prefix, name: `stoa-${processId}` })
  const isAlone = url === ''
  const processBus = isAlone ? undefined : createProcessBus(bus, processId)
  const registry = isAlone ? createMemoryRegistry() : new BusRegistry(bus, { processId })
  const endings: (() => void | Promise<void>)[] = []
  let feed: FedRegistry | undefined
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
      feed = await feedRegistry(unit, registry, processId, logger)
      endings.push(feed.stop)
      if (!isAlone) endings.push(await followSwitches(unit, bus, registry))
    },
    health: () => healthOf(bus, processBus),
    stats: () => ({ bus: bus.status(), processBus: processBus?.counters(), registry: feed?.counters() }),
    stop: async () => {
      for (const end of endings) await end()
      processBus?.close()
      await bus.close()
    },
  }
}

interface FedRegistry {
  counters(): RegistryFeedCounters
  stop(): Promise<void>
}

/** Keeps the registry like the connections of this process; the others may ask to close one. */
async function feedRegistry(
  unit: RelayUnit,
  registry: ConnectionRegistry,
  processId: string,
  logger: Logger,
): Promise<FedRegistry> {
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
  return {
    counters: () => feed.counters,
    stop: async () => {
      clearInterval(looking)
      stopListening()
      await feed.stop()
    },
  }
}

/**
 * Document 003's switches in Redis hold beside what operators have decided: the stricter of the two.
 *
 * The limit on connections is one on all processes together. Each knows its own at any moment, and of the others what
 * the registry says, which is `POLL_INTERVAL_MS` to three times that old. So when all let clients in at once there may
 * be too many, at most as many as the others let in during that time; the connections of a process that was killed
 * count until its lease ends (5 s). Who is in stays in. While Redis is away, what was last known holds.
 */
async function followSwitches(unit: RelayUnit, bus: Bus, registry: ConnectionRegistry): Promise<() => void> {
  const switches = new SharedSwitches(bus)
  await switches.start()
  let otherConnections = 0
  let before = ''
  const tell = async (): Promise<void> => {
    const { isInMaintenance, maxConnections, unlimitedAddresses } = switches.current
    if (maxConnections > 0) {
      const others = await registry.sizeOfOthers()
      if (others.ok) otherConnections = others.value
    }
    const now: SharedSwitchesData = {
      isInMaintenance,
      maxConnections,
      otherConnections: maxConnections > 0 ? otherConnections : 0,
      unlimitedIps: [...unlimitedAddresses].toSorted(),
    }
    const text = JSON.stringify(now)
    if (text === before) return
    before = text
    await unit.obey({ do: 'switch', switches: now } satisfies RelayOrder)
  }
  let isTelling = false
  const timer = setInterval(() => {
    // A bus that is slow is not asked again before it has answered.
    if (isTelling) return
    isTelling = true
    void tell().finally(() => {
      isTelling = false
    })
  }, POLL_INTERVAL_MS / 2)
  timer.unref()
  await tell()
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
