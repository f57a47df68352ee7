import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { EventStore } from '../../events/index.ts'
import { createMemoryStore } from '../../events/memory/index.ts'
import { createManualClock, type ManualClock } from '../../kernel/index.ts'
import { encodeEvent, type NostrEvent } from '../../nostr/index.ts'
import { type Bus, createMemoryBus } from '../../platform/bus/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { AccessLists, type AccessListsData, type RelayOrder } from '../../relay/index.ts'
import { loadSnapshot } from '../access/snapshot.ts'
import { type Moderation, type ModerationDeps, openModeration } from '../moderation.ts'
import type { ModerationSettings } from '../settings.ts'

export const TEST_SETTINGS: ModerationSettings = {
  maxEntries: 1_000,
  pollSeconds: 1,
  maxHeldEvents: 100,
  maxHeldPerAuthor: 3,
  keepHeldDays: 30,
  maxOpenReports: 100,
  keepReportsDays: 90,
  memberWeight: 3,
  trustedWeight: 10,
}

/** Where the clock of every test stands at first. */
export const START_MS = 1_700_000_100_000

/** A data folder that may be opened and closed several times, as a program is started and stopped. */
export interface Rig {
  readonly folder: string
  readonly accessFile: string
  readonly clock: ManualClock
  start(
    given?: Partial<ModerationDeps> & { readonly database?: () => Database | undefined },
  ): Promise<ModerationUnderTest>
  /** Stops what runs and removes the folder. */
  close(): Promise<void>
}

export interface ModerationUnderTest {
  readonly moderation: Moderation
  readonly store: EventStore
  readonly bus: Bus
  /** Everything that the relay was told since it started. */
  readonly orders: readonly RelayOrder[]
  /** What the relay knows: the snapshot that it began with, and each order carried out on it. */
  relayLists(): AccessListsData
  /** Ids of events that were brought to listeners. */
  readonly published: readonly string[]
  stop(): Promise<void>
}

export function createRig(): Rig {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-moderation-'))
  const accessFile = join(folder, 'access.json')
  const clock = createManualClock(START_MS)
  const running = new Set<ModerationUnderTest>()
  return {
    folder,
    accessFile,
    clock,
    start: async (given = {}) => {
      const started = await startIn(accessFile, clock, given)
      running.add(started)
      return started
    },
    close: async () => {
      for (const { stop } of running) await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function startIn(
  accessFile: string,
  clock: ManualClock,
  given: Partial<ModerationDeps>,
): Promise<ModerationUnderTest> {
  const store = createMemoryStore()
  const bus = createMemoryBus(clock)
  const orders: RelayOrder[] = []
  const published: string[] = []
  const snapshot = given.snapshot ?? (await loadSnapshot(given.accessFile ?? accessFile))
  const relay = AccessLists.fromJSON(snapshot.lists)
  const moderation = openModeration({
    database: () => undefined,
    accessFile,
    snapshot,
    relay: {
      obey: (order) => {
        orders.push(order)
        if (order.do === 'replace-access') relay.replace(order.lists)
        if (order.do === 'change-access') for (const change of order.changes) relay.apply(change)
        return order.do === 'disconnect' ? 1 : 0
      },
    },
    bus,
    store,
    publish: async (event: NostrEvent) => {
      const [outcome] = await store.put([Buffer.from(encodeEvent(event))], clock.nowSeconds())
      if (outcome?.status === 'stored') published.push(event.id)
      return outcome ?? { status: 'failed', message: 'no answer' }
    },
    configuredLevels: () => ({ members: [], trusted: [] }),
    settings: TEST_SETTINGS,
    clock,
    logger: pino({ level: 'silent' }),
    ...given,
  })
  let isStopped = false
  return {
    moderation,
    store,
    bus,
    orders,
    relayLists: () => relay.toJSON(),
    published,
    stop: async () => {
      if (isStopped) return
      isStopped = true
      await moderation.stop()
      await bus.close()
    },
  }
}
