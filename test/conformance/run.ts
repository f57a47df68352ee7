/** `npm run conformance -- ws://host:port`: the command line of the suite. */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { allSections, type ConformanceOptions, printReport, type Report, runConformance } from './index.ts'

const HELP = `Usage: npm run conformance -- <ws://host:port> [options]

Judges a Nostr relay by its answers alone, and prints a table for each section of the checklist.
It publishes a few hundred small events under throw-away keys: use a relay that may be written to.

  --section 1,3,14      only these sections
  --row E-01,F-07       only these rows
  --relay-url URL       the address AUTH events must name, when it is not the one given
  --slow                also the rows that take minutes (S-24, T-08)
  --admin-key FILE      a file with the secret key, in hex, of somebody who may manage the relay: runs the
                        rows of NIP-86 and NIP-43, which change its lists and its name
  --ping-timeout MS     after how long without a pong the relay drops a connection: runs T-08 with it
  --concurrency N       rows at a time (default 6)
  --answer MS           how long an expected answer may take (default 5000)
  --quiet MS            how long nothing must come before "nothing came" is believed (default 1000)
  --json FILE           also write the results as JSON
  --verbose             whole exchanges, and notes beside passes
  --list                print the rows and end
  --help                this text

Exit code: 0 when no row of level M, S or D failed, 1 when one did, 2 when the arguments are
unusable or the relay cannot be reached.

Levels: M must, S should, O optional, D de-facto, P proposal of the checklist.`

/** Arguments that make no sense; the message says which. */
class UsageError extends Error {}

interface Command {
  readonly options: ConformanceOptions
  readonly jsonFile: string | undefined
  readonly isVerbose: boolean
}

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args)
  if (values.help) return say(HELP)
  if (values.list) return say(listRows())
  const command = commandOf(values, positionals)
  const report = await runConformance({ ...command.options, onResult: showProgress() })
  clearProgress()
  if (command.jsonFile !== undefined)
    await writeFile(command.jsonFile, `${JSON.stringify(report, null, 2)}\n`)
  say(print(report, command.isVerbose))
  return report.violations === 0 ? 0 : 1
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        section: { type: 'string' },
        row: { type: 'string' },
        'relay-url': { type: 'string' },
        slow: { type: 'boolean', default: false },
        'admin-key': { type: 'string' },
        'ping-timeout': { type: 'string' },
        concurrency: { type: 'string' },
        answer: { type: 'string' },
        quiet: { type: 'string' },
        json: { type: 'string' },
        verbose: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

type Values = ReturnType<typeof parse>['values']

function commandOf(values: Values, positionals: readonly string[]): Command {
  const [url, ...others] = positionals
  if (url === undefined) throw new UsageError('the address of the relay is missing')
  if (others.length > 0) throw new UsageError(`one address, please; also got ${others.join(' ')}`)
  checkAddress(url)
  const numbers = {
    pingTimeoutMs: wholeNumber('--ping-timeout', values['ping-timeout']),
    concurrency: wholeNumber('--concurrency', values.concurrency),
    answerMs: wholeNumber('--answer', values.answer),
    quietMs: wholeNumber('--quiet', values.quiet),
  }
  const options: ConformanceOptions = {
    url,
    slow: values.slow,
    ...(values.section === undefined ? {} : { sections: chosenSections(values.section) }),
    ...(values.row === undefined ? {} : { rows: chosenRows(values.row) }),
    ...(values['relay-url'] === undefined ? {} : { relayUrl: checkAddress(values['relay-url']) }),
    ...(values['admin-key'] === undefined ? {} : { adminSecret: readSecret(values['admin-key']) }),
    ...Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== undefined)),
  }
  return { options, jsonFile: values.json, isVerbose: values.verbose }
}

function checkAddress(text: string): string {
  if (URL.canParse(text) && /^wss?:$/.test(new URL(text).protocol)) return text
  throw new UsageError(`"${text}" is no ws:// or wss:// address`)
}

/** From a file, because everybody on the machine can read the arguments of a process. */
function readSecret(file: string): Uint8Array {
  const hex = readFileSync(file, 'utf8').trim()
  if (/^[0-9a-f]{64}$/.test(hex)) return Buffer.from(hex, 'hex')
  throw new UsageError(`${file} must hold a secret key as 64 lowercase hex digits`)
}

function wholeNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new UsageError(`${option} takes a whole number above zero, not "${text}"`)
}

function chosenSections(list: string): number[] {
  const known = allSections.map((section) => section.number)
  return list.split(',').map((word) => {
    const number = Number(word)
    if (known.includes(number)) return number
    throw new UsageError(`there is no section "${word}"; there are ${known.join(', ')}`)
  })
}

function chosenRows(list: string): string[] {
  const known = new Set(allSections.flatMap((section) => section.rows.map((row) => row.id)))
  return list.split(',').map((word) => {
    const id = word.trim().toUpperCase()
    if (known.has(id)) return id
    throw new UsageError(`there is no row "${word}"; --list shows them`)
  })
}

function listRows(): string {
  const lines = allSections.flatMap((section) => [
    `${section.number}  ${section.title}`,
    ...section.rows.map((row) => `    ${row.id.padEnd(5)} ${row.level}  ${row.claim}`),
  ])
  return lines.join('\n')
}

function print(report: Report, isVerbose: boolean): string {
  const { isTTY, columns } = process.stdout
  const hasColors = isTTY === true && process.stdout.hasColors()
  return printReport(report, allSections, { hasColors, isVerbose, columns: columns ?? 110 })
}

/** A counter on stderr, only where a person watches. */
function showProgress(): () => void {
  let done = 0
  return () => {
    done += 1
    if (process.stderr.isTTY) process.stderr.write(`\r${done} rows done`)
  }
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
}

function say(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const reason = error instanceof Error ? error.message || String(error) : String(error)
  const hint =
    error instanceof UsageError ? 'See --help.' : 'Is the relay running, and is it the right address?'
  process.stderr.write(`${reason}\n${hint}\n`)
  process.exitCode = 2
}
