import { Command, CommanderError } from 'commander'
import { AppError } from '../kernel/index.ts'
import { type CliCommand, type CliContext, EXIT, EXIT_CODES_HELP } from './context.ts'

interface ListedCommand {
  readonly summary: string
  readonly load: () => Promise<CliCommand>
}

/** Only what `stoa --help` prints is here; the rest of a command is loaded when it is named. */
const COMMANDS: Readonly<Record<string, ListedCommand>> = {
  start: {
    summary: 'run the relay and its web pages',
    load: async () => (await import('./start.ts')).startCommand,
  },
  import: {
    summary: 'read events from a file or a pipe into the store',
    load: async () => (await import('./import.ts')).importCommand,
  },
  export: {
    summary: 'write events of the store as JSON lines',
    load: async () => (await import('./export.ts')).exportCommand,
  },
  sync: {
    summary: 'bring this store and another relay to the same events',
    load: async () => (await import('./sync.ts')).syncCommand,
  },
  backup: {
    summary: 'copy everything into a folder, or look at such copies',
    load: async () => (await import('./backup.ts')).backupCommand,
  },
  restore: {
    summary: 'bring a backup back into an empty data folder',
    load: async () => (await import('./restore.ts')).restoreCommand,
  },
  prune: {
    summary: 'remove what the rules of retention say, or show what that would be',
    load: async () => (await import('./prune.ts')).pruneCommand,
  },
  admin: {
    summary: 'tell the running program what to do: bans, levels, invites, connections, …',
    load: async () => (await import('./admin.ts')).adminCommand,
  },
  ledger: {
    summary: 'show the books: accounts, statements, the trial balance',
    load: async () => (await import('./ledger.ts')).ledgerCommand,
  },
  ilp: {
    summary: 'the Interledger node: peers, routes, payments',
    load: async () => (await import('./ilp.ts')).ilpCommand,
  },
  observatory: {
    summary: 'what Nostr is doing: state, relays, exports, alerts, tiers of API keys',
    load: async () => (await import('./observatory.ts')).observatoryCommand,
  },
  config: {
    summary: 'show, check or begin a configuration',
    load: async () => (await import('./config.ts')).configCommand,
  },
  doctor: {
    summary: 'check this machine, the configuration and the data',
    load: async () => (await import('./doctor.ts')).doctorCommand,
  },
  bench: {
    summary: 'measure a relay (needs a checkout of the repository)',
    load: async () => (await import('./bench.ts')).benchCommand,
  },
}

/**
 * Runs the command line.
 *
 * @param args without the program's own name: `['start', '--port', '7777']`.
 * @returns the exit code. Nothing is thrown: what went wrong is printed on standard error.
 */
export async function runCli(args: readonly string[], version: string, context: CliContext): Promise<number> {
  let exitCode: number = EXIT.ok
  const program = await buildProgram(args, version, context, (code) => {
    exitCode = code
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    return report(error, context)
  }
}

async function buildProgram(
  args: readonly string[],
  version: string,
  context: CliContext,
  finish: (exitCode: number) => void,
): Promise<Command> {
  const program = new Command('stoa')
    .description('A public square for a Nostr community: a fast, durable relay and what belongs to it.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'explain a command')
    .option('--data <dir>', 'folder for everything Stoa keeps (data.dir)')
    .option('--config <file>', 'configuration file (instead of ./stoa.toml)')
    .configureHelp({ showGlobalOptions: true, helpWidth: 100 })
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    })
    .addHelpText(
      'after',
      `${EXIT_CODES_HELP}\n\nExamples:\n  stoa start\n  stoa start --data /var/lib/stoa --port 80\n  stoa import --help`,
    )
    .exitOverride()
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    const command = program.command(name).description(summary)
    // A word that happens to be the value of an option loads a command too many, and does no harm.
    if (args.includes(name)) (await load()).configure(command, context, finish)
  }
  return program
}

/** Prints a fault for the person at the terminal: a sentence for what we foresaw, the stack for what we did not. */
function report(error: unknown, { stderr }: CliContext): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (!(error instanceof AppError)) {
    stderr.write(`stoa: ${unforeseen(error)}\n`)
    return EXIT.failed
  }
  const cause = error.cause instanceof Error ? `\n  because: ${error.cause.message}` : ''
  stderr.write(`stoa: ${error.message}${cause}\n`)
  return exitCodeOf(error)
}

/** The operating system's own words are enough; for a bug we want to know where it happened. */
function unforeseen(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'syscall' in error ? error.message : (error.stack ?? error.message)
}

const REFUSALS: ReadonlySet<string> = new Set([
  'BACKUP_DAMAGED',
  'BACKUP_IN_USE',
  'RESTORE_REFUSED',
  'STORE_DAMAGED',
  'STORE_LOCKED',
  'STORE_UNSUPPORTED_VERSION',
])

function exitCodeOf({ code }: AppError): number {
  if (code === 'CONFIG_INVALID' || code === 'NODE_TOO_OLD') return EXIT.usage
  return REFUSALS.has(code) ? EXIT.refused : EXIT.failed
}
