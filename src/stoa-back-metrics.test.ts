import { expect, test } from 'vitest'
import type { SettlementFigures } from './console/index.ts'
import { createMetricsRegistry } from './platform/index.ts'
import { registerSettlementMetrics } from './stoa-back-metrics.ts'

const FIGURES: SettlementFigures = {
  orders: [{ rail: 'stub', state: 'sent', count: 2 }],
  channels: [{ rail: 'stub', direction: 'out', state: 'open', count: 1 }],
  requests: 5,
  noticesWaiting: 4,
  rails: [
    {
      rail: 'stub',
      status: 'degraded',
      failedRounds: 3,
      lastRoundMs: 1_700_000_000_000,
      lastError: 'no network',
      undelivered: 1,
    },
  ],
}

test('settlement is in the metrics of the process that is the node, and not in those of one that stands by', async () => {
  const registry = createMetricsRegistry()
  let isNode = false
  registerSettlementMetrics(registry, () => (isNode ? Promise.resolve(FIGURES) : undefined))
  const samples = async () =>
    (await registry.metrics()).split('\n').filter((line) => line.startsWith('stoa_settlement_'))
  expect(await samples()).toEqual([])
  isNode = true
  // What a scrape has read is kept for a moment.
  await expect
    .poll(samples, { timeout: 60_000, interval: 100 })
    .toEqual([
      'stoa_settlement_orders{rail="stub",state="sent"} 2',
      'stoa_settlement_channels{rail="stub",direction="out",state="open"} 1',
      'stoa_settlement_rail_up{rail="stub"} 0',
      'stoa_settlement_rail_failed_rounds{rail="stub"} 3',
      'stoa_settlement_rail_last_round_seconds{rail="stub"} 1700000000',
      'stoa_settlement_undelivered_claims{rail="stub"} 1',
      'stoa_settlement_waiting_notices 4',
    ])
})
