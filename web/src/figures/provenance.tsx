/** What stands under every group of figures: how old they are, and what they rest on. */
import type { CoverageBody } from '../api/bodies.ts'
import { serverNowMs } from '../api/server-clock.ts'
import { brand } from '../theme/brand.ts'
import { ago, count, moment } from './format.ts'

interface AgeProps {
  readonly at: string
  /** What happened then. */
  readonly word?: string
}

export function Age({ at, word = 'as of' }: AgeProps) {
  const atMs = Date.parse(at)
  if (Number.isNaN(atMs)) return null
  return (
    <time dateTime={at} title={moment(atMs)} class="age">
      {word} {ago(serverNowMs() - atMs)}
    </time>
  )
}

const SOURCES: Readonly<Record<CoverageBody['source'], string>> = {
  engine: 'counted live',
  cache: 'from the shared cache',
  database: 'from the last snapshot',
}

export function Provenance({ at, coverage }: Pick<AgeProps, 'at'> & { readonly coverage: CoverageBody }) {
  const { relays_connected, relays_watched, regions, source } = coverage
  return (
    <p class="provenance">
      <Age at={at} />
      <span>
        {brand.value.watch === 'own'
          ? 'this relay alone'
          : `${count(relays_connected)} of ${count(relays_watched)} relays connected`}
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
