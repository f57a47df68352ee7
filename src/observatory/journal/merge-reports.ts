import type { Offence, RelayReport } from '../relay-report.ts'

/** Samples of one latency that a merged report keeps, evenly taken from all. */
const MAX_SAMPLES = 200

/** One report for each relay out of several, given in the order of time: what is added up is, the rest is the newest. */
export function mergeReports(reports: readonly RelayReport[]): readonly RelayReport[] {
  const merged = new Map<number, RelayReport>()
  for (const report of reports) {
    const before = merged.get(report.relay)
    merged.set(report.relay, before === undefined ? report : merge(before, report))
  }
  return [...merged.values()]
}

function merge(before: RelayReport, after: RelayReport): RelayReport {
  const information = after.information ?? before.information
  const cursor = after.cursor ?? before.cursor
  return {
    relay: after.relay,
    atSeconds: after.atSeconds,
    state: after.state,
    ...(after.reason !== undefined && { reason: after.reason }),
    watchedSeconds: before.watchedSeconds + after.watchedSeconds,
    connectedSeconds: before.connectedSeconds + after.connectedSeconds,
    openMs: sampled(before.openMs, after.openMs),
    readMs: sampled(before.readMs, after.readMs),
    pingMs: sampled(before.pingMs, after.pingMs),
    offences: added(before.offences, after.offences),
    ...(information !== undefined && { information }),
    ...(cursor !== undefined && { cursor }),
    isProven: before.isProven || after.isProven,
    failures: after.failures,
    nextTrySeconds: after.nextTrySeconds,
  }
}

function sampled(before: readonly number[], after: readonly number[]): readonly number[] {
  const all = [...before, ...after]
  if (all.length <= MAX_SAMPLES) return all
  return Array.from({ length: MAX_SAMPLES }, (_, n) => all[Math.floor((n * all.length) / MAX_SAMPLES)]!)
}

function added(before: RelayReport['offences'], after: RelayReport['offences']): RelayReport['offences'] {
  const sum: Partial<Record<Offence, number>> = { ...before }
  for (const [offence, count] of Object.entries(after) as [Offence, number][]) {
    sum[offence] = (sum[offence] ?? 0) + count
  }
  return sum
}
