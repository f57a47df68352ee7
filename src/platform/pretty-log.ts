import type { DestinationStream } from 'pino'

const LEVELS: Readonly<Record<number, { readonly label: string; readonly color: number }>> = {
  10: { label: 'trace', color: 90 },
  20: { label: 'debug', color: 90 },
  30: { label: 'info ', color: 32 },
  40: { label: 'warn ', color: 33 },
  50: { label: 'error', color: 31 },
}

/** Fields that have their own place in the line, or none at all in one for people. */
const PLACED = new Set(['level', 'time', 'event', 'err', 'pid', 'hostname'])

/** Turns each line of JSON into one for people: `12:30:05.120 info  relay.started port=7777`. */
export function prettyDestination(
  out: DestinationStream,
  { colors }: { readonly colors: boolean },
): DestinationStream {
  return { write: (line) => out.write(prettyLine(line, colors)) }
}

export function prettyLine(json: string, colors: boolean): string {
  const line: unknown = JSON.parse(json)
  if (typeof line !== 'object' || line === null) return json
  const fields = new Map(Object.entries(line))
  const { label, color } = LEVELS[Number(fields.get('level'))] ?? { label: 'fatal', color: 31 }
  const paint = (code: number, text: string): string => (colors ? `\u001b[${code}m${text}\u001b[0m` : text)
  const time = new Date(Number(fields.get('time'))).toISOString().slice(11, 23)
  const rest = [...fields].filter(([name]) => !PLACED.has(name))
  const shown = rest.map(([name, value]) => `${paint(90, `${name}=`)}${fieldText(value)}`)
  const head = [paint(90, time), paint(color, label), String(fields.get('event') ?? '')]
  return `${[...head, ...shown].join(' ')}${errorText(fields.get('err'))}\n`
}

/** Bare words stay bare; what has spaces or structure is written as JSON, on the same line. */
function fieldText(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
}

function errorText(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const stack: unknown = Reflect.get(error, 'stack')
  const cause: unknown = Reflect.get(error, 'cause')
  const lines = typeof stack === 'string' ? stack.split('\n') : [JSON.stringify(error)]
  const own = lines.map((line) => `\n    ${line.trim()}`).join('')
  return cause === undefined ? own : `${own}\n    caused by:${errorText(cause)}`
}
