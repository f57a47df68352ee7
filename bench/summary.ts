/** From the samples of all rounds to one table. */
import type { Figures } from './load/job.ts'
import type { Sample } from './measure-round.ts'

export interface Summary {
  readonly rowId: string
  readonly title: string
  readonly relay: string
  /** Of each figure the median over the rounds. */
  readonly medians: Figures
  readonly remarks: readonly string[]
}

/** One summary for each row and relay, rows in the order measured, relays in the order given. */
export function summarize(samples: readonly Sample[], relays: readonly string[]): Summary[] {
  const rowIds = [...new Set(samples.map((sample) => sample.rowId))]
  return rowIds.flatMap((rowId) =>
    relays.flatMap((relay) => {
      const rounds = samples.filter((sample) => sample.rowId === rowId && sample.relay === relay)
      const first = rounds[0]
      if (first === undefined) return []
      const remarks = [...new Set(rounds.flatMap((sample) => sample.remarks))]
      return [{ rowId, title: first.title, relay, medians: mediansOf(rounds), remarks }]
    }),
  )
}

function mediansOf(samples: readonly Sample[]): Figures {
  const names = [...new Set(samples.flatMap(({ figures }) => Object.keys(figures)))]
  return Object.fromEntries(
    names.map((name) => [name, median(samples.flatMap(({ figures }) => figures[name] ?? []))]),
  )
}

/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN
  return (lower + upper) / 2
}

const RATE_HEAD = [
  '',
  'relay',
  '/s',
  '/CPU s',
  'CPU s/10k',
  'p50 ms',
  'p99 ms',
  'CPU',
  'others',
  'load',
  '×CPU',
  '×wall',
]
const SINGLE_HEAD = ['', 'relay', 'figure', '×']

/** The table as text; `×` is the first relay's figure over (for sizes: under) that of this line's. */
export function renderTable(summaries: readonly Summary[]): string {
  const hasRate = ({ medians }: Summary) =>
    medians.perSecond !== undefined || singleFigure(medians) === undefined
  const rates = summaries.filter(hasRate)
  const singles = summaries.filter((summary) => !hasRate(summary))
  const parts = []
  if (rates.length > 0) parts.push(renderGrid([RATE_HEAD, ...rates.map((row) => rateLine(row, rates))]))
  if (singles.length > 0)
    parts.push(renderGrid([SINGLE_HEAD, ...singles.map((row) => singleLine(row, singles))]))
  const remarks = [...summaries.flatMap(remarkLines), ...differences(summaries)]
  if (remarks.length > 0) parts.push(remarks.join('\n'))
  return parts.join('\n\n')
}

function rateLine(row: Summary, all: readonly Summary[]): string[] {
  const { medians } = row
  const first = firstOf(row, all)
  const isFirst = first === row
  return [
    isFirst ? row.title : '',
    row.relay,
    rounded(medians.perSecond),
    rounded(medians.perCpuSecond),
    rounded(medians.cpuSecondsPer10k),
    rounded(medians.p50Ms),
    rounded(medians.p99Ms),
    percent(medians.relayCpuShare),
    percent(medians.othersCpuShare),
    percent(medians.loadCpuShare),
    isFirst ? '' : ratio(first?.medians.perCpuSecond, medians.perCpuSecond),
    isFirst ? '' : ratio(first?.medians.perSecond, medians.perSecond),
  ]
}

function singleLine(row: Summary, all: readonly Summary[]): string[] {
  const figure = singleFigure(row.medians)
  const first = firstOf(row, all)
  const firstFigure = first && singleFigure(first.medians)
  return [
    first === row ? row.title : '',
    row.relay,
    figure?.text ?? '–',
    first === row ? '' : ratio(figure?.value, firstFigure?.value),
  ]
}

function firstOf(row: Summary, all: readonly Summary[]): Summary | undefined {
  return all.find(({ rowId }) => rowId === row.rowId)
}

function singleFigure(medians: Figures): { readonly value: number; readonly text: string } | undefined {
  const { bytesPerConnection, bytesPerEvent, residentBytes, startMs, calibrationCpuMs } = medians
  if (bytesPerConnection !== undefined) {
    return { value: bytesPerConnection, text: `${(bytesPerConnection / 1024).toFixed(2)} KiB each` }
  }
  if (bytesPerEvent !== undefined) return { value: bytesPerEvent, text: `${Math.round(bytesPerEvent)} bytes` }
  if (residentBytes !== undefined) {
    return { value: residentBytes, text: `${Math.round(residentBytes / 2 ** 20)} MiB` }
  }
  if (startMs !== undefined) return { value: startMs, text: `${Math.round(startMs)} ms` }
  if (calibrationCpuMs !== undefined) {
    return { value: calibrationCpuMs, text: `${calibrationCpuMs.toFixed(0)} ms of CPU` }
  }
  return undefined
}

function remarkLines({ title, relay, remarks }: Summary): string[] {
  return remarks.map((remark) => `! ${relay}, ${title}: ${remark}`)
}

// Relays that hold the same events must give the same number for the same questions.
function differences(summaries: readonly Summary[]): string[] {
  return summaries.flatMap((row) => {
    const mine = row.medians.eventsPerRequest
    const first = firstOf(row, summaries)
    const theirs = first?.medians.eventsPerRequest
    if (mine === undefined || theirs === undefined || first === undefined) return []
    if (Math.abs(mine - theirs) <= 0.01 * theirs) return []
    return [
      `! ${row.title}: ${row.relay} sent ${mine.toFixed(2)} events a REQ, ${first.relay} ${theirs.toFixed(2)}`,
    ]
  })
}

function renderGrid(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_head, column) => Math.max(...lines.map((line) => line[column]!.length)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function rounded(value: number | undefined): string {
  if (value === undefined) return '–'
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

function percent(share: number | undefined): string {
  return share === undefined ? '–' : `${Math.round(100 * share)} %`
}

function ratio(mine: number | undefined, theirs: number | undefined): string {
  return mine === undefined || theirs === undefined || theirs === 0 ? '–' : `${(mine / theirs).toFixed(2)}×`
}
