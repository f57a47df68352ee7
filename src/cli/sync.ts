import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Config } from '../config/index.ts'
import type { EventStore } from '../events/index.ts'
import { AppError } from '../kernel/index.ts'
import { createIntake, type Direction, refuseFilter, type SyncTotals, syncWith } from '../mirrors/index.ts'
import { type Filter, parseFilter } from '../nostr/index.ts'
import { configFor } from './config-for.ts'
import { type CliCommand, type CliContext, EXIT, EXIT_CODES_HELP, hasFlag } from './context.ts'
import { createProgress, formatCount, formatDuration, perSecond } from './progress.ts'

export const syncCommand: CliCommand = {
  configure(command, context, finish) {
    command
      .argument('<relay>', 'address of the other relay, ws:// or wss://')
      .option('--down', 'fetch what is missing here (the default)')
      .addOption(new Option('--up', 'send what is missing there').conflicts(['down', 'both']))
      .addOption(new Option('--both', 'do both').conflicts(['down', 'up']))
      .addOption(new Option('--filter <json>', 'only events that match').argParser(filterFromText))
      .addOption(
        new Option('--since <time>', 'not older: a date, or seconds since 1970').argParser(secondsFromText),
      )
      .addOption(
        new Option('--until <time>', 'not newer: a date, or seconds since 1970').argParser(secondsFromText),
      )
      .option('--protected', 'take protected events (NIP-70) too; they are never sent')
      .option('--private', 'send private messages and drafts too')
      .option('--json', 'print the totals for machines')
      .addHelpText(
        'after',
        `
Compares what both relays have and moves only what is missing (NIP-77); a relay without NIP-77 is read page by page.
Ids and signatures are always checked, and the write policies apply. What is interrupted is taken up again by the same
command. The store must not be in use: a running Stoa follows another relay itself (relay.mirrors).
${EXIT_CODES_HELP}

Examples:
  stoa sync wss://relay.example.org
  stoa sync wss://relay.example.org --both --since 2025-01-01
  stoa sync wss://relay.example.org --filter '{"authors":["<64 hex characters>"]}'`,
      )
      .action(async (relay: string) => finish(await runSync(relay, command, context)))
  },
}

async function runSync(relay: string, command: Command, context: CliContext): Promise<number> {
  const { config } = configFor(command, context)
  const startedMs = context.clock.nowMs()
  const store = await openStore(config, context)
  let reached: SyncTotals | undefined
  try {
    await syncStore({ relay, command, context, config, store }, (totals) => {
      reached = totals
    })
  } finally {
    await store.close()
  }
  const wasInterrupted = context.interrupted.aborted
  const tookMs = context.clock.nowMs() - startedMs
  const print = hasFlag(command, 'json') ? totalsAsJson : totalsAsText
  if (reached !== undefined) context.stdout.write(print(reached, { tookMs, wasInterrupted }))
  return wasInterrupted ? EXIT.failed : EXIT.ok
}

interface SyncJob {
  readonly relay: string
  readonly command: Command
  readonly context: CliContext
  readonly config: Config
  readonly store: EventStore
}

async function syncStore(job: SyncJob, onReached: (totals: SyncTotals) => void): Promise<void> {
  const { command, config, store } = job
  const { clock, interrupted: signal, stderr, compose } = job.context
  const { createEventVerifier, createWritePolicies } = await compose()
  const verifier = await createEventVerifier(config)
  const policies = await createWritePolicies?.(config, store)
  const progress = createProgress(stderr, clock)
  const tell = (totals: SyncTotals): void => {
    onReached(totals)
    progress.update({ events: moved(totals), fraction: fractionOf(totals) })
  }
  try {
    const totals = await syncWith({
      url: job.relay,
      filter: filterOf(command),
      direction: directionOf(command),
      store,
      intake: createIntake({
        store,
        clock,
        verifyBatch: (events) => verifier.verifyBatch(events),
        ...(policies !== undefined && { policies }),
        self: '',
        relayUrls: config.relay.publicUrl === '' ? [] : [config.relay.publicUrl],
      }),
      origin: 'sync',
      clock,
      takesProtected: hasFlag(command, 'protected'),
      sharesPrivate: hasFlag(command, 'private'),
      onProgress: tell,
      signal,
    })
    onReached(totals)
  } catch (error) {
    // Called off by the person at the terminal: no fault, and the totals say how far it came.
    if (!signal.aborted) throw error
  } finally {
    progress.done()
    policies?.close()
    await verifier.close?.()
  }
}

