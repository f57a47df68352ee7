/** One number for how well a relay serves, and how it comes about. */
import type { Offence } from '../relay-report.ts'

/** The formula in words, for the documentation of the API. */
export const HEALTH_FORMULA =
  'health_score = 60 × uptime + 25 × speed + 15 × conduct, from 0 to 100. ' +
  'uptime: share of the watched time in which the relay was connected. ' +
  'speed: 1 up to a median latency of 100 ms, 0 from 5,000 ms on, between them evenly by the logarithm; 0 without a measurement. ' +
  'conduct: (events + 100) / (events + 100 + 20 × grave + slight), where grave counts forged ids, wrong signatures, malformed events, ' +
  'messages that are not JSON, endless streams and floods, and slight everything else that the relay did wrong, all in the range.'

const UPTIME_POINTS = 60
const SPEED_POINTS = 25
const CONDUCT_POINTS = 15
const FAST_MS = 100
const SLOW_MS = 5_000
/** Offences weigh against events; so many are lent to a relay that has few, so that one slip does not ruin it. */
const LENT_EVENTS = 100
const GRAVE_WEIGHT = 20
const GRAVE: ReadonlySet<string> = new Set<Offence>([
  'not-json',
  'forged-id',
  'wrong-signature',
  'malformed-event',
  'endless-stream',
  'flood',
])

export interface HealthFacts {
  /** 0 … 1; undefined when it was not watched. */
  readonly uptime: number | undefined
  readonly latencyP50Ms: number | undefined
  /** Of the same range. */
  readonly events: number
  readonly offences: Readonly<Partial<Record<Offence, number>>>
}

/**
 * 0 … 100 with one decimal; undefined when the relay was not watched.
 *
 * 60 × uptime + 25 × speed + 15 × conduct, where speed is 1 up to 100 ms, 0 from 5 s on and (ln 5000 − ln p50) /
 * (ln 5000 − ln 100) between, and conduct is (events + 100) / (events + 100 + 20 × grave + slight).
 */
export function healthScore({ uptime, latencyP50Ms, events, offences }: HealthFacts): number | undefined {
  if (uptime === undefined) return undefined
  const points =
    UPTIME_POINTS * uptime + SPEED_POINTS * speed(latencyP50Ms) + CONDUCT_POINTS * conduct(events, offences)
  return Math.round(points * 10) / 10
}

function speed(latencyP50Ms: number | undefined): number {
  if (latencyP50Ms === undefined) return 0
  const clamped = Math.min(SLOW_MS, Math.max(FAST_MS, latencyP50Ms))
  return Math.log(SLOW_MS / clamped) / Math.log(SLOW_MS / FAST_MS)
}

function conduct(events: number, offences: HealthFacts['offences']): number {
  let weight = 0
  for (const [offence, count] of Object.entries(offences))
    weight += GRAVE.has(offence) ? GRAVE_WEIGHT * count : count
  return (events + LENT_EVENTS) / (events + LENT_EVENTS + weight)
}
