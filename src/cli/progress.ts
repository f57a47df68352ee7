import type { Clock } from '../kernel/index.ts'
import type { TextOutput } from './context.ts'

export interface ProgressState {
  readonly events: number
  /** 0 … 1; undefined while the whole is not known. */
  readonly fraction: number | undefined
}

export interface Progress {
  update(state: ProgressState): void
  /** Wipes the line, so that what follows starts on a clean one. */
  done(): void
}

const INTERVAL_MS = 250

/** A line on a terminal that says how far a long work has come; silent when nobody watches. */
export function createProgress(out: TextOutput, clock: Clock): Progress {
  if (out.isTTY !== true) return { update: () => undefined, done: () => undefined }
  const startedMs = clock.nowMs()
  let shownMs = startedMs
  return {
    update: (state) => {
      const nowMs = clock.nowMs()
      if (nowMs - shownMs < INTERVAL_MS) return
      shownMs = nowMs
      out.write(`\r\u001b[K${progressLine(state, nowMs - startedMs)}`)
    },
    done: () => {
      out.write('\r\u001b[K')
    },
  }
}

/** How many bytes have come, on a line that is written over; silent when nobody watches. */
export function createByteProgress(out: TextOutput, clock: Clock) {
  const isWatched = out.isTTY === true
  const startedMs = clock.nowMs()
  let [bytes, shownMs] = [0, startedMs]
  return {
    add: (more: number): void => {
      bytes += more
      const nowMs = clock.nowMs()
      if (!isWatched || nowMs - shownMs < INTERVAL_MS) return
      shownMs = nowMs
      const rate = formatCount(perSecond(Math.round(bytes / 1_000), nowMs - startedMs))
      out.write(`\r\u001b[K${formatCount(Math.round(bytes / 1_000))} kB · ${rate} kB/s`)
    },
    done: (): void => {
      if (isWatched) out.write('\r\u001b[K')
    },
  }
}

/** `12,000 events · 6,000/s · 50 % · 2 s left` */
export function progressLine({ events, fraction }: ProgressState, tookMs: number): string {
  const parts = [`${formatCount(events)} events`, `${formatCount(perSecond(events, tookMs))}/s`]
  if (fraction !== undefined && fraction > 0) {
    const leftMs = (tookMs / fraction) * (1 - Math.min(fraction, 1))
    parts.push(`${Math.floor(fraction * 100)} %`, `${formatDuration(leftMs)} left`)
  }
  return parts.join(' · ')
}

export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

export function perSecond(count: number, tookMs: number): number {
  return Math.round((count * 1000) / Math.max(1, tookMs))
}

export function formatDuration(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes} min ${seconds % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
