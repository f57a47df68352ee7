import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import type { Command } from 'commander'
import type { EventStore } from '../events/index.ts'
import { AppError } from '../kernel/index.ts'
import { ageRefusal, parseRetention, type RetentionSettings, removesByAge } from '../retention/index.ts'
import type { BatchVerifier } from './composition.ts'
import { configFor } from './config-for.ts'
import { type CliCommand, type CliContext, EXIT, EXIT_CODES_HELP, hasFlag, textOption } from './context.ts'
import {
  type ImportDeps,
  type ImportPosition,
  type ImportTotals,
  importEvents,
  newTotals,
  type RefusedLine,
} from './import-events.ts'
import { openImportState } from './import-state.ts'
import { openFileInput, openPipeInput, requireReadable } from './open-input.ts'
import { createProgress, formatCount, formatDuration, perSecond } from './progress.ts'
import { readLines } from './read-lines.ts'

/** Longer lines are refused unread: no event that a relay would take comes near. */
const MAX_LINE_BYTES = 16 * 1024 * 1024

export const importCommand: CliCommand = {
  configure(command, context, finish) {
    command
      .argument('[file]', 'JSON lines, plain, gzip or zstd; - is standard input', '-')
      .option('--rejects <file>', 'write refused lines there, as {"line", "reason", "text"}')
      .option('--resume', 'go on where an earlier import of this file has stopped')
      .option('--json', 'print the totals for machines')
      .addHelpText(
        'after',
        `
A line is an event, ["EVENT", event] or {"event": event}. Ids and signatures are always checked; the limits of the
relay are not applied. Refused lines are counted by reason and do not fail the import. The store must not be in use.
${EXIT_CODES_HELP}

Examples:
  stoa import events.ndjson
  stoa import backup.jsonl.zst --rejects refused.ndjson
  curl -s https://example.org/events.jsonl.gz | stoa import -
  stoa import huge.ndjson --resume`,
      )
      .action(async (file: string) => finish(await runImport(file, command, context)))
  },
}

const BEGINNING: ImportPosition = { lines: 0, offset: 0 }

async function runImport(file: string, command: Command, context: CliContext): Promise<number> {
  const { config } = configFor(command, context)
  const path = file === '-' ? undefined : resolve(context.cwd, file)
  // Looked at before the store is opened, so that a mistyped name leaves no empty data folder behind.
  if (path !== undefined) await requireReadable(path)
  const startedMs = context.clock.nowMs()
  const { openEventStore, createEventVerifier } = await context.compose()
  const store = await openEventStore(config)
  const verifier = await createEventVerifier(config)
  const totals = newTotals()
  try {
    const dataDir = resolve(context.cwd, config.data.dir)
    const refuse = ageRule(config.retention)
    await importSource({ path, dataDir, command, context, store, verifier, refuse, totals })
  } finally {
    await verifier.close?.()
    await store.close()
  }
  const wasInterrupted = context.interrupted.aborted
  const tookMs = context.clock.nowMs() - startedMs
  const print = hasFlag(command, 'json') ? totalsAsJson : totalsAsText
  context.stdout.write(print(totals, { tookMs, wasInterrupted }))
  return wasInterrupted ? EXIT.failed : EXIT.ok
}

/** What retention would remove at once is not stored first. */
function ageRule(settings: RetentionSettings): ImportDeps['refuse'] {
  const rules = parseRetention(settings)
  if (!removesByAge(rules)) return undefined
  return (event, nowSeconds) => ageRefusal(rules, event, nowSeconds)
}

interface ImportJob {
  /** Absolute; undefined for standard input. */
  readonly path: string | undefined
  readonly dataDir: string
  readonly command: Command
  readonly context: CliContext
  readonly store: EventStore
  readonly verifier: BatchVerifier
  readonly refuse: ImportDeps['refuse']
  readonly totals: ImportTotals
}

async function importSource({
  path,
  dataDir,
  command,
  context,
  store,
  verifier,
  refuse,
  totals,
}: ImportJob): Promise<void> {
  const isResumed = hasFlag(command, 'resume')
  const state = path === undefined ? undefined : await openImportState(dataDir, path)
  const start = isResumed ? (state?.resumeAt ?? BEGINNING) : BEGINNING
  const input =
    path === undefined ? await openPipeInput(context.stdin) : await openFileInput(path, start.offset)
  const lines = readLines(input.bytes, { maxLineBytes: MAX_LINE_BYTES, startOffset: start.offset })
  const rejects = openRejects(textOption(command, 'rejects'), isResumed, context.cwd)
  const progress = createProgress(context.stderr, context.clock)
  let reached = start
  const onStored = (position: ImportPosition): void => {
    reached = position
    state?.save(position)
    const fraction = input.sizeBytes === undefined ? undefined : input.readBytes() / input.sizeBytes
    progress.update({ events: totals.lines, fraction })
  }
  const { clock, interrupted: signal } = context
  try {
    await importEvents(
      lines,
      start,
      { store, verifier, clock, ...(refuse && { refuse }), onRefused: rejects.write, onStored, signal },
      totals,
    )
  } catch (error) {
    throw asImportFailure(error, reached)
  } finally {
    progress.done()
    await rejects.close()
  }
}

/** A broken file or pipe is the world's fault and says where; anything else is ours and stays what it is. */
function asImportFailure(error: unknown, { lines }: ImportPosition): unknown {
  const isFromSystem = error instanceof Error && !(error instanceof AppError) && 'code' in error
  if (!isFromSystem) return error
  return new AppError('IMPORT_FAILED', `The input broke off; everything up to line ${lines} is stored.`, {
    cause: error,
    facts: { lines },
  })
}

interface Rejects {
  write(refusal: RefusedLine): Promise<void>
  close(): Promise<void>
}

function openRejects(file: string | undefined, isResumed: boolean, cwd: string): Rejects {
  if (file === undefined) return { write: async () => undefined, close: async () => undefined }
  const out = createWriteStream(resolve(cwd, file), { flags: isResumed ? 'a' : 'w' })
  // An error is kept by the stream and thrown by whoever waits for it next: `once` or `finished`.
  out.on('error', () => undefined)
  return {
    write: async (refusal) => {
      if (!out.write(`${JSON.stringify(refusal)}\n`)) await once(out, 'drain')
    },
    close: async () => {
      out.end()
      await finished(out)
    },
  }
}

interface ImportCircumstances {
  readonly tookMs: number
  readonly wasInterrupted: boolean
}

function totalsAsText(totals: ImportTotals, { tookMs, wasInterrupted }: ImportCircumstances): string {
  const rate = formatCount(perSecond(totals.lines, tookMs))
  const lines = [
    `${formatCount(totals.lines)} lines read in ${formatDuration(tookMs)} (${rate}/s)`,
    `  accepted   ${formatCount(totals.accepted)}`,
    `  duplicate  ${formatCount(totals.duplicate)}`,
    `  refused    ${formatCount(totals.refused)}`,
    ...reasonsByCount(totals).map(([reason, count]) => `    ${formatCount(count)} × ${reason}`),
    ...(wasInterrupted ? ['Interrupted: what was read so far is stored; --resume goes on from here.'] : []),
  ]
  return `${lines.join('\n')}\n`
}

function totalsAsJson(totals: ImportTotals, circumstances: ImportCircumstances): string {
  return `${JSON.stringify({ ...totals, reasons: Object.fromEntries(reasonsByCount(totals)), ...circumstances })}\n`
}

function reasonsByCount({ reasons }: ImportTotals): readonly (readonly [string, number])[] {
  return [...reasons].toSorted(([, left], [, right]) => right - left)
}
