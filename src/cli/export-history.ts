/** `stoa observatory export`: history as a file, on standard output. */
import { resolve } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { HISTORY_FORMATS, HISTORY_SUBJECTS } from '../console/index.ts'
import { askStoaForFile } from './admin-client.ts'
import { configFor } from './config-for.ts'
import { type CliContext, EXIT, textOption } from './context.ts'
import { createByteProgress } from './progress.ts'

export function addHistoryExport(
  observatory: Command,
  context: CliContext,
  finish: (exitCode: number) => void,
): void {
  const command = observatory.command('export')
  command
    .description(`write history to standard output: ${HISTORY_SUBJECTS.join(', ')}`)
    .argument('<what>', '', oneOf(HISTORY_SUBJECTS))
    .addOption(
      new Option('--format <word>', HISTORY_FORMATS.join(', '))
        .default('csv')
        .argParser(oneOf(HISTORY_FORMATS)),
    )
    .addOption(new Option('--since <time>', TIME).argParser(secondsOf))
    .addOption(new Option('--until <time>', `up to and without it; ${TIME}`).argParser(secondsOf))
    .addHelpText(
      'after',
      `
Without a time everything is written. How far it has come is told on standard error, to a terminal only.

Examples:
  stoa observatory export network-events --since 2026-11-01 > events.csv
  stoa observatory export relay-hours --format parquet > hours.parquet`,
    )
    .action(async (what: string) => finish(await runExport(what, command, context)))
}

const TIME = 'a day (2026-11-21), a moment (2026-11-21T14:00:00Z) or Unix seconds'

function oneOf(words: readonly string[]): (text: string) => string {
  return (text) => {
    if (words.includes(text)) return text
    throw new InvalidArgumentError(`must be one of ${words.join(', ')}.`)
  }
}

/** As text: options with values are. */
function secondsOf(text: string): string {
  if (/^\d{1,11}$/.test(text)) return text
  const ms = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?$/.test(text) ? Date.parse(text) : Number.NaN
  if (ms >= 0) return String(ms / 1_000)
  throw new InvalidArgumentError(`must be ${TIME}.`)
}

async function runExport(what: string, command: Command, context: CliContext): Promise<number> {
  const { stdout, stderr, interrupted } = context
  const format = textOption(command, 'format') ?? 'csv'
  if (format === 'parquet' && stdout.isTTY === true) {
    stderr.write(`stoa: Parquet is not for a terminal: stoa observatory export ${what} … > ${what}.parquet\n`)
    return EXIT.usage
  }
  const { config } = configFor(command, context)
  const bounds = ['since', 'until'].flatMap((name): [string, string][] => {
    const seconds = textOption(command, name)
    return seconds === undefined ? [] : [[`${name}Seconds`, seconds]]
  })
  const query = new URLSearchParams([['what', what], ['format', format], ...bounds])
  const asked = await askStoaForFile(resolve(context.cwd, config.data.dir), {
    path: `observatory/export?${query}`,
    signal: interrupted,
  })
  if (!asked.ok) return complain(asked.refusal, context)
  const progress = createByteProgress(stderr, context.clock)
  const counting = new Transform({
    transform: (chunk: Buffer, _encoding, next) => {
      progress.add(chunk.length)
      next(null, chunk)
    },
  })
  try {
    await pipeline(asked.value, counting, stdout, { end: false, signal: interrupted })
    return EXIT.ok
  } catch (error) {
    if (isBrokenPipe(error)) return EXIT.ok
    progress.done()
    const reason = error instanceof Error ? error.message : String(error)
    return complain(`the export is not whole: ${interrupted.aborted ? 'interrupted' : reason}`, context)
  } finally {
    progress.done()
  }
}

function complain(text: string, { stderr }: CliContext): number {
  stderr.write(`stoa: ${text}\n`)
  return EXIT.failed
}

/** Whoever read us has seen enough (`… | head`); that is no failure. */
function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE'
}
