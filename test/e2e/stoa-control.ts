/** The conformance suite's handle on Stoa: each relay it asks for is the real program, in a process of its own. */
import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ControlledRelay, RelayControl, RelaySettings } from '../conformance/index.ts'
import type { Stage, StoaEnvironment, StoaProcess } from './stoa-process.ts'

/** After a failed write the store waits a second before it tries the disk again. */
const STORE_RETRY_MS = 1_000
const RETRY_MARGIN_MS = 300

/** Of util-linux: sets limits of a running process. */
const PRLIMIT = 'prlimit'

/** Said once when it is not so; the rows that need it are skipped then, which their list shows. */
export const canBreakStorage = hasPrlimit()

export interface ControlOptions {
  /** The threads of every relay. */
  readonly threads: number
}

export function createStoaControl(stage: Stage, { threads }: ControlOptions): RelayControl {
  return {
    startWith: async (settings) => {
      const options = { env: environmentFor(settings), threads }
      return controlledRelay(stage, options, await stage.start(options))
    },
  }
}

function controlledRelay(
  stage: Stage,
  options: { readonly env: StoaEnvironment; readonly threads: number },
  first: StoaProcess,
): ControlledRelay {
  const { dataDir, url } = first
  let stoa = first
  return {
    url,
    signal: async (name) => stoa.signal(name),
    restart: async () => {
      await stoa.untilEnded()
      await stage.discard(stoa)
      stoa = await stage.start({ ...options, dataDir })
      return stoa.url
    },
    ...(canBreakStorage && {
      breakStorage: async () => limitFileSize(stoa, '0'),
      restoreStorage: async () => {
        limitFileSize(stoa, 'unlimited')
        await sleep(STORE_RETRY_MS + RETRY_MARGIN_MS)
      },
    }),
    storedEvents: () => storedEvents(stoa),
    stop: () => stage.discard(stoa),
  }
}

/** The words of NIP-11 as our settings. */
function environmentFor(settings: RelaySettings): StoaEnvironment {
  const { eventRate, createdAtLowerLimit, createdAtUpperLimit } = settings
  const values: Record<string, string | number | boolean | undefined> = {
    RELAY__NAME: settings.name,
    RELAY__MAX_CONNECTIONS_PER_IP: settings.maxConnectionsPerIp,
    RELAY__TRUSTED_PROXIES: settings.trustedProxies?.join(','),
    RELAY__PING_INTERVAL_SECONDS: wholeSeconds(settings.pingIntervalMs),
    RELAY__PING_TIMEOUT_SECONDS: wholeSeconds(settings.pingTimeoutMs),
    RELAY__AUTH__REQUIRED_TO_READ: settings.authRequired,
    RELAY__AUTH__REQUIRED_TO_WRITE: settings.authRequired,
    RELAY__AUTH__ALLOWED_PUBKEYS: settings.allowedPubkeys?.join(','),
    RELAY__LIMITS__MIN_POW_DIFFICULTY: settings.minPowDifficulty,
    // 0 is our word for "no limit".
    RELAY__LIMITS__CREATED_AT_LOWER_LIMIT_SECONDS: createdAtLowerLimit === null ? 0 : createdAtLowerLimit,
    RELAY__LIMITS__CREATED_AT_UPPER_LIMIT_SECONDS: createdAtUpperLimit === null ? 0 : createdAtUpperLimit,
    RELAY__LIMITS__MAX_MESSAGE_BYTES: settings.maxMessageLength,
    RELAY__LIMITS__MAX_SUBSCRIPTIONS: settings.maxSubscriptions,
    RELAY__LIMITS__MAX_LIMIT: settings.maxLimit,
    RELAY__LIMITS__DEFAULT_LIMIT: settings.defaultLimit,
    RELAY__LIMITS__MAX_EVENT_TAGS: settings.maxEventTags,
    RELAY__LIMITS__MAX_CONTENT_LENGTH: settings.maxContentLength,
    STORE__SWEEP_INTERVAL_SECONDS: wholeSeconds(settings.expirySweepMs),
  }
  if (eventRate !== undefined) {
    values.RELAY__RATES__EVENTS_BURST = eventRate.events
    values.RELAY__RATES__EVENTS_PER_SECOND = Math.ceil((eventRate.events * 1000) / eventRate.windowMs)
    // The suite comes from this machine, which no rate applies to by default.
    values.RELAY__RATES__EXEMPT_IPS = ''
  }
  const given = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([name, value]) => [`STOA_${name}`, String(value)]))
}

function wholeSeconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.ceil(ms / 1000)
}

/**
 * Makes every write of the process fail from now on, as on a full disk (EFBIG instead of ENOSPC), or lets them pass
 * again. Needs no rights: it is the soft limit of a process of our own.
 */
function limitFileSize({ pid }: StoaProcess, bytes: string): void {
  const { status, stderr } = spawnSync(PRLIMIT, ['--pid', String(pid), `--fsize=${bytes}:`])
  if (status !== 0) throw new Error(`prlimit could not limit process ${pid}: ${stderr}`)
}

function hasPrlimit(): boolean {
  if (spawnSync(PRLIMIT, ['--version']).status === 0) return true
  console.warn('skipped: rows that break the storage need prlimit (Linux, package util-linux)')
  return false
}

/** How many events lie in the store, as its metrics tell. */
async function storedEvents(stoa: StoaProcess): Promise<number> {
  const response = await fetch(stoa.httpUrl('/metrics'))
  const value = /^stoa_store_events (\d+)$/m.exec(await response.text())?.[1]
  if (value === undefined) throw new Error('the metrics do not name stoa_store_events')
  return Number(value)
}
