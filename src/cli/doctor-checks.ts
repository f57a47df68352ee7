import { constants } from 'node:fs'
import { access, readFile, stat, statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, resolve } from 'node:path'
import type { Config, LoadedConfig } from '../config/index.ts'
import { AppError } from '../kernel/index.ts'
import type { CliContext } from './context.ts'
import { auditProgress, type RunningProgram, runningProgramOn } from './doctor-program.ts'
import { type Finding, fail, ok, warn } from './finding.ts'
import type { Inspections, OfficeFindings } from './inspections.ts'
import { isNodeNewEnough } from './node-version.ts'

export interface DoctorCheck {
  readonly name: string
  run(): Promise<Finding>
}

const GIB = 1024 ** 3

/** Files that the store and the program itself keep open beside the connections. */
const FILES_BESIDE_CONNECTIONS = 512

/** What `stoa doctor` looks at, in the order it is printed. A new part adds its own check here. */
export function doctorChecks(load: () => LoadedConfig, context: CliContext): readonly DoctorCheck[] {
  const configured = (check: (config: Config) => Promise<Finding>) => () => withConfig(load, check)
  const dataDirOf = (config: Config): string => resolve(context.cwd, config.data.dir)
  const inspections = async () => (await context.compose()).loadInspections?.()
  const inspect =
    (look: (inspections: Inspections, config: Config) => Promise<Finding>) => async (config: Config) => {
      const found = await inspections()
      return found === undefined ? ok('not a part of this program') : look(found, config)
    }
  // The database is opened once for the checks that are about it, and the running program is asked once.
  const running = once((config: Config) => runningProgramOn(dataDirOf(config)))
  const database = once(async (config: Config): Promise<OfficeFindings> => {
    const found = await inspections()
    if (found === undefined) return NO_OFFICE
    const progress = auditProgress(context)
    return found.database(config, await running(config), progress.show).finally(progress.end)
  })
  return [
    { name: 'node', run: async () => checkNode(process.versions.node) },
    { name: 'configuration', run: async () => checkConfiguration(load()) },
    { name: 'data folder', run: configured((config) => checkDataFolder(dataDirOf(config))) },
    { name: 'running program', run: configured(async (config) => checkRunning(await running(config))) },
    {
      name: 'free space',
      run: configured((config) => checkFreeSpace(dataDirOf(config), config.store.segmentBytes)),
    },
    {
      name: 'event store',
      run: configured(async (config) => checkStore(config, await running(config), context)),
    },
    { name: 'database', run: configured(async (config) => (await database(config)).database) },
    { name: 'audit log', run: configured(async (config) => (await database(config)).audit) },
    { name: 'ledger', run: configured(async (config) => (await database(config)).ledger) },
    { name: 'observatory', run: configured(async (config) => (await database(config)).observatory) },
    { name: 'redis', run: configured(inspect((found, config) => found.redis(config))) },
    { name: 'keys', run: configured(inspect((found, config) => found.keys(config))) },
    { name: 'mail', run: configured(inspect((found, config) => found.mail(config))) },
    { name: 'public name', run: configured(async ({ relay }) => checkPublicName(relay)) },
    { name: 'signatures', run: configured((config) => checkVerifier(config, context)) },
    { name: 'port', run: configured(async (config) => checkPort(config.relay, await running(config))) },
    { name: 'open files', run: configured(({ relay }) => checkOpenFiles(relay.maxConnections)) },
  ]
}

/** A wrong configuration is told once, by the check that is about it. */
async function withConfig(
  load: () => LoadedConfig,
  check: (config: Config) => Promise<Finding>,
): Promise<Finding> {
  let config: Config
  try {
    config = load().config
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return { status: 'warn', message: 'not looked at, since the configuration is wrong' }
  }
  return await check(config)
}

export function checkNode(version: string): Finding {
  if (isNodeNewEnough(version)) return ok(`version ${version}`)
  return { status: 'fail', message: `version ${version} is too old; npm start brings Node 24 with it` }
}

function checkConfiguration({ file, sources }: LoadedConfig): Finding {
  return ok(`valid; ${file ?? 'no stoa.toml'}, ${sources.size} settings changed from their default`)
}

export async function checkDataFolder(dir: string): Promise<Finding> {
  const existing = await nearestExisting(dir)
  try {
    await access(existing, constants.W_OK)
  } catch {
    return { status: 'fail', message: `${existing} cannot be written; choose another folder with --data` }
  }
  return ok(existing === dir ? `${dir} can be written` : `${dir} is not there yet and can be made`)
}

async function checkFreeSpace(dir: string, segmentBytes: number): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearestExisting(dir))
  const freeBytes = bavail * bsize
  const message = `${(freeBytes / GIB).toFixed(1)} GiB free`
  // Compaction writes a segment anew before it drops the old one.
  if (freeBytes < 2 * segmentBytes)
    return { status: 'fail', message: `${message}, too little for two segments` }
  return freeBytes < GIB ? { status: 'warn', message: `${message}, which will not last long` } : ok(message)
}

