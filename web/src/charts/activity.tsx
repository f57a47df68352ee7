import type { ActivityBody } from '../api/bodies.ts'
import { count } from '../figures/format.ts'
import { bucketsOf } from './buckets.ts'
import { ChartGroup, type Measure } from './chart-group.tsx'
import { TimeChart } from './time-chart.tsx'

interface ActivityProps {
  readonly points: readonly ActivityBody[]
  readonly isHourly: boolean
}

/** Three measures of very different size: each has its own scale, all have the same time. */
export function Activity({ points, isHourly }: ActivityProps) {
  const buckets = bucketsOf(points, isHourly)
  const step = isHourly ? 'hour' : 'day'
  const at = (index: number): ActivityBody | undefined => points[index]
  const measures: readonly Measure[] = [
    { label: 'Events', tone: 'events', text: (index) => count(at(index)?.events ?? 0) },
    { label: 'People', tone: 'people', text: (index) => count(at(index)?.active_users ?? 0) },
    { label: 'Zaps', tone: 'zaps', text: (index) => count(at(index)?.zaps ?? 0) },
    { label: 'Zapped', tone: 'zaps', text: (index) => `${count(at(index)?.zap_sats ?? 0)} sat` },
  ]
  const charts = [
    { title: 'Events', unit: `per ${step}`, tone: 'events', values: points.map(({ events }) => events) },
    {
      title: 'People',
      unit: `active in the ${step}`,
      tone: 'people',
      values: points.map(({ active_users }) => active_users),
    },
    { title: 'Zaps', unit: `per ${step}`, tone: 'zaps', values: points.map(({ zaps }) => zaps) },
  ] as const
  return (
    <ChartGroup caption={`Activity by ${step}`} buckets={buckets} measures={measures} isLastRunning>
      {(onPoint) =>
        charts.map(({ title, unit, tone, values }, index) => (
          <TimeChart
            key={title}
            title={title}
            unit={unit}
            form="bars"
            group="activity"
            buckets={buckets}
            lines={[{ label: title, tone, values }]}
            heightPx={index === 0 ? 168 : 96}
            hasTimeAxis={index === charts.length - 1}
            summary={`${title} ${unit}: ${summaryOf(values)}. The table below has every number.`}
            onPoint={onPoint}
          />
        ))
      }
    </ChartGroup>
  )
}

function summaryOf(values: readonly number[]): string {
  if (values.length === 0) return 'nothing yet'
  return `between ${count(Math.min(...values))} and ${count(Math.max(...values))}, now ${count(values.at(-1) ?? 0)}`
}
