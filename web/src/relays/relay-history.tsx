import type { RelayHistoryPoint } from '../api/bodies.ts'
import { bucketsOf } from '../charts/buckets.ts'
import { ChartGroup, type Measure } from '../charts/chart-group.tsx'
import { TimeChart } from '../charts/time-chart.tsx'
import { count, milliseconds, percent } from '../figures/format.ts'

interface RelayHistoryProps {
  readonly history: readonly RelayHistoryPoint[]
  readonly isHourly: boolean
}

const orDash = (value: number | null | undefined, text: (value: number) => string) =>
  value === null || value === undefined ? '–' : text(value)

export function RelayHistory({ history, isHourly }: RelayHistoryProps) {
  if (history.length === 0) return <p class="empty">Nothing was measured in this time.</p>
  const step = isHourly ? 'hour' : 'day'
  const buckets = bucketsOf(history, isHourly)
  const measures: readonly Measure[] = [
    {
      label: 'Median latency',
      tone: 'latency',
      text: (index) => orDash(history[index]?.latency_p50, milliseconds),
    },
    {
      label: '95 % within',
      tone: 'latency-high',
      text: (index) => orDash(history[index]?.latency_p95, milliseconds),
    },
    { label: 'Uptime', tone: 'uptime', text: (index) => orDash(history[index]?.uptime, percent) },
    { label: 'Events', tone: 'events', text: (index) => orDash(history[index]?.events, count) },
    ...regionMeasures(history),
  ]
  const common = { buckets, group: 'relay', heightPx: 110 }
  return (
    <ChartGroup caption={`History by ${step}`} buckets={buckets} measures={measures} isLastRunning>
      {(onPoint) => (
        <>
          <TimeChart
            {...common}
            title="Latency"
            unit="ms"
            form="lines"
            hasTimeAxis={false}
            lines={[
              { label: 'median', tone: 'latency', values: history.map(({ latency_p50 }) => latency_p50) },
              {
                label: '95 % within',
                tone: 'latency-high',
                values: history.map(({ latency_p95 }) => latency_p95),
                isDashed: true,
              },
            ]}
            summary={`Latency by ${step}, in milliseconds. The table below has every number.`}
            onPoint={onPoint}
          />
          <TimeChart
            {...common}
            title="Uptime"
            unit="% of the time watched"
            form="bars"
            maximum={100}
            heightPx={72}
            hasTimeAxis={false}
            lines={[{ label: 'uptime', tone: 'uptime', values: history.map(({ uptime }) => uptime) }]}
            summary={`Uptime by ${step}, in per cent. The table below has every number.`}
            onPoint={onPoint}
          />
          <TimeChart
            {...common}
            title="Events"
            unit={`per ${step}`}
            form="bars"
            lines={[{ label: 'events', tone: 'events', values: history.map(({ events }) => events) }]}
            summary={`Events by ${step}. The table below has every number.`}
            onPoint={onPoint}
          />
        </>
      )}
    </ChartGroup>
  )
}

/** One region is the whole; of several, each says what it saw. */
function regionMeasures(history: readonly RelayHistoryPoint[]): readonly Measure[] {
  const names = [...new Set(history.flatMap(({ regions }) => Object.keys(regions)))].sort()
  if (names.length < 2) return []
  return names.map((name) => ({
    label: `Latency from ${name}`,
    tone: 'muted',
    text: (index) => orDash(history[index]?.regions[name]?.latency_p50, milliseconds),
  }))
}
