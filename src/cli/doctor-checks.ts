import { constants } from 'node:fs'
import { access, readFile, stat, statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import { dirname, resolve } from 'node:path'
import type { Config, LoadedConfig } from '../config/index.ts'
import { AppError } from '../kernel/index.ts'
import type { CliContext } from './context.ts'
import { isNodeNewEnough } from './node-version.ts'

export interface Finding {
  readonly status: 'ok' | 'warn' | 'fail'
  /** What was found; for anything but `ok` also what to do. */
  readonly message: string
}

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
  return [
    { name: 'node', run: async () => checkNode(process.versions.node) },
    { name: 'configuration', run: async () => checkConfiguration(load()) },
    { name: 'data folder', run: configured((config) => checkDataFolder(dataDirOf(config))) },
    {
      name: 'free space',
      run: configured((config) => checkFreeSpace(dataDirOf(config), config.store.segmentBytes)),
    },
    { name: 'event store', run: configured((config) => checkStore(config, dataDirOf(config), context)) },
    { name: 'signatures', run: configured((config) => checkVerifier(config, context)) },
    { name: 'port', run: configured(({ relay }) => checkPort(relay)) },
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

async function checkStore(config: Config, dir: string, { compose }: CliContext): Promise<Finding> {
  if ((await nearestExisting(dir)) !== dir) return ok('empty; it will be made at the first start')
  const { verifyEventStore } = await compose()
  try {
    const { isSound, lines } = await verifyEventStore(config)
    return { status: isSound ? 'ok' : 'fail', message: lines.join('\n') }
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'STORE_LOCKED') throw error
    return { status: 'warn', message: 'in use by a running program, so it was not looked at; stop it first' }
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

export async function checkPort({
  host,
  port,
}: {
  readonly host: string
  readonly port: number
}): Promise<Finding> {
  if (port === 0) return ok('any free one')
  const problem = await listenOnce(host, port)
  if (problem === undefined) return ok(`${host}:${port} is free`)
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

function ok(message: string): Finding {
  return { status: 'ok', message }
}
