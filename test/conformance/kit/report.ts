/** The results of a run, for people (a table per section) and for machines (JSON). */
import { styleText } from 'node:util'
import type { Level, Section } from './row.ts'

export interface Result {
  readonly id: string
  readonly section: number
  readonly level: Level
  readonly claim: string
  readonly outcome: 'pass' | 'fail' | 'skip'
  /** Why it failed or was skipped. */
  readonly reason?: string
  /** The last frames before a failure, `C` from the client and `R` from the relay, with the connection's letter. */
  readonly exchange?: readonly string[]
  readonly notes: readonly string[]
  readonly tookMs: number
}

export interface Report {
  readonly url: string
  /** As NIP-11 gives them; empty when it does not. */
  readonly relay: { readonly name: string; readonly software: string; readonly version: string }
  readonly results: readonly Result[]
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Failed rows of the levels M, S and D: a relay that conforms has none. */
  readonly violations: number
  readonly tookMs: number
}

export function makeReport(
  head: Pick<Report, 'url' | 'relay' | 'tookMs'>,
  results: readonly Result[],
): Report {
  const having = (outcome: Result['outcome']) => results.filter((result) => result.outcome === outcome)
  const failures = having('fail')
  return {
    ...head,
    results,
    passed: having('pass').length,
    failed: failures.length,
    skipped: having('skip').length,
    violations: failures.filter(isViolation).length,
  }
}

export interface PrintOptions {
  readonly hasColors: boolean
  /** Also the frames of failures in full and the notes of passes. */
  readonly isVerbose: boolean
  /** Width of the terminal in columns. */
  readonly columns: number
}

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow'
type Paint = (style: Style, text: string) => string

/** Where the text of a row starts, after id, level and outcome. */
const INDENT = ' '.repeat(20)
const EXCHANGE_LINES = 8

/** The whole report as text. */
export function printReport(report: Report, sections: readonly Section[], options: PrintOptions): string {
  const paint: Paint = (style, text) =>
    options.hasColors ? styleText(style, text, { validateStream: false }) : text
  const tables = sections.flatMap((section) => {
    const results = report.results.filter((result) => result.section === section.number)
    return results.length === 0 ? [] : [printSection(section, results, paint, options)]
  })
  return [printHead(report, paint), ...tables, printSummary(report, paint)].join('\n\n')
}

function printHead({ url, relay }: Report, paint: Paint): string {
  const about = [relay.name, relay.software, relay.version].filter((part) => part !== '').join(' · ')
  return `${paint('bold', 'Nostr relay conformance')}  ${url}\n${paint('dim', about || 'no NIP-11 document')}`
}

function printSection(
  section: Section,
  results: readonly Result[],
  paint: Paint,
  options: PrintOptions,
): string {
  const passed = results.filter((result) => result.outcome === 'pass').length
  const title = `${String(section.number).padStart(2)}  ${section.title}`
  const head = `${paint('bold', title)}  ${paint('dim', `${passed} of ${results.length} passed`)}`
  return [head, ...results.map((result) => printResult(result, paint, options))].join('\n')
}

const outcomeWords = {
  pass: { word: 'pass', style: 'green' },
  fail: { word: 'FAIL', style: 'red' },
  skip: { word: 'skip', style: 'yellow' },
} as const

function printResult(result: Result, paint: Paint, options: PrintOptions): string {
  const { word, style } = outcomeWords[result.outcome]
  const wrap = (text: string) => wrapLines(text, Math.max(40, options.columns - INDENT.length))
  const [first = '', ...rest] = wrap(result.claim)
  const lines = [`    ${result.id.padEnd(5)} ${result.level}  ${paint(style, word)}  ${first}`]
  lines.push(...rest.map((line) => INDENT + line))
  if (result.reason !== undefined) {
    const tone = result.outcome === 'fail' ? 'red' : 'dim'
    lines.push(...wrap(result.reason).map((line) => INDENT + paint(tone, line)))
  }
  if (options.isVerbose) lines.push(...result.notes.flatMap(wrap).map((line) => INDENT + paint('dim', line)))
  lines.push(...printExchange(result.exchange ?? [], options).map((line) => INDENT + paint('dim', line)))
  return lines.join('\n')
}

function printExchange(exchange: readonly string[], { isVerbose, columns }: PrintOptions): string[] {
  if (isVerbose) return [...exchange]
  const width = Math.max(40, columns - INDENT.length)
  const cut = (line: string) => (line.length <= width ? line : `${line.slice(0, width - 1)}…`)
  return exchange.slice(-EXCHANGE_LINES).map(cut)
}

function printSummary(report: Report, paint: Paint): string {
  const failed = paint(report.failed === 0 ? 'green' : 'red', `${report.failed} failed`)
  const seconds = (report.tookMs / 1000).toFixed(1)
  const line = `${paint('green', `${report.passed} passed`)}, ${failed}, ${report.skipped} skipped`
  const failures = report.results.filter((result) => result.outcome === 'fail').map((result) => result.id)
  const list = failures.length === 0 ? '' : `\n${paint('dim', `failed: ${failures.join(' ')}`)}`
  return `${line}  ${paint('dim', `(${seconds} s)`)}${list}`
}

/** Proposals (P) and options (O) are choices; breaking them is no violation. */
function isViolation({ level }: Result): boolean {
  return level === 'M' || level === 'S' || level === 'D'
}

function wrapLines(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
