import { useState } from 'preact/hooks'
import { replaceQuery } from '../app/address.ts'
import type { Options, RelayChoice } from './relay-choice.ts'
import { CHOICE_PARAMETERS, RELAY_ORDERS, usualDirection } from './relay-choice.ts'
import { COLUMN_HEADS } from './relay-columns.tsx'
import { countryName, stateWords } from './relay-names.ts'

const FILTERS = ['nip', 'country', 'software', 'state', 'latency', 'uptime'] as const
type Filter = (typeof FILTERS)[number]

const LATENCIES_MS = ['50', '100', '250', '500', '1000']
const UPTIMES_PERCENT = ['99.9', '99', '95', '90', '50']

/** Puts a part of the choice into the address; the first page is where one begins. */
export function choose(changes: Partial<Record<keyof RelayChoice, string>>): void {
  const named = Object.entries(changes).map(([name, value]) => [
    CHOICE_PARAMETERS[name as keyof RelayChoice],
    value,
  ])
  replaceQuery({ [CHOICE_PARAMETERS.page]: '', ...Object.fromEntries(named) })
}

interface RelayFiltersProps {
  readonly choice: RelayChoice
  readonly options: Options
}

export function RelayFilters({ choice, options }: RelayFiltersProps) {
  const [isOpen, setOpen] = useState(false)
  const chosen = FILTERS.filter((name) => choice[name] !== '')
  const clear = () => choose({ search: '', ...Object.fromEntries(FILTERS.map((name) => [name, ''])) })
  return (
    <search class="filters">
      <label class="field field--search">
        <span>Search</span>
        <input
          type="search"
          value={choice.search}
          placeholder="name or software"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => choose({ search: event.currentTarget.value })}
        />
      </label>
      <button
        type="button"
        class="filters__toggle"
        aria-expanded={isOpen}
        aria-controls="relay-filters"
        onClick={() => setOpen(!isOpen)}
      >
        Filters{chosen.length > 0 && ` (${chosen.length})`}
      </button>
      <div id="relay-filters" class={`filters__fields${isOpen ? ' is-open' : ''}`}>
        <Choice
          name="nip"
          label="NIP"
          choice={choice}
          options={options.nips}
          word={(nip) => `NIP-${nip.padStart(2, '0')}`}
        />
        <Choice
          name="country"
          label="Country"
          choice={choice}
          options={options.countries}
          word={countryName}
        />
        <Choice
          name="software"
          label="Software"
          choice={choice}
          options={options.software}
          word={(name) => name}
        />
        <Choice
          name="state"
          label="State"
          choice={choice}
          options={options.states}
          word={(state) => stateWords(state).word}
        />
        <Choice
          name="latency"
          label="Latency"
          choice={choice}
          options={LATENCIES_MS}
          word={(ms) => `≤ ${ms} ms`}
        />
        <Choice
          name="uptime"
          label="Uptime"
          choice={choice}
          options={UPTIMES_PERCENT}
          word={(share) => `≥ ${share} %`}
        />
        <OrderChoice choice={choice} />
      </div>
      {(chosen.length > 0 || choice.search !== '') && (
        <button type="button" class="quiet" onClick={clear}>
          Clear all
        </button>
      )}
    </search>
  )
}

interface ChoiceProps {
  readonly name: Filter
  readonly label: string
  readonly choice: RelayChoice
  readonly options: readonly string[]
  readonly word: (option: string) => string
}

function Choice({ name, label, choice, options, word }: ChoiceProps) {
  // What the address asks for is shown as chosen though no relay has it.
  const shown = choice[name] === '' || options.includes(choice[name]) ? options : [choice[name], ...options]
  return (
    <div class="field">
      <label for={`relay-${name}`}>{label}</label>
      <select
        id={`relay-${name}`}
        value={choice[name]}
        onChange={(event) => choose({ [name]: event.currentTarget.value })}
      >
        <option value="">any</option>
        {shown.map((option) => (
          <option key={option} value={option}>
            {word(option)}
          </option>
        ))}
      </select>
    </div>
  )
}

/** Where there is no room for all columns, one must still be able to sort by each. */
function OrderChoice({ choice }: { readonly choice: RelayChoice }) {
  const sort = (value: string) => {
    const order = RELAY_ORDERS.find((known) => known === value) ?? 'events'
    choose({ order, direction: usualDirection(order) })
  }
  return (
    <div class="field narrow-only">
      <label for="relay-order">Sort by</label>
      <select id="relay-order" value={choice.order} onChange={(event) => sort(event.currentTarget.value)}>
        {RELAY_ORDERS.map((order) => (
          <option key={order} value={order}>
            {COLUMN_HEADS[order]}
          </option>
        ))}
      </select>
    </div>
  )
}
