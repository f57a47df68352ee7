/** One measure over time, on uPlot: bars or lines over a zero line, with its unit. Groups of them share a pointer. */
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { brief } from '../figures/format.ts'
import { theme } from '../theme/theme.ts'
import { type Buckets, bucketAt, roundMaximum, timeLabel } from './buckets.ts'
import { colourOf, type Tone } from './colours.ts'

export interface Line {
  readonly label: string
  readonly tone: Tone
  readonly values: readonly (number | null)[]
  readonly isDashed?: boolean
}

export interface Pointed {
  readonly index: number
  /** Middle of the step, in pixels from the left of the chart. */
  readonly leftPx: number
}

interface TimeChartProps {
  readonly title: string
  readonly unit: string
  readonly form: 'bars' | 'lines'
  readonly buckets: Buckets
  readonly lines: readonly Line[]
  /** For a scale that does not depend on the data: 100 for per cent. */
  readonly maximum?: number
  readonly heightPx?: number
  readonly hasTimeAxis?: boolean
  /** Charts with the same word show the same step. */
  readonly group: string
  readonly summary: string
  readonly onPoint: (pointed: Pointed | undefined) => void
}

const HEIGHT_PX = 132
const TIME_AXIS_PX = 28
/** Half a line, so that the zero beside it is not cut off. */
const NO_AXIS_PX = 7
const VALUE_AXIS_PX = 46

export function TimeChart(props: TimeChartProps) {
  const { title, unit, lines, buckets, heightPx = HEIGHT_PX, hasTimeAxis = true, summary } = props
  const place = useRef<HTMLDivElement>(null)
  const latest = useRef(props)
  latest.current = props
  const plot = useRef<uPlot>(undefined)
  const worn = theme.value
  const shape = `${worn} ${props.form} ${lines.map(({ label }) => label).join()} ${buckets.stepSeconds} ${hasTimeAxis}`
  const height = heightPx + (hasTimeAxis ? TIME_AXIS_PX : NO_AXIS_PX)

  // A chart is made anew when its shape changes, not with its data.
  useEffect(() => {
    const element = place.current
    if (element === null) return
    const made = new uPlot(optionsOf(latest, element.clientWidth, height), columnsOf(latest.current), element)
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [shape, height])

  useEffect(() => plot.current?.setData(columnsOf(latest.current)), [buckets, lines])

  return (
    <figure class="chart">
      <figcaption class="chart__title">
        {title} <span class="unit">{unit}</span>
        {lines.length > 1 && <Legend lines={lines} />}
      </figcaption>
      <div
        class="chart__plot"
        ref={place}
        style={{ height: `${height}px` }}
        role="img"
        aria-label={summary}
      />
    </figure>
  )
}

function Legend({ lines }: { readonly lines: readonly Line[] }) {
  return (
    <span class="legend">
      {lines.map(({ label, tone, isDashed = false }) => (
        <span key={label} class={`legend__entry tone-${tone}${isDashed ? ' is-dashed' : ''}`}>
          {label}
        </span>
      ))}
    </span>
  )
}

function columnsOf({ buckets, lines }: TimeChartProps): uPlot.AlignedData {
  return [[...buckets.startSeconds], ...lines.map(({ values }) => [...values])]
}

interface Latest {
  readonly current: TimeChartProps
}

function optionsOf(latest: Latest, width: number, height: number): uPlot.Options {
  const { form, lines, group, hasTimeAxis = true } = latest.current
  return {
    width,
    height,
    padding: [8, 4, 0, 0],
    legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC'),
    scales: {
      x: { range: () => timeRange(latest.current.buckets) },
      y: { range: () => [0, maximumOf(latest.current)] },
    },
    series: [{}, ...lines.map((line) => seriesOf(line, form))],
    axes: [timeAxis(hasTimeAxis, latest), valueAxis()],
    cursor: {
      sync: { key: group },
      drag: { x: false, y: false },
      y: false,
      points: { show: form === 'lines' },
      dataIdx: (plot, _series, closest) => pointedIndex(latest.current, plot) ?? closest,
    },
    hooks: { setCursor: [(plot) => tellPointed(latest.current, plot)] },
  }
}

/** Bars are as wide as their step: the last one needs its room too. */
function timeRange({ startSeconds, stepSeconds }: Buckets): [number, number] {
  const first = startSeconds[0] ?? 0
  return [first, (startSeconds.at(-1) ?? first) + stepSeconds]
}

function maximumOf({ maximum, lines }: TimeChartProps): number {
  return maximum ?? roundMaximum(lines.flatMap(({ values }) => values))
}

function seriesOf({ label, tone, isDashed = false }: Line, form: 'bars' | 'lines'): uPlot.Series {
  const colour = colourOf(tone)
  if (form === 'lines') {
    return {
      label,
      stroke: colour,
      width: 1.75,
      dash: isDashed ? [4, 4] : [],
      points: {
        size: 5,
        fill: colour,
        filter: (plot, series, isShown) => (isShown ? null : alone(plot, series)),
      },
    }
  }
  const paths = uPlot.paths.bars?.({ size: [0.72, 40], align: 1 })
  return { label, fill: colour, width: 0, points: { show: false }, ...(paths === undefined ? {} : { paths }) }
}

/** Where a line has no neighbour to go to there would be nothing to see. */
function alone(plot: uPlot, series: number): number[] {
  const values = plot.data[series] ?? []
  const hasValue = (index: number) => (values[index] ?? undefined) !== undefined
  return [...values.keys()].filter((index) => hasValue(index) && !hasValue(index - 1) && !hasValue(index + 1))
}

function font(): string {
  return `11px ${getComputedStyle(document.body).fontFamily}`
}

function timeAxis(isShown: boolean, latest: Latest): uPlot.Axis {
  return {
    size: isShown ? TIME_AXIS_PX : NO_AXIS_PX,
    font: font(),
    stroke: colourOf('muted'),
    grid: { show: false },
    ticks: { show: isShown, stroke: colourOf('rule'), width: 1, size: 4 },
    // The zero line.
    border: { show: true, stroke: colourOf('zero'), width: 1 },
    space: 64,
    values: (_plot, splits, _axis, _space, incrementSeconds) => {
      // Nothing begins at the end of the last step.
      const last = latest.current.buckets.startSeconds.at(-1) ?? 0
      return splits.map((at) => (isShown && at <= last ? timeLabel(at, incrementSeconds) : ''))
    },
  }
}

function valueAxis(): uPlot.Axis {
  return {
    size: VALUE_AXIS_PX,
    font: font(),
    stroke: colourOf('muted'),
    // None at zero, where the firmer line of the other axis is.
    grid: {
      stroke: colourOf('rule'),
      width: 1,
      filter: (_plot, splits) => splits.map((split) => split || null),
    },
    ticks: { show: false },
    gap: 6,
    splits: (_plot, _axis, least, most) => [least, (least + most) / 2, most],
    values: (_plot, splits) => splits.map((value) => brief(value)),
  }
}

function pointedIndex({ buckets }: TimeChartProps, plot: uPlot): number | undefined {
  const left = plot.cursor.left ?? -1
  return left < 0 ? undefined : bucketAt(buckets, plot.posToVal(left, 'x'))
}

function tellPointed(props: TimeChartProps, plot: uPlot): void {
  const index = pointedIndex(props, plot)
  const start = index === undefined ? undefined : props.buckets.startSeconds[index]
  if (index === undefined || start === undefined) props.onPoint(undefined)
  else
    props.onPoint({
      index,
      leftPx: VALUE_AXIS_PX + plot.valToPos(start + props.buckets.stepSeconds / 2, 'x'),
    })
}
