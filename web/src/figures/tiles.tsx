/** The figures one comes for, which move while one looks. */
import type { ComponentChildren } from 'preact'
import type { OverviewBody, UserCountBody } from '../api/bodies.ts'
import { CountingNumber } from './counting-number.tsx'
import { brief, count, milliseconds, percent, shareOf } from './format.ts'
import { Approximation } from './user-count.tsx'

interface TileProps {
  readonly name: string
  readonly label: string
  readonly value: number | null
  readonly format?: (value: number) => string
  readonly unit?: string
  readonly estimate?: UserCountBody
  readonly children: ComponentChildren
}

function Tile({ name, label, value, format = count, unit, estimate, children }: TileProps) {
  return (
    <div class="tile" data-tile={name}>
      <dt>{label}</dt>
      <dd class="tile__value">
        {value === null ? <span class="absent">–</span> : <CountingNumber value={value} format={format} />}
        {unit !== undefined && value !== null && <span class="unit"> {unit}</span>}
        {estimate !== undefined && <Approximation of={estimate} />}
      </dd>
      <dd class="tile__aside">{children}</dd>
    </div>
  )
}

const plainMs = (ms: number) => milliseconds(ms).replace(' ms', '')

export function Tiles({ overview }: { readonly overview: OverviewBody }) {
  const { coverage, authors, new_authors, returning_authors, zaps, latency_p50_ms, latency_p95_ms } = overview
  const newShare = percent(shareOf(new_authors.count, authors.count))
  return (
    <dl class="tiles">
      <Tile name="relays" label="Relays" value={overview.active_relays}>
        with events, of {count(overview.total_relays)} known; {count(coverage.relays_connected)} connected
      </Tile>
      <Tile name="events" label="Events" value={overview.total_events}>
        each counted once; {count(overview.long_form.events)} long-form
      </Tile>
      <Tile name="people" label="People" value={authors.count} estimate={authors}>
        keys that published; {count(returning_authors.count)} were here before
      </Tile>
      <Tile name="new-people" label="New people" value={new_authors.count} estimate={new_authors}>
        seen for the first time; {newShare} of all
      </Tile>
      <Tile name="zaps" label="Zaps" value={zaps.sats} unit="sat">
        in {count(zaps.count)} zaps; {brief(zaps.checked_count)} with a checked signer
      </Tile>
      <Tile
        name="latency"
        label="Latency"
        value={latency_p50_ms === null ? null : Math.round(latency_p50_ms)}
        format={plainMs}
        unit={latency_p50_ms !== null && latency_p50_ms >= 10_000 ? '' : 'ms'}
      >
        {latency_p50_ms === null ? 'not measured yet' : 'median of relays'}
        {latency_p95_ms !== null && `; 95 % answer within ${milliseconds(latency_p95_ms)}`}
      </Tile>
    </dl>
  )
}

const NAMES = ['Relays', 'Events', 'People', 'New people', 'Zaps', 'Latency']

/** As high as what will stand there. */
export function TilesSkeleton() {
  return (
    <div class="tiles" aria-hidden="true">
      {NAMES.map((name) => (
        <div key={name} class="tile">
          <span class="tile__name">{name}</span>
          <span class="tile__value">
            <span class="bone" />
          </span>
          <span class="tile__aside">
            <span class="bone" />
          </span>
        </div>
      ))}
    </div>
  )
}
