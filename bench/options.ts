import { parseArgs } from 'node:util'

export const GROUPS = ['event', 'req', 'count', 'fanout', 'crowd', 'idle'] as const
export type Group = (typeof GROUPS)[number]

export interface BenchOptions {
  /** A relay that runs already; without it our own is started. */
  readonly url: string | undefined
  readonly pid: number | undefined
  /** Configuration file of our own. */
  readonly configFile: string | undefined
  readonly skipOwn: boolean
  readonly peersFile: string | undefined
  readonly peerNames: readonly string[]
  readonly groups: readonly Group[]
  /** Synthetic events stored before the questions. */
  readonly events: number
  readonly rounds: number
  readonly seed: string
  readonly isQuick: boolean
  readonly jsonFile: string | undefined
  readonly isPinned: boolean
  readonly relayCore: number
  readonly loadCore: number
}

export const HELP = `Measures a Nostr relay: npm run bench -- [options]

  --url ws://HOST:PORT   measure a relay that runs already, instead of starting our own
  --pid N                its process id, for processor time and memory (with --url)
  --config FILE          our own relay's configuration, such as bench/everything.toml
  --peers FILE           JSON list of other relays to start: {name, command, args, url, dataDir, cleanup}
  --peer NAME            measure this one of them beside ours; may be given several times
  --skip-own             only the peers
  --only LIST            of ${GROUPS.join(',')} (default: all)
  --events N             synthetic events to store (default 100000; quick 10000)
  --rounds N             each relay in turn, so often; medians are printed (default 3; quick and --url 1)
  --seed TEXT            another dataset (default "square")
  --quick                a smaller and shorter run, for a first look
  --json FILE            where the results go (default bench/results/<date>-relay.json; quick: nowhere)
  --relay-core N         the core of the relay under test (default 1)
  --load-core N          the core of the load (default 0)
  --no-pin               leave the choice of cores to the system
  --help                 this text
`

/** A mistake of the person who typed the command: printed as one line, exit status 2. */
export class UsageError extends Error {}

/** Reads the command line; undefined when help was asked for. */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const values = readFlags(args)
  if (values.help) return undefined
  const isQuick = values.quick ?? false
  const options: BenchOptions = {
    url: values.url,
    pid: values.pid === undefined ? undefined : wholeNumber('--pid', values.pid, 1),
    configFile: values.config,
    skipOwn: values['skip-own'] ?? false,
    peersFile: values.peers,
    peerNames: (values.peer ?? []).flatMap((names) => names.split(',')),
    groups: values.only === undefined ? GROUPS : values.only.split(',').map(groupOf),
    events: wholeNumber('--events', values.events ?? (isQuick ? '10000' : '100000'), 1000),
    rounds: wholeNumber('--rounds', values.rounds ?? (isQuick || values.url ? '1' : '3'), 1),
    seed: values.seed ?? 'square',
    isQuick,
    jsonFile: values.json,
    isPinned: !(values['no-pin'] ?? false),
    relayCore: wholeNumber('--relay-core', values['relay-core'] ?? '1', 0),
    loadCore: wholeNumber('--load-core', values['load-core'] ?? '0', 0),
  }
  if (options.pid !== undefined && options.url === undefined) throw new UsageError('--pid goes with --url.')
  if (options.peerNames.length > 0 && options.peersFile === undefined) {
    throw new UsageError('--peer needs --peers FILE, which says how to start it.')
  }
  if (options.skipOwn && options.peerNames.length === 0)
    throw new UsageError('--skip-own leaves nothing: give --peer.')
  return options
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        url: { type: 'string' },
        pid: { type: 'string' },
        config: { type: 'string' },
        'skip-own': { type: 'boolean' },
        peers: { type: 'string' },
        peer: { type: 'string', multiple: true },
        only: { type: 'string' },
        events: { type: 'string' },
        rounds: { type: 'string' },
        seed: { type: 'string' },
        quick: { type: 'boolean' },
        json: { type: 'string' },
        'no-pin': { type: 'boolean' },
        'relay-core': { type: 'string' },
        'load-core': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function wholeNumber(flag: string, text: string, min: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < min) {
    throw new UsageError(`${flag} is "${text}": it must be a whole number from ${min}.`)
  }
  return value
}

function groupOf(text: string): Group {
  const group = GROUPS.find((name) => name === text)
  if (group === undefined) throw new UsageError(`--only knows ${GROUPS.join(', ')}; not "${text}".`)
  return group
}
