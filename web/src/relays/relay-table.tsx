/** All relays, sorted, filtered and searched here: they came in one answer, so this asks nothing of the server. */
import { useMemo } from 'preact/hooks'
import type { RelayBody } from '../api/bodies.ts'
import { query } from '../app/address.ts'
import { count } from '../figures/format.ts'
import {
  chosenRelays,
  optionsOf,
  type RelayChoice,
  type RelayOrder,
  ROWS_PER_PAGE,
  readChoice,
  usualDirection,
} from './relay-choice.ts'
import { COLUMN_HEADS, COLUMNS, RelayLink } from './relay-columns.tsx'
import { choose, RelayFilters } from './relay-filters.tsx'

export function RelayTable({ relays }: { readonly relays: readonly RelayBody[] }) {
  const choice = readChoice(query.value)
  const options = useMemo(() => optionsOf(relays), [relays])
  const chosen = useMemo(() => chosenRelays(relays, choice), [relays, query.value])
  const pages = Math.max(1, Math.ceil(chosen.length / ROWS_PER_PAGE))
  const page = Math.min(choice.page, pages)
  const shown = chosen.slice((page - 1) * ROWS_PER_PAGE, page * ROWS_PER_PAGE)
  return (
    <div class="relays">
      <RelayFilters choice={choice} options={options} />
      <p class="relays__count" role="status">
        {chosen.length === relays.length
          ? `${count(relays.length)} relays`
          : `${count(chosen.length)} of ${count(relays.length)} relays`}
      </p>
      <table class="relay-table">
        <caption class="visually-hidden">Relays; the buttons in the head sort them</caption>
        <thead>
          <tr>
            <SortHead order="name" choice={choice} className="" />
            {COLUMNS.map(({ order, isNumber, from }) => (
              <SortHead
                key={order}
                order={order}
                choice={choice}
                className={`is-${order} from-${from}${isNumber ? ' number' : ''}`}
              />
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((relay) => (
            <tr key={relay.url}>
              <th scope="row">
                <RelayLink url={relay.url} name={relay.name} />
              </th>
              {COLUMNS.map(({ order, isNumber, from, cell }) => (
                <td key={order} class={`is-${order} from-${from}${isNumber ? ' number' : ''}`}>
                  {cell(relay)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {chosen.length === 0 && (
        <p class="empty">No relay is like that. Take a filter away, or search for less.</p>
      )}
      {pages > 1 && <Pages page={page} pages={pages} />}
    </div>
  )
}

interface SortHeadProps {
  readonly order: RelayOrder
  readonly choice: RelayChoice
  readonly className: string
}

function SortHead({ order, choice, className }: SortHeadProps) {
  const isSorted = choice.order === order
  const other = choice.direction === 'ascending' ? 'descending' : 'ascending'
  const direction = isSorted ? other : usualDirection(order)
  return (
    <th scope="col" class={className} aria-sort={isSorted ? choice.direction : 'none'}>
      <button type="button" class="sort" onClick={() => choose({ order, direction })}>
        {COLUMN_HEADS[order]}
        <span class="sort__mark" aria-hidden="true" />
      </button>
    </th>
  )
}

function Pages({ page, pages }: { readonly page: number; readonly pages: number }) {
  return (
    <nav class="pages" aria-label="Pages of relays">
      <button
        type="button"
        disabled={page === 1}
        onClick={() => choose({ page: page === 2 ? '' : String(page - 1) })}
      >
        Previous
      </button>
      <span>
        Page {page} of {pages}
      </span>
      <button type="button" disabled={page === pages} onClick={() => choose({ page: String(page + 1) })}>
        Next
      </button>
    </nav>
  )
}
