/** Charts below each other over the same time: one pointer, one tooltip, and the same numbers as a table for who reads them. */
import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { stepName } from '../figures/format.ts'
import { type Buckets, HOUR_SECONDS } from './buckets.ts'
import type { Pointed } from './time-chart.tsx'

export interface Measure {
  readonly label: string
  readonly tone: string
  /** What stands in the tooltip and in the table. */
  readonly text: (index: number) => string
}

interface ChartGroupProps {
  readonly caption: string
  readonly buckets: Buckets
  readonly measures: readonly Measure[]
  /** A step that is not over yet. */
  readonly isLastRunning: boolean
  readonly children: (onPoint: (pointed: Pointed | undefined) => void) => ComponentChildren
}

export function ChartGroup({ caption, buckets, measures, isLastRunning, children }: ChartGroupProps) {
  const [pointed, setPointed] = useState<Pointed | undefined>(undefined)
  const show = (next: Pointed | undefined) =>
    setPointed((before) => (before?.index === next?.index ? before : next))
  return (
    <div class="charts">
      <div class="charts__stage">
        {children(show)}
        {pointed !== undefined && pointed.index < buckets.startSeconds.length && (
          <Tooltip pointed={pointed} buckets={buckets} measures={measures} isLastRunning={isLastRunning} />
        )}
      </div>
      <details class="as-table">
        <summary>
          The same as a table<span class="visually-hidden">: {caption}</span>
        </summary>
        <ChartTable caption={caption} buckets={buckets} measures={measures} isLastRunning={isLastRunning} />
      </details>
    </div>
  )
}

type Shown = Pick<ChartGroupProps, 'buckets' | 'measures' | 'isLastRunning'>

function nameOf({ buckets, isLastRunning }: Shown, index: number): string {
  const name = stepName(buckets.startSeconds[index] ?? 0, buckets.stepSeconds === HOUR_SECONDS)
  return isLastRunning && index === buckets.startSeconds.length - 1 ? `${name}, so far` : name
}

function Tooltip({ pointed, ...shown }: Shown & { readonly pointed: Pointed }) {
  const isRight = pointed.index > shown.buckets.startSeconds.length / 2
  return (
    <div
      class={`tooltip${isRight ? ' is-right' : ''}`}
      style={{ left: `${pointed.leftPx}px` }}
      aria-hidden="true"
    >
      <div class="tooltip__time">{nameOf(shown, pointed.index)}</div>
      {shown.measures.map(({ label, tone, text }) => (
        <div key={label} class="tooltip__row">
          <span class={`swatch tone-${tone}`} />
          <span>{label}</span>
          <b>{text(pointed.index)}</b>
        </div>
      ))}
    </div>
  )
}

function ChartTable({ caption, ...shown }: Shown & { readonly caption: string }) {
  const newestFirst = shown.buckets.startSeconds.map((_start, index) => index).reverse()
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
    <section class="scroll" tabIndex={0} aria-label={caption}>
      <table>
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {shown.measures.map(({ label }) => (
              <th key={label} scope="col" class="number">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {newestFirst.map((index) => (
            <tr key={index}>
              <th scope="row">{nameOf(shown, index)}</th>
              {shown.measures.map(({ label, text }) => (
                <td key={label} class="number">
                  {text(index)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