async function openStore(config: Config, context: CliContext): Promise<EventStore> {
  const { openEventStore } = await context.compose()
  try {
    return await openEventStore(config)
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'STORE_LOCKED') throw error
    const advice = 'A Stoa that runs can follow or feed the other relay itself: add it to relay.mirrors.'
    throw new AppError('STORE_LOCKED', `${error.message} ${advice}`, { facts: error.facts })
  }
}

function directionOf(command: Command): Direction {
  if (hasFlag(command, 'both')) return 'both'
  return hasFlag(command, 'up') ? 'up' : 'down'
}

function filterOf(command: Command): Filter {
  const { filter = {}, since, until } = command.opts<{ filter?: Filter; since?: number; until?: number }>()
  return { ...filter, ...(since !== undefined && { since }), ...(until !== undefined && { until }) }
}

function filterFromText(text: string): Filter {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new InvalidArgumentError('It is not JSON.')
  }
  const filter = parseFilter(json, { allowsSearch: true })
  if (!filter.ok) throw new InvalidArgumentError(`${filter.refusal.prefix}: ${filter.refusal.text}.`)
  const refusal = refuseFilter(filter.value)
  if (refusal !== undefined) throw new InvalidArgumentError(`${refusal}.`)
  return filter.value
}

/** A date without a time of day begins in UTC, as ISO 8601 has it in JavaScript. */
function secondsFromText(text: string): number {
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.floor(Date.parse(text) / 1_000)
  if (!Number.isSafeInteger(seconds) || seconds < 0) {
    throw new InvalidArgumentError('It is neither a date like 2025-01-31 nor a number of seconds.')
  }
  return seconds
}

function moved({ fetched, uploaded, uploadRefused }: SyncTotals): number {
  return fetched + uploaded + uploadRefused
}

/** Page by page nobody knows how much there is. */
function fractionOf(totals: SyncTotals): number | undefined {
  const { method, need, have } = totals
  return method === 'negentropy' ? Math.min(1, moved(totals) / Math.max(1, need + have)) : undefined
}

interface Circumstances {
  readonly tookMs: number
  readonly wasInterrupted: boolean
}

function totalsAsText(totals: SyncTotals, { tookMs, wasInterrupted }: Circumstances): string {
  const rate = formatCount(perSecond(moved(totals), tookMs))
  const rows: readonly (readonly [string, number])[] = [
    ['fetched', totals.fetched],
    ['  stored', totals.stored],
    ['  known', totals.known],
    ['  refused here', totals.refused],
    ['  bad', totals.bad],
    ['  not sent', totals.missing],
    ['sent', totals.uploaded],
    ['  refused there', totals.uploadRefused],
    ['  protected', totals.withheld],
  ]
  const shown = rows.filter(([name, count]) => count > 0 || name === 'fetched' || name === 'sent')
  const how =
    totals.method === 'pages' ? 'page by page, since the relay does not know NIP-77' : 'by comparing (NIP-77)'
  const lines = [
    `${formatCount(moved(totals))} events moved in ${formatDuration(tookMs)} (${rate}/s), ${how}`,
    ...shown.map(([name, count]) => `  ${name.padEnd(17)}${formatCount(count)}`),
    ...[...totals.refusals].map(([reason, count]) => `    ${formatCount(count)} × ${reason}`),
    ...(totals.uncertainSeconds > 0
      ? [
          `In ${formatCount(totals.uncertainSeconds)} seconds the relay has more than it sends at once; some may be missing.`,
        ]
      : []),
    ...(wasInterrupted ? ['Interrupted: what has come is stored; the same command goes on from here.'] : []),
  ]
  return `${lines.join('\n')}\n`
}

function totalsAsJson(totals: SyncTotals, circumstances: Circumstances): string {
  return `${JSON.stringify({ ...totals, refusals: Object.fromEntries(totals.refusals), ...circumstances })}\n`
}
