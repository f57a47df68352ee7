import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip, createZstdCompress } from 'node:zlib'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { EventPage, EventStore } from '../events/index.ts'
import { type Filter, parseFilter } from '../nostr/index.ts'
import { configFor } from './config-for.ts'
import { type CliCommand, type CliContext, EXIT, EXIT_CODES_HELP, hasFlag, textOption } from './context.ts'
import { createProgress, formatCount } from './progress.ts'

/** Events read from the store at a time. */
const PAGE_EVENTS = 500

export const exportCommand: CliCommand = {
  configure(command, context, finish) {
    const filters: Filter[] = []
    command
      .addOption(
        new Option('--filter <json>', 'only events that match; may be given several times').argParser(
          (text: string) => {
            filters.push(filterFromText(text))
          },
        ),
      )
      .option('--output <file>', 'write there instead of to standard output')
      .addOption(new Option('--gzip', 'compress with gzip').conflicts('zstd'))
      .option('--zstd', 'compress with zstd')
      .addHelpText(
        'after',
        `
One event a line, newest first (by created_at; lowest id first within a second), as stored: nothing is signed anew.
Expired events are left out. The store must not be in use.
${EXIT_CODES_HELP}

Examples:
  stoa export > events.ndjson
  stoa export --output backup.jsonl.zst --zstd
  stoa export --filter '{"kinds":[0,3]}' --filter '{"kinds":[1],"since":1700000000}'`,
      )
      .action(async () => finish(await runExport(filters, command, context)))
  },
}

function filterFromText(text: string): Filter {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new InvalidArgumentError('It is not JSON.')
  }
  const filter = parseFilter(json)
  if (!filter.ok) throw new InvalidArgumentError(`${filter.refusal.prefix}: ${filter.refusal.text}.`)
  return filter.value
}

async function runExport(filters: readonly Filter[], command: Command, context: CliContext): Promise<number> {
  const { config } = configFor(command, context)
  const { openEventStore } = await context.compose()
  const store = await openEventStore(config)
  try {
    return await exportEvents(store, filters, command, context)
  } finally {
    await store.close()
  }
}

async function exportEvents(
  store: EventStore,
  filters: readonly Filter[],
  command: Command,
  context: CliContext,
): Promise<number> {
  const progress = createProgress(context.stderr, context.clock)
  const total = filters.length === 0 ? store.stats().events : undefined
  let events = 0
  const count = (more: number): void => {
    events += more
    progress.update({ events, fraction: total === undefined ? undefined : events / Math.max(1, total) })
  }
  const wanted = filters.length === 0 ? [{}] : filters
  const lines = Readable.from(pagesOf(store, wanted, context, count), { highWaterMark: 2 })
  const file = textOption(command, 'output')
  const compressor = compressorOf(command)
  try {
    if (file === undefined) await writeToStdout(lines, compressor, context)
    else await writeToFile(resolve(context.cwd, file), lines, compressor, context)
  } catch (error) {
    if (isBrokenPipe(error)) return EXIT.ok
    if (!context.interrupted.aborted) throw error
    context.stderr.write('Interrupted; the export is not whole.\n')
    return EXIT.failed
  } finally {
    progress.done()
  }
  if (file !== undefined) context.stdout.write(`${formatCount(events)} events written to ${file}\n`)
  return EXIT.ok
}

type Compressor = ReturnType<typeof createGzip> | ReturnType<typeof createZstdCompress>

function compressorOf(command: Command): Compressor | undefined {
  if (hasFlag(command, 'gzip')) return createGzip()
  return hasFlag(command, 'zstd') ? createZstdCompress() : undefined
}

async function writeToStdout(
  lines: Readable,
  compressor: Compressor | undefined,
  context: CliContext,
): Promise<void> {
  const options = { end: false, signal: context.interrupted }
  if (compressor === undefined) await pipeline(lines, context.stdout, options)
  else await pipeline(lines, compressor, context.stdout, options)
}

/** Under another name until it is whole, so that half an export is never taken for one. */
async function writeToFile(
  path: string,
  lines: Readable,
  compressor: Compressor | undefined,
  { interrupted: signal }: CliContext,
): Promise<void> {
  const partial = `${path}.partial`
  const out = createWriteStream(partial, { flush: true })
  try {
    if (compressor === undefined) await pipeline(lines, out, { signal })
    else await pipeline(lines, compressor, out, { signal })
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}

async function* pagesOf(
  store: EventStore,
  filters: readonly Filter[],
  { clock }: CliContext,
  count: (more: number) => void,
): AsyncGenerator<Buffer> {
  const cursor = store.query(filters, clock.nowSeconds())
  for (;;) {
    const page = await cursor.next(PAGE_EVENTS)
    const { done, count: events } = page
    // Copied before anything else can happen: a page is valid only until the store's next turn.
    if (events > 0) yield linesOf(page)
    count(events)
    if (done) return
  }
}

function linesOf(page: EventPage): Buffer {
  let length = page.count
  for (let index = 0; index < page.count; index++) length += page.byteLengthAt(index)
  const lines = Buffer.allocUnsafe(length)
  let at = 0
  for (let index = 0; index < page.count; index++) {
    at += page.copyAt(index, lines, at)
    at = lines.writeUInt8(0x0a, at)
  }
  return lines
}

/** Whoever read us has seen enough (`stoa export | head`); that is no failure. */
function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE'
}
