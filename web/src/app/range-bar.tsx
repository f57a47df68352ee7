/** Which time is looked at, always in reach; and whether figures come in. */
import { RANGE_WORDS, RANGES } from '../api/ranges.ts'
import { Age } from '../figures/provenance.tsx'
import { type Connection, connection } from '../live/connection.ts'
import { areStale, full, overview } from '../live/figures.ts'
import { place, range, withQuery } from './address.ts'

export function RangeBar() {
  return (
    <div class="bar">
      <nav class="ranges" aria-label="Time that the figures are of">
        {RANGES.map((name) => (
          <a
            key={name}
            href={withQuery({ range: name === '24h' ? '' : name })}
            aria-current={name === range.value ? 'true' : undefined}
          >
            <span>
              {RANGE_WORDS[name].short}
              <span class="visually-hidden">: {RANGE_WORDS[name].long}</span>
            </span>
          </a>
        ))}
      </nav>
      {place.value.page === 'front' && (
        <>
          {full.value !== undefined && full.value.overview.coverage.first_seen !== null ? <Jumps /> : null}
          <LiveState />
        </>
      )}
    </div>
  )
}

const JUMPS = {
  activity: 'Activity',
  kinds: 'Kinds',
  relays: 'Relays',
  clients: 'Clients',
  zaps: 'Zaps',
  people: 'People',
}

/** Where there is room for them. */
function Jumps() {
  return (
    <nav class="jumps" aria-label="Sections">
      {Object.entries(JUMPS).map(([id, title]) => (
        <a key={id} href={`#${id}`}>
          {title}
        </a>
      ))}
    </nav>
  )
}

const WORDS: Readonly<Record<Connection, string>> = {
  connecting: 'Connecting',
  live: 'Live',
  polling: 'Every 30 s',
  paused: 'Paused',
  offline: 'Offline',
}

function LiveState() {
  const state = connection.value
  const isStale = state === 'live' && areStale.value
  return (
    <p class={`live is-${isStale ? 'polling' : state}`}>
      <span class="live__dot" aria-hidden="true" />
      <span role="status">{isStale ? 'Standing still' : WORDS[state]}</span>
      {overview.value !== undefined && <Age at={overview.value.updated_at} />}
    </p>
  )
}
