import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { count, percent } from './format.ts'

export interface Bar {
  readonly key: string
  readonly name: ComponentChildren
  /** A quiet word beside the name. */
  readonly note?: string
  readonly value: number
  /** Of whatever the caption says, in per cent. */
  readonly share: number
  readonly aside?: ComponentChildren
}

interface BarsProps {
  readonly caption: string
  readonly heads: readonly [name: string, value: string, share: string]
  readonly bars: readonly Bar[]
  readonly tone?: string
  /** Shown at first; the rest on demand. */
  readonly first?: number
  readonly asideHead?: string
}

/** A ranking: a table whose rows have a bar from the same zero line. */
export function Bars({ caption, heads, bars, tone = 'events', first = 12, asideHead }: BarsProps) {
  const [isWhole, setWhole] = useState(false)
  const largest = bars.reduce((most, { value }) => Math.max(most, value), 0)
  const shown = isWhole ? bars : bars.slice(0, first)
  return (
    <>
      <table class="bars">
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">{heads[0]}</th>
            <th scope="col" class="number">
              {heads[1]}
            </th>
            <th scope="col" class="number">
              {heads[2]}
            </th>
            {asideHead !== undefined && (
              <th scope="col" class="number wide-only">
                {asideHead}
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {shown.map(({ key, name, note, value, share, aside }) => (
            <tr key={key}>
              <th scope="row">
                <span class="bars__name">
                  {name} {note !== undefined && <span class="note">{note}</span>}
                </span>
                <span
                  class={`bars__bar tone-${tone}`}
                  style={{ inlineSize: `${largest === 0 ? 0 : (value / largest) * 100}%` }}
                />
              </th>
              <td class="number">{count(value)}</td>
              <td class="number">{percent(share)}</td>
              {asideHead !== undefined && <td class="number wide-only">{aside}</td>}
            </tr>
          ))}
        </tbody>
      </table>
      {bars.length > first && (
        <button type="button" class="quiet" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
          {isWhole ? `Show the first ${first}` : `Show all ${bars.length}`}
        </button>
      )}
    </>
  )
}
