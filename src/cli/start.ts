import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { type Config, listSettings, settingValue } from '../config/index.ts'
import { createLogger, type Logger } from '../platform/index.ts'
import type { RunningStoa } from './composition.ts'
import { configFor } from './config-for.ts'
import { type CliCommand, type CliContext, EXIT, EXIT_CODES_HELP, hasFlag } from './context.ts'

/** A stop that takes longer has met something that does not end; the data is safe, so the process goes. */
const STOP_TIMEOUT_MS = 30_000

export const startCommand: CliCommand = {
  configure(command, context, finish) {
    command
      .option('--host <address>', 'address to listen on (relay.host)')
      .option('--port <number>', 'port for WebSocket and HTTP, 0 for any free one (relay.port)')
      .option('--threads <number>', 'threads of the relay, or auto (relay.threads)')
      .option('--roles <list>', 'what this process does: relay,api,jobs,ilp,collector (process.roles)')
      .option(
        '--takeover',
        'take the place of the program that runs on the data folder, without refusing a client',
      )
      .addHelpText(
        'after',
        `
SIGINT or SIGTERM stops gracefully, a second one at once. SIGHUP reads the configuration again.
${EXIT_CODES_HELP}

Examples:
  stoa start                                     on http://localhost:7777, data in ./data
  stoa start --data /var/lib/stoa --host 0.0.0.0 --port 80
  STOA_RELAY__NAME="My relay" stoa start
  stoa start --config /etc/stoa.toml
  stoa start --takeover                          a new version in the place of the running one`,
      )
      .action(async () => finish(await start(command, context)))
  },
}

async function start(command: Command, context: CliContext): Promise<number> {
  const { config } = configFor(command, context)
  const logger = createLogger(config.log)
  const { startStoa } = await context.compose()
  const stoa = await startStoa(config, {
    logger,
    load: (overrides) => configFor(command, context, overrides),
    takesOver: hasFlag(command, 'takeover'),
  })
  for (const line of stoa.summary()) context.stdout.write(`${line}\n`)

  const stopReloading = reloadOnHangup({ config, logger, stoa })
  await untilAborted(context.interrupted)
  stopReloading()
  return await stopInTime(stoa, logger)
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

async function stopInTime(stoa: RunningStoa, logger: Logger): Promise<number> {
  const patience = new AbortController()
  const timeout = delay(STOP_TIMEOUT_MS, 'timeout', { ref: false, signal: patience.signal }).catch(
    () => 'cancelled',
  )
  logger.info('stoa.stopping')
  const outcome = await Promise.race([stoa.stop().then(() => 'stopped'), timeout])
  patience.abort()
  if (outcome === 'stopped') {
    logger.info('stoa.stopped')
    return EXIT.ok
  }
  logger.error({ waitedMs: STOP_TIMEOUT_MS }, 'stoa.stop_timed_out')
  process.exit(EXIT.failed)
}

interface ReloadDeps {
  readonly config: Config
  readonly logger: Logger
  readonly stoa: RunningStoa
}

/** Reads the configuration again on SIGHUP; one with a mistake changes nothing. Returns how to stop listening. */
function reloadOnHangup({ config, logger, stoa }: ReloadDeps): () => void {
  let current = config
  const reload = async (): Promise<void> => {
    try {
      const next = (await stoa.reload?.()) ?? current
      const changed = changedSettings(current, next)
      logger.level = next.log.level
      current = next
      logger.info({ changed: changed.live }, 'config.reloaded')
      if (changed.needRestart.length > 0)
        logger.warn({ settings: changed.needRestart }, 'config.restart_needed')
    } catch (error) {
      logger.error({ reason: error instanceof Error ? error.message : String(error) }, 'config.refused')
    }
  }
  // Windows sends SIGHUP when the console closes, which is no wish for a reload.
  if (process.platform === 'win32') return () => undefined
  // One after another: each is compared with the one before it.
  let turn = Promise.resolve()
  const onHangup = (): void => {
    turn = turn.then(reload)
  }
  process.on('SIGHUP', onHangup)
  return () => process.off('SIGHUP', onHangup)
}

/** The settings whose value differs, apart by whether a running program can take them over. */
export function changedSettings(before: Config, after: Config): { live: string[]; needRestart: string[] } {
  const differing = listSettings().filter(
    ({ key }) => JSON.stringify(settingValue(before, key)) !== JSON.stringify(settingValue(after, key)),
  )
  return {
    live: differing.filter(({ reloadable }) => reloadable).map(({ key }) => key),
    needRestart: differing.filter(({ reloadable }) => !reloadable).map(({ key }) => key),
  }
}
