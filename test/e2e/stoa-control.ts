/** The conformance suite's handle on Stoa: each relay it asks for is the real program, in a process of its own. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ControlledRelay, RelayControl, RelaySettings } from '../conformance/index.ts'
import type { Stage, StoaEnvironment, StoaProcess } from './stoa-process.ts'

/** After a failed write the store waits a second before it tries the disk again. */
const STORE_RETRY_MS = 1_000
const RETRY_MARGIN_MS = 300
/** On a busy machine; alone it takes some milliseconds. */
const RELOAD_TIMEOUT_MS = 10_000
/** A database of its own is made and started; alone that takes two seconds. */
const OFFICE_TIMEOUT_MS = 60_000

/** Of util-linux: sets limits of a running process. */
const PRLIMIT = 'prlimit'

/** Said once when it is not so; the rows that need it are skipped then, which their list shows. */
export const canBreakStorage = hasPrlimit()

export interface ControlOptions {
  /** The threads of every relay. */
  readonly threads: number
  /** Settings of each relay that say where it keeps its events; in files of its own folder when absent. */
  readonly place?: () => Promise<StoaEnvironment>
  /** The database of each relay that somebody manages; when absent it starts one of its own, which takes seconds. */
  readonly officeDatabase?: (() => Promise<string>) | undefined
}

export function createStoaControl(
  stage: Stage,
  { threads, place, officeDatabase }: ControlOptions,
): RelayControl {
  return {
    startWith: async (settings) => {
      const configFile = join(stage.folder(), 'stoa.toml')
      writeFileSync(configFile, tomlFor(settings))
      // Whoever has power here is known by the database, which a relay alone does not have.
      const isManaged = settings.adminPubkeys !== undefined
      const hasOffice = isManaged || place !== undefined
      const database = isManaged && place === undefined ? await officeDatabase?.() : undefined
      const env = (await place?.()) ?? (database === undefined ? {} : { STOA_DATABASE__URL: database })
      const options = { configFile, threads, hasOffice, env }
      const first = await stage.start(options)
      if (hasOffice) await untilOfficeIsOpen(first)
      for (const pubkey of settings.adminPubkeys ?? []) await makeOwner(first, pubkey)
      return controlledRelay(stage, { options, settings, first })
    },
  }
}

/** Gives a key all power over a relay with an office; by its socket, since each run of the command takes a second. */
export async function makeOwner(stoa: StoaProcess, pubkey: string): Promise<void> {
  await untilOfficeIsOpen(stoa)
  await postToAdmin(stoa, 'staff/grant', { pubkey, role: 'owner' })
}

interface Started {
  readonly options: {
    readonly configFile: string
    readonly threads: number
    readonly hasOffice: boolean
    readonly env: StoaEnvironment
  }
  readonly settings: RelaySettings
  readonly first: StoaProcess
}

function controlledRelay(stage: Stage, { options, settings, first }: Started): ControlledRelay {
  const { dataDir, url } = first
  let stoa = first
  let current = settings
  const reload = async (changed: RelaySettings) => {
    current = { ...current, ...changed }
    writeFileSync(options.configFile, tomlFor(current))
    await reloadConfiguration(stoa)
  }
  return {
    url,
    signal: async (name) => stoa.signal(name),
    restart: async () => {
      await stoa.untilEnded()
      await stage.discard(stoa)
      stoa = await stage.start({ ...options, dataDir })
      return stoa.url
    },
    // Elsewhere it is not this process that writes.
    ...(canBreakStorage &&
      options.env.STOA_STORE__ENGINE === undefined && {
        breakStorage: async () => limitFileSize(stoa, '0'),
        restoreStorage: async () => {
          limitFileSize(stoa, 'unlimited')
          await sleep(STORE_RETRY_MS + RETRY_MARGIN_MS)
        },
      }),
    reload,
    ban: async (pubkey) => reload({ bannedPubkeys: [...(current.bannedPubkeys ?? []), pubkey] }),
    storedEvents: () => storedEvents(stoa),
    output: () => stoa.stdout + stoa.stderr,
    ...(options.hasOffice && {
      httpAuthPath: '/dashboard/status',
      makeInvite: async ({ uses, expiresInSeconds }: InviteWish) => {
        // Not by the command, which takes a second to start: an invite may be good for one.
        const expiresAtSeconds = Math.ceil(Date.now() / 1_000 + (expiresInSeconds ?? 86_400))
        const { code } = await postToAdmin(stoa, 'invites/create', { maxUses: uses, expiresAtSeconds })
        return String(code)
      },
      auditEntries: async () => {
        const entries = Object.values(await admin(stage, stoa, ['audit', 'list']))
        return entries.map((entry) => JSON.stringify(entry))
      },
    }),
    stop: () => stage.discard(stoa),
  }
}

/** A change by the socket of `stoa admin`. */
function postToAdmin(
  { dataDir }: StoaProcess,
  path: string,
  body: object,
): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const options = {
      socketPath: join(dataDir, 'admin.sock'),
      path: `/dashboard/${path}`,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    }
    const sent = request(options, (response) => {
      json(response).then((answer) => {
        // One JSON object, as the API describes it.
        if (response.statusCode === 200) resolve(answer as Readonly<Record<string, unknown>>)
        else reject(new Error(`${path} was answered ${response.statusCode}: ${JSON.stringify(answer)}`))
      }, reject)
    })
    sent.on('error', reject)
    sent.end(JSON.stringify(body))
  })
}

