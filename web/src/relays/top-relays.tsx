import type { TopRelayBody } from '../api/bodies.ts'
import { bySize } from '../figures/by-share.ts'
import { count, percent, shareOf } from '../figures/format.ts'
import { kindName } from '../figures/kind-names.ts'
import { Health } from './health.tsx'
import { RelayLink } from './relay-columns.tsx'

export function TopRelays({ relays }: { readonly relays: readonly TopRelayBody[] }) {
  return (
    <table class="top">
      <caption class="visually-hidden">The relays with the most events</caption>
      <thead>
        <tr>
          <th scope="col" class="number">
            <span class="visually-hidden">Rank</span>
          </th>
          <th scope="col">Relay</th>
          <th scope="col" class="number">
            Events
          </th>
          <th scope="col" class="number from-tablet">
            People
          </th>
          <th scope="col" class="number">
            Health
          </th>
          <th scope="col" class="from-tablet">
            Mostly
          </th>
        </tr>
      </thead>
      <tbody>
        {relays.map(({ url, rank, events, active_users, health_score, kind_distribution }) => (
          <tr key={url}>
            <td class="number rank">{rank}</td>
            <th scope="row">
              <RelayLink url={url} />
            </th>
            <td class="number">{count(events)}</td>
            <td class="number from-tablet">{count(active_users)}</td>
            <td class="number">
              <Health score={health_score} />
            </td>
            <td class="from-tablet">{mostly(kind_distribution, events)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function mostly(kinds: Readonly<Record<string, number>>, events: number): string {
  const [first] = bySize(kinds)
  return first === undefined ? '–' : `${kindName(Number(first.key))} ${percent(shareOf(first.count, events))}`
}
