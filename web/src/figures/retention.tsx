import type { CohortBody } from '../api/bodies.ts'
import { count, dayOf } from './format.ts'

/** Who was new in a week, and the share of them that was there in each week after. */
export function Retention({ cohorts }: { readonly cohorts: readonly CohortBody[] }) {
  const weeks = cohorts.reduce((most, { retention }) => Math.max(most, retention.length), 0)
  const later = Array.from({ length: weeks }, (_nothing, week) => week)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section class="scroll" tabIndex={0} aria-label="Retention by week">
      <table class="heat">
        <caption class="visually-hidden">
          Share in per cent of the people who were new in a week that published in the weeks after
        </caption>
        <thead>
          <tr>
            <th scope="col">New in the week of</th>
            <th scope="col" class="number">
              People
            </th>
            {later.map((week) => (
              <th
                key={week}
                scope="col"
                class="number"
                aria-label={week === 0 ? 'The week itself' : `${week} weeks later`}
              >
                {week === 0 ? 'week 0' : `+${week}`}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {cohorts.map(({ week, users, retention }) => (
            <tr key={week}>
              <th scope="row">{weekName(week)}</th>
              <td class="number">{count(users)}</td>
              {later.map((index) => (
                <HeatCell key={index} share={retention[index]} isStart={index === 0} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** Half of the people coming back is as warm as it gets; the first week is always everybody, and says nothing. */
const WARMEST = 0.5

function HeatCell({ share, isStart }: { readonly share: number | undefined; readonly isStart: boolean }) {
  if (share === undefined) return <td />
  const heat = { '--heat': isStart ? '0%' : `${Math.round(Math.min(1, share / WARMEST) * 100)}%` }
  return (
    <td class="number heat__cell" style={heat}>
      {Math.round(share * 100)} %
    </td>
  )
}

function weekName(week: string): string {
  const startMs = Date.parse(week)
  return Number.isNaN(startMs) ? week : dayOf(startMs)
}