interface InviteWish {
  readonly uses: number
  readonly expiresInSeconds?: number
}

/** Resolves when accounts and members are served. */
async function untilOfficeIsOpen(stoa: StoaProcess): Promise<void> {
  const deadlineMs = performance.now() + OFFICE_TIMEOUT_MS
  while (!stoa.stderr.includes('"event":"office.open"')) {
    if (performance.now() > deadlineMs) throw new Error(`the database did not come up\n${stoa.report()}`)
    await sleep(20)
  }
}

/** `stoa admin …` on the data folder of this relay; the answer is what it prints for machines. */
async function admin(
  stage: Stage,
  { dataDir }: StoaProcess,
  words: readonly string[],
): Promise<Readonly<Record<string, unknown>>> {
  const { code, stdout, stderr } = await stage.run(['admin', ...words, '--json', '--data', dataDir])
  if (code !== 0) throw new Error(`stoa admin ${words.join(' ')} ended with ${code}: ${stderr}`)
  // It prints an object or a list.
  return JSON.parse(stdout) as Readonly<Record<string, unknown>>
}

/** SIGHUP; resolves when the log says that the new settings hold, throws when they are refused. */
async function reloadConfiguration(stoa: StoaProcess): Promise<void> {
  const readBefore = stoa.stderr.length
  stoa.signal('SIGHUP')
  const deadlineMs = performance.now() + RELOAD_TIMEOUT_MS
  for (;;) {
    const said = stoa.stderr.slice(readBefore)
    if (said.includes('config.reloaded')) return
    if (said.includes('config.refused') || performance.now() > deadlineMs)
      throw new Error(`the configuration was not taken over\n${stoa.report()}`)
    await sleep(10)
  }
}

/** The words of the suite as our settings, in a file, which unlike the environment can change. */
function tomlFor(settings: RelaySettings): string {
  const lines = Object.entries(settingsFor(settings)).flatMap(([key, value]) =>
    value === undefined ? [] : `${key} = ${JSON.stringify(value)}`,
  )
  return `${lines.join('\n')}\n`
}

type SettingValue = string | number | boolean | readonly string[] | undefined

function settingsFor(settings: RelaySettings): Readonly<Record<string, SettingValue>> {
  const { eventRate, minimumLevels, negentropy } = settings
  return {
    'relay.name': settings.name,
    'relay.search': settings.search,
    'relay.eoseHint': settings.eoseHint,
    'relay.maxConnectionsPerIp': settings.maxConnectionsPerIp,
    'relay.trustedProxies': settings.trustedProxies,
    'relay.pingIntervalSeconds': wholeSeconds(settings.pingIntervalMs),
    'relay.pingTimeoutSeconds': wholeSeconds(settings.pingTimeoutMs),
    'relay.auth.requiredToRead': settings.authRequired,
    'relay.auth.requiredToWrite': settings.authRequired,
    'relay.auth.allowedPubkeys': settings.allowedPubkeys,
    'relay.auth.atConnect': settings.authAtConnect,
    'relay.levels.read': minimumLevels?.read,
    'relay.levels.write': minimumLevels?.write,
    'relay.levels.count': minimumLevels?.count,
    'relay.levels.members': settings.memberPubkeys,
    'relay.policies.access.bannedPubkeys': settings.bannedPubkeys,
    'relay.policies.privateMessages.senderMustAuthenticate': settings.giftWrapsNeedAuth,
    'relay.negentropy.maxRecords': negentropy?.maxRecords,
    'relay.negentropy.maxSessions': negentropy?.maxSessions,
    'relay.negentropy.maxFrameBytes': negentropy?.maxFrameBytes,
    'relay.negentropy.idleSeconds': wholeSeconds(negentropy?.idleMs),
    'store.sweepIntervalSeconds': wholeSeconds(settings.expirySweepMs),
    ...limitsFor(settings),
    ...(eventRate !== undefined && {
      'relay.rates.eventsBurst': eventRate.events,
      'relay.rates.eventsPerSecond': Math.ceil((eventRate.events * 1000) / eventRate.windowMs),
      // The suite comes from this machine, which no rate applies to by default.
      'relay.rates.exemptIps': [],
    }),
  }
}

function limitsFor(settings: RelaySettings): Readonly<Record<string, SettingValue>> {
  const { createdAtLowerLimit, createdAtUpperLimit } = settings
  return {
    'relay.limits.minPowDifficulty': settings.minPowDifficulty,
    // 0 is our word for "no limit".
    'relay.limits.createdAtLowerLimitSeconds': createdAtLowerLimit === null ? 0 : createdAtLowerLimit,
    'relay.limits.createdAtUpperLimitSeconds': createdAtUpperLimit === null ? 0 : createdAtUpperLimit,
    'relay.limits.maxMessageBytes': settings.maxMessageLength,
    'relay.limits.maxSubscriptions': settings.maxSubscriptions,
    'relay.limits.maxLimit': settings.maxLimit,
    'relay.limits.defaultLimit': settings.defaultLimit,
    'relay.limits.maxEventTags': settings.maxEventTags,
    'relay.limits.maxContentLength': settings.maxContentLength,
  }
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
