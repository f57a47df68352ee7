import type { CoverageBody, RangeName } from '../api/bodies.ts'
import { count, moment } from '../figures/format.ts'
import { CopyText } from './copy-text.tsx'

interface ForMachinesProps {
  readonly range: RangeName
  readonly coverage: CoverageBody
}

export function ForMachines({ range, coverage }: ForMachinesProps) {
  const { first_seen, repeated, future_dated, absurdly_dated, too_old, relays_known, relays_candidate } =
    coverage
  return (
    <>
      <p>
        <CopyText text={`curl ${location.origin}/api/v1/stats/full/${range}`} label="Copy the command" />
      </p>
      <p>
        All endpoints are described in <a href="/api/v1/docs">the documentation of the API</a>. Without a key,
        100 requests are answered in 15 minutes.
      </p>
      <dl class="facts facts--small">
        <div>
          <dt>Watching since</dt>
          <dd>{first_seen === null ? '–' : moment(Date.parse(first_seen))}</dd>
        </div>
        <div>
          <dt>Relays proven, heard of</dt>
          <dd>
            {count(relays_known)}, {count(relays_candidate)}
          </dd>
        </div>
        <div>
          <dt>Repeats not counted again</dt>
          <dd>{count(repeated)}</dd>
        </div>
        <div>
          <dt>Dated ahead, before Nostr, or too old to tell repeats</dt>
          <dd>
            {count(future_dated)}, {count(absurdly_dated)}, {count(too_old)}
          </dd>
        </div>
      </dl>
    </>
  )
}
