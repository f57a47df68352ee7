import { signal } from '@preact/signals'

/** How far the server's clock is ahead of ours: ages of figures are told by its clock, not by ours. */
const aheadMs = signal(0)
/** A second goes by each second; everything that shows an age reads this. */
const nowMs = signal(Date.now())

/** By the `Date` header of an answer, which is whole seconds, rounded down. */
export function noteServerDate(header: string | null, receivedMs: number): void {
  const serverMs = header === null ? Number.NaN : Date.parse(header)
  if (Number.isNaN(serverMs)) return
  const measured = serverMs + 500 - receivedMs
  // A header cannot say better than half a second: smaller differences are noise.
  aheadMs.value = Math.abs(measured) < 1500 ? 0 : measured
}

export function serverNowMs(): number {
  return nowMs.value + aheadMs.value
}

export function localNowMs(): number {
  return nowMs.value
}

/** Returns how to stop. */
export function startClock(): () => void {
  const timer = setInterval(() => {
    nowMs.value = Date.now()
  }, 1000)
  return () => clearInterval(timer)
}
