/** Figures that do not move any more must not look as if they were of now. */
import { serverNowMs } from '../api/server-clock.ts'
import { duration } from './format.ts'

/** Whoever counts gives figures of now at every question, and this page asks every two minutes at least. */
const STANDSTILL_MS = 5 * 60_000

export function isStandingStill(at: string): boolean {
  return serverNowMs() - Date.parse(at) > STANDSTILL_MS
}

/** @param at of when the figures are. */
export function StandstillNotice({ at }: { readonly at: string }) {
  return (
    <div class="notice" role="status">
      <p class="notice__title">These figures are {duration(serverNowMs() - Date.parse(at))} old</p>
      <p>
        Nothing has been counted since then: the observatory stands still, or is being restarted. The page
        goes on by itself as soon as there are newer ones.
      </p>
    </div>
  )
}