async function checkStore(
  config: Config,
  running: RunningProgram | undefined,
  { compose, cwd }: CliContext,
): Promise<Finding> {
  const dir = resolve(cwd, config.data.dir)
  if ((await nearestExisting(dir)) !== dir) return ok('empty; it will be made at the first start')
  const asked = running?.health.store
  if (asked !== undefined) {
    const message = `in use by the running program, which says ${asked.status} (${running?.events} events); its checksums are looked at when it is stopped`
    return asked.status === 'ok' ? ok(message) : fail(`${message}; read its log`)
  }
  const { verifyEventStore } = await compose()
  try {
    const { isSound, lines } = await verifyEventStore(config)
    return { status: isSound ? 'ok' : 'fail', message: lines.join('\n') }
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'STORE_LOCKED') throw error
    return warn('in use by a running program, so it was not looked at; stop it first')
  }
}

async function checkVerifier(config: Config, { compose }: CliContext): Promise<Finding> {
  const { createEventVerifier } = await compose()
  const verifier = await createEventVerifier(config)
  await verifier.close?.()
  if (verifier.isNative || config.relay.verifier === 'wasm') return ok(verifier.name)
  const advice =
    "the system's libsecp256k1 was not found; with it (Debian: apt install libsecp256k1-1) signatures are checked several times faster"
  return { status: 'warn', message: `${verifier.name}: ${advice}` }
}

export async function checkPort(
  { host, port }: { readonly host: string; readonly port: number },
  running?: RunningProgram,
): Promise<Finding> {
  if (port === 0) return ok('any free one')
  const problem = await listenOnce(host, port)
  if (problem === undefined) return ok(`${host}:${port} is free`)
  if (problem === 'EADDRINUSE' && running !== undefined)
    return ok(`${host}:${port} is in use, by the running program as it seems`)
  if (problem === 'EADDRINUSE') {
    return {
      status: 'warn',
      message: `${host}:${port} is in use; by Stoa, if it runs, else choose another with --port`,
    }
  }
  return { status: 'fail', message: `cannot listen on ${host}:${port} (${problem})` }
}

/** Listens for a moment; resolves to the system's code when that fails. */
async function listenOnce(host: string, port: number): Promise<string | undefined> {
  const server = createServer()
  return await new Promise((resolve) => {
    server.once('error', (error) => resolve('code' in error ? String(error.code) : error.message))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

async function checkOpenFiles(maxConnections: number): Promise<Finding> {
  const limit = await openFileLimit()
  if (limit === undefined) return ok('this system does not say how many are allowed')
  const needed = maxConnections + FILES_BESIDE_CONNECTIONS
  if (limit >= needed) return ok(`${limit} allowed, ${needed} needed at most`)
  const advice = `${limit} allowed, but relay.maxConnections (${maxConnections}) may need ${needed}: raise it (ulimit -n ${needed})`
  return { status: 'warn', message: advice }
}

/** The soft limit of this process, where the system tells (Linux). */
async function openFileLimit(): Promise<number | undefined> {
  try {
    const limits = await readFile('/proc/self/limits', 'utf8')
    const found = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1]
    if (found === undefined) return undefined
    return found === 'unlimited' ? Number.POSITIVE_INFINITY : Number(found)
  } catch {
    return undefined
  }
}

/** The folder itself, or the nearest one above it that is there. */
async function nearestExisting(dir: string): Promise<string> {
  try {
    await stat(dir)
    return dir
  } catch {
    const above = dirname(dir)
    return above === dir ? dir : await nearestExisting(above)
  }
}

function checkRunning(running: RunningProgram | undefined): Finding {
  if (running === undefined) return ok('none that can be asked has this data folder')
  const { version, connections, startedAtSeconds, health } = running
  const since = new Date(startedAtSeconds * 1_000).toISOString()
  const ill = Object.entries(health).filter(([, { status }]) => status !== 'ok')
  const message = `version ${version} since ${since}, ${connections} connections`
  if (ill.length === 0) return ok(message)
  const parts = ill.map(([name, { status }]) => `${name} ${status}`).join(', ')
  const isBroken = ill.some(([, { status }]) => status === 'failed')
  const advice = `${message}; not well: ${parts}. Look at /health and at its log`
  return isBroken ? fail(advice) : warn(advice)
}

/** Addresses of this machine alone: whoever is reached by another name listens elsewhere, or stands behind a proxy. */
const LOOPBACK = /^(127\.|::1$|localhost$)/

export function checkPublicName({
  publicUrl,
  host,
  trustedProxies,
}: Pick<Config['relay'], 'publicUrl' | 'host' | 'trustedProxies'>): Finding {
  if (publicUrl !== '') return ok(`${publicUrl}; NIP-42 and NIP-98 compare with it`)
  if (LOOPBACK.test(host) && trustedProxies.length === 0)
    return ok('relay.publicUrl is not set, and need not be while only this machine connects')
  return warn(
    'relay.publicUrl is not set. Without it requests that are signed for a public name (NIP-98: the console, NIP-86, ' +
      'signing in by a key) are refused, and AUTH events (NIP-42) are compared with whatever name a client sends: ' +
      'set it to the URL that clients use, like wss://relay.example.org',
  )
}

/** Asks once, however often it is called: all checks of one run are about one configuration. */
function once<T>(ask: (config: Config) => Promise<T>): (config: Config) => Promise<T> {
  let asked: Promise<T> | undefined
  return (config) => {
    asked ??= ask(config)
    return asked
  }
}

const NO_OFFICE: OfficeFindings = {
  database: ok('not a part of this program'),
  audit: ok('not a part of this program'),
  ledger: ok('not a part of this program'),
  observatory: ok('not a part of this program'),
}
