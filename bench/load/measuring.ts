import { busyCoreSeconds } from '../core-meter.ts'
import type { BenchContext } from './bench-context.ts'
import type { Figures } from './job.ts'
import type { LatencyHistogram } from './latency.ts'

/** What a stretch of work took, of time, of the relay's processor and of the load's own. */
export interface Stretch {
  readonly wallSeconds: number
  /** Undefined when the relay's process is not known or not on this machine. */
  readonly relayCpuSeconds: number | undefined
  readonly loadCpuSeconds: number
  /** Time that other processes, the kernel and the hypervisor took from the relay's core; undefined without pinning. */
  readonly othersCpuSeconds: number | undefined
}

/** Starts a stretch; the function returned ends it. */
export function startStretch({ meter, relayCore }: BenchContext): () => Stretch {
  const busySeconds = () => (relayCore === undefined ? undefined : busyCoreSeconds(relayCore))
  const busyBefore = busySeconds()
  const relayBefore = meter?.read()
  const loadBefore = process.cpuUsage()
  const startedMs = performance.now()
  return () => {
    const wallSeconds = (performance.now() - startedMs) / 1000
    const load = process.cpuUsage(loadBefore)
    const relayAfter = meter?.read()
    const busyAfter = busySeconds()
    const relayCpuSeconds = relayBefore && relayAfter && relayAfter.cpuSeconds - relayBefore.cpuSeconds
    return {
      wallSeconds,
      relayCpuSeconds,
      loadCpuSeconds: (load.user + load.system) / 1e6,
      othersCpuSeconds:
        busyBefore === undefined || busyAfter === undefined || relayCpuSeconds === undefined
          ? undefined
          : Math.max(0, busyAfter - busyBefore - relayCpuSeconds),
    }
  }
}

/** Rates and shares for `done` pieces of work: by wall clock and by second of the relay's processor. */
export function rateFigures(done: number, stretch: Stretch): Figures {
  const relayCpu = stretch.relayCpuSeconds
  return {
    done,
    wallSeconds: stretch.wallSeconds,
    perSecond: done / stretch.wallSeconds,
    loadCpuShare: stretch.loadCpuSeconds / stretch.wallSeconds,
    ...(stretch.othersCpuSeconds === undefined
      ? {}
      : { othersCpuShare: stretch.othersCpuSeconds / stretch.wallSeconds }),
    ...(relayCpu === undefined
      ? {}
      : {
          relayCpuSeconds: relayCpu,
          relayCpuShare: relayCpu / stretch.wallSeconds,
          ...(relayCpu > 0 && done > 0
            ? { perCpuSecond: done / relayCpu, cpuSecondsPer10k: (10_000 * relayCpu) / done }
            : {}),
        }),
  }
}

export function latencyFigures(latency: LatencyHistogram): Figures {
  if (latency.count === 0) return {}
  return { p50Ms: latency.percentileMs(0.5), p99Ms: latency.percentileMs(0.99), maxMs: latency.maxMs }
}

const BUSY_SHARE = 0.85

/** A remark when the load's own core was the limit, so that a figure is not taken for the relay's. */
export function loadRemarks(stretch: Stretch): string[] {
  const share = stretch.loadCpuSeconds / stretch.wallSeconds
  if (share <= BUSY_SHARE) return []
  return [`the load's core was ${Math.round(100 * share)} % busy: the relay may be faster than this`]
}
