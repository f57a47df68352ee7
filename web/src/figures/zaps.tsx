import type { ZapsBody } from '../api/bodies.ts'
import { count, percent, satsOf, shareOf } from './format.ts'

export function Zaps({ zaps }: { readonly zaps: ZapsBody }) {
  const checkedSats = satsOf(zaps.checked_msat)
  const mean = zaps.count === 0 ? undefined : Math.round(zaps.sats / zaps.count)
  return (
    <dl class="facts">
      <div>
        <dt>Zapped</dt>
        <dd>
          {count(zaps.sats)} <span class="unit">sat</span>
        </dd>
      </div>
      <div>
        <dt>Zaps</dt>
        <dd>{count(zaps.count)}</dd>
      </div>
      <div>
        <dt>Mean zap</dt>
        <dd>
          {mean === undefined ? '–' : count(mean)} <span class="unit">sat</span>
        </dd>
      </div>
      <div>
        <dt>Signer checked</dt>
        <dd>
          {percent(shareOf(checkedSats, zaps.sats))} <span class="unit">of the amount</span>
        </dd>
      </div>
    </dl>
  )
}
