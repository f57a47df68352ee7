import type { ComponentChildren } from 'preact'
import type { RelayBody } from '../api/bodies.ts'
import { relayHref } from '../app/address.ts'
import { Foreign } from '../figures/foreign.tsx'
import { count, milliseconds, percent } from '../figures/format.ts'
import { BriefUserCount } from '../figures/user-count.tsx'
import { Health } from './health.tsx'
import type { RelayOrder } from './relay-choice.ts'
import { ownName, relayName, softwareName } from './relay-names.ts'
import { RelayState } from './relay-state.tsx'

export const COLUMN_HEADS: Readonly<Record<RelayOrder, string>> = {
  name: 'Relay',
  health: 'Health',
  uptime: 'Uptime',
  latency: 'Latency',
  events: 'Events',
  people: 'People',
  software: 'Software',
  country: 'Country',
  state: 'State',
}

export interface Column {
  readonly order: RelayOrder
  readonly isNumber: boolean
  /** The narrowest screen that has room for it: every one, a tablet, a desk. */
  readonly from: 'phone' | 'tablet' | 'desk'
  readonly cell: (relay: RelayBody) => ComponentChildren
}

const absent = <span class="absent">–</span>

export const COLUMNS: readonly Column[] = [
  {
    order: 'health',
    isNumber: true,
    from: 'phone',
    cell: ({ health_score }) => <Health score={health_score} />,
  },
  {
    order: 'uptime',
    isNumber: true,
    from: 'tablet',
    cell: ({ uptime }) => (uptime === null ? absent : percent(uptime)),
  },
  {
    order: 'latency',
    isNumber: true,
    from: 'tablet',
    cell: ({ latency }) => (latency === null ? absent : milliseconds(latency)),
  },
  { order: 'events', isNumber: true, from: 'phone', cell: ({ events }) => count(events) },
  {
    order: 'people',
    isNumber: true,
    from: 'tablet',
    cell: ({ active_users }) => <BriefUserCount of={active_users} />,
  },
  {
    order: 'software',
    isNumber: false,
    from: 'desk',
    cell: ({ software }) => (software === null ? absent : <span class="cut">{softwareName(software)}</span>),
  },
  {
    order: 'country',
    isNumber: false,
    from: 'desk',
    cell: ({ countries }) =>
      countries.length === 0 ? (
        absent
      ) : (
        <span class="cut">
          <Foreign text={countries.join(', ').toUpperCase()} />
        </span>
      ),
  },
  { order: 'state', isNumber: false, from: 'desk', cell: ({ state }) => <RelayState state={state} /> },
]

export function RelayLink({ url, name = null }: { readonly url: string; readonly name?: string | null }) {
  return (
    <a class="relay-link" href={relayHref(url)}>
      <span class="relay-link__url">{relayName(url)}</span>
      <bdi class="note">{ownName({ url, name })}</bdi>
    </a>
  )
}
