/** What stands under every group of figures: how old they are, and what they rest on. */
import type { CoverageBody } from '../api/bodies.ts'
import { serverNowMs } from '../api/server-clock.ts'
import { isNetwork } from '../theme/brand.ts'
import { ago, count, moment } from './format.ts'

interface AgeProps {
  readonly at: string
}

export function Age({ at }: AgeProps) {
  const atMs = Date.parse(at)
  if (Number.isNaN(atMs)) return null
  return (
    <time dateTime={at} title={moment(atMs)} class="age">
      as of {ago(serverNowMs() - atMs)}
    </time>
  )
}

export const SOURCES: Readonly<Record<CoverageBody['source'], string>> = {
  engine: 'counted live',
  cache: 'from the shared cache',
  database: 'from the last snapshot',
}

export function Provenance({ at, coverage }: AgeProps & { readonly coverage: CoverageBody }) {
  const { relays_connected, relays_watched, regions, source } = coverage
  return (
    <p class="provenance">
      <Age at={at} />
      <span>
        {isNetwork()
          ? `${count(relays_connected)} of ${count(relays_watched)} relays connected`
          : 'this relay alone'}
      </span>
      {regions.length > 0 && (
        <span>
          {regions.length === 1 ? 'region' : 'regions'} {regions.join(', ')}
        </span>
      )}
      <span>{SOURCES[source] ?? source}</span>
    </p>
  )
}
