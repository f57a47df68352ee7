import { expect, test } from 'vitest'
import { HEALTH_FORMULA, type HealthFacts, healthScore } from './index.ts'

const relay = (traits: Partial<HealthFacts> = {}): HealthFacts => ({
  uptime: 1,
  latencyP50Ms: 80,
  events: 1_000,
  offences: {},
  ...traits,
})

test('a relay that is always there, quick and well-behaved has 100', () => {
  expect(healthScore(relay())).toBe(100)
})

test('a relay that was not watched has no score', () => {
  expect(healthScore(relay({ uptime: undefined }))).toBeUndefined()
})

test('uptime is worth 60, speed 25, conduct 15', () => {
  expect(healthScore(relay({ uptime: 0 }))).toBe(40)
  expect(healthScore(relay({ latencyP50Ms: 5_000 }))).toBe(75)
  expect(healthScore(relay({ latencyP50Ms: undefined }))).toBe(75)
  expect(healthScore(relay({ offences: { 'forged-id': 1e9 } }))).toBe(85)
})

test('speed falls evenly by the logarithm: √(100 × 5000) ms is half of it', () => {
  expect(healthScore(relay({ latencyP50Ms: Math.sqrt(100 * 5_000) }))).toBe(87.5)
})

test('a grave offence weighs as much as twenty slight ones, against the events', () => {
  expect(healthScore(relay({ offences: { 'forged-id': 55 } }))).toBe(92.5)
  expect(healthScore(relay({ offences: { silent: 1_100 } }))).toBe(92.5)
})

test('the published formula names the weights', () => {
  expect(HEALTH_FORMULA).toContain('60 × uptime + 25 × speed + 15 × conduct')
})
