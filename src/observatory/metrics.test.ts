import { expect, expectTypeOf, test } from 'vitest'
import { createMetricsRegistry } from '../platform/index.ts'
import type { CollectorStats } from './collector/index.ts'
import type { IntakeStats } from './intake/index.ts'
import type { DeliveryStats } from './journal/index.ts'
import { type ObservatoryFigures, registerObservatoryMetrics, type WatchFigures } from './metrics.ts'
import type { KeeperState, KeeperStats } from './records/index.ts'

const NOTHING: ObservatoryFigures = {
  watch: () => undefined,
  journalLimitBytes: () => 1_000,
  coverage: async () => undefined,
  standing: async () => undefined,
  feed: () => undefined,
  alerts: async () => undefined,
  tiers: async () => undefined,
  readers: () => undefined,
  answers: () => ({ answered: 0 }),
}

const WATCH: WatchFigures = {
  isKeeper: true,
  collector: {
    known: 9,
    share: 8,
    connected: 5,
    connecting: 1,
    waiting: 2,
    candidates: 3,
    refused: 1,
    messages: 100,
    bytes: 9_000,
    ownOutages: 0,
    ownOutageSince: undefined,
    uncertainSeconds: 60,
    offences: { 'forged-id': 2, flood: 0 },
  },
  intake: { observations: 90, known: 40, verified: 50, spared: 0, refused: 10, seenEvents: 50 },
  delivery: {
    deliveries: 4,
    rows: 90,
    journalled: 1,
    failures: 1,
    failuresInARow: 0,
    journalBytes: 0,
    waitingRows: 7,
    lastDeliveredSeconds: undefined,
    isJournalFull: true,
  },
  keeper: {
    state: 'behind',
    relays: 8,
    batches: 4,
    observations: 90,
    counted: 80,
    setAside: 0,
    tooOld: 0,
    restores: 1,
    checkpoints: 2,
    failures: 0,
    lastFlushMs: 12,
    lastCheckpointMs: 1_500,
    lastCheckpointBytes: 4_096,
  },
}

async function linesOf(figures: Partial<ObservatoryFigures>): Promise<readonly string[]> {
  const registry = createMetricsRegistry()
  registerObservatoryMetrics(registry, { ...NOTHING, ...figures })
  return (await registry.metrics()).split('\n').filter((line) => line.startsWith('stoa_observatory_'))
}

test('what is not there is not in the metrics, rather than there and 0', async () => {
  expect(await linesOf({})).toEqual(['stoa_observatory_api_requests_total{result="answered"} 0'])
})

test('a process that collects shows its share, and whether it keeps the figures', async () => {
  const lines = await linesOf({ watch: () => WATCH })
  expect(lines).toEqual(
    expect.arrayContaining([
      'stoa_observatory_relays{state="connected"} 5',
      'stoa_observatory_offences_total{offence="forged-id"} 2',
      'stoa_observatory_observations_total 90',
      'stoa_observatory_journal_full 1',
      'stoa_observatory_journal_limit_bytes 1000',
      'stoa_observatory_last_delivery_seconds 0',
      'stoa_observatory_keeper 1',
      'stoa_observatory_own_outage 0',
      'stoa_observatory_keeper_state{state="behind"} 1',
      'stoa_observatory_keeper_state{state="keeping"} 0',
      'stoa_observatory_keeper_checkpoint_seconds 1.5',
    ]),
  )
  const other = await linesOf({ watch: () => ({ ...WATCH, isKeeper: false, keeper: undefined }) })
  expect(other).toContain('stoa_observatory_keeper 0')
  expect(other.filter((line) => line.startsWith('stoa_observatory_keeper_'))).toEqual([])
})

test('what the database knows is told by every process', async () => {
  const lines = await linesOf({
    standing: async () => ({
      snapshotAtSeconds: undefined,
      waitingBatches: 3,
      setAsideBatches: 1,
      unreadableState: undefined,
      collectors: [{}, {}],
    }),
    coverage: async () => ({ relaysKnown: 9, relaysWatched: 8, relaysConnected: 7, relaysCandidate: 1 }),
    alerts: async () => ({
      rules: [{ state: 'firing', count: 2 }],
      deliveries: [{ channel: 'email', state: 'failed', count: 1 }],
    }),
    tiers: async () => [{ tier: 'plus', state: 'active', count: 4 }],
  })
  expect(lines).toEqual(
    expect.arrayContaining([
      'stoa_observatory_last_snapshot_seconds 0',
      'stoa_observatory_waiting_batches 3',
      'stoa_observatory_state_unreadable 0',
      'stoa_observatory_collectors 2',
      'stoa_observatory_network_relays{state="watched"} 8',
      'stoa_observatory_alert_rules{state="firing"} 2',
      'stoa_observatory_alert_deliveries{channel="email",state="failed"} 1',
      'stoa_observatory_api_subscriptions{tier="plus",state="active"} 4',
    ]),
  )
})

test('the parts of the observatory tell what the metrics show', () => {
  expectTypeOf<CollectorStats>().toExtend<WatchFigures['collector']>()
  expectTypeOf<IntakeStats>().toExtend<WatchFigures['intake']>()
  expectTypeOf<DeliveryStats>().toExtend<WatchFigures['delivery']>()
  expectTypeOf<KeeperStats>().toExtend<NonNullable<WatchFigures['keeper']>>()
  expectTypeOf<KeeperState>().toEqualTypeOf<'keeping' | 'behind' | 'restoring' | 'lost' | 'stopped'>()
})
