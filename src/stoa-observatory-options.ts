/** What the observatory is started with, out of the configuration: its thread, its tiers, its name. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Config } from './config/index.ts'
import { AppError } from './kernel/index.ts'
import { KINDS, RELAY_DISCOVERY_KIND } from './nostr/index.ts'
import type { BrandBody, Tier } from './observatory/api/index.ts'
import { fingerprintsKeptDays } from './observatory/records/index.ts'
import { seedRelays } from './observatory/seeds/index.ts'
import type { WatchOptions } from './stoa-watch.ts'

export interface OwnRelay {
  /** As the world knows it. */
  readonly url: string
  /** Where this program reaches it. */
  readonly address: string
}

interface WatchFacts {
  readonly databaseUrl: string
  readonly processId: string
  readonly own: OwnRelay | undefined
}

/** How often NIP-11 documents are read again. */
const INFORMATION_SECONDS = 6 * 3_600
const PING_SECONDS = 60

/**
 * @throws AppError CONFIG_INVALID when the file of addresses cannot be read, or one of its lines has another form.
 */
export async function watchOptions(
  config: Config,
  { databaseUrl, processId, own }: WatchFacts,
): Promise<WatchOptions> {
  const { observatory, database, redis, relay, data } = config
  const aliases = await relayAliases(config, own)
  const isNetwork = observatory.watch === 'network'
  const uncountedKinds = isNetwork ? kindsForRelays(observatory) : []
  return {
    databaseUrl,
    statementTimeoutMs: database.statementTimeoutSeconds * 1_000,
    connectTimeoutMs: database.connectTimeoutSeconds * 1_000,
    redisUrl: redis.url,
    redisPrefix: redis.prefix,
    processId,
    dataDir: resolve(data.dir),
    verifier: relay.verifier,
    seeds: isNetwork ? [...(observatory.seedList ? await seedRelays() : []), ...observatory.seeds] : [],
    own: own?.url,
    collector: {
      kinds: observatory.kinds.length === 0 ? 'all' : [...observatory.kinds, ...uncountedKinds],
      maxConnections: observatory.maxConnections,
      maxKnownRelays: observatory.maxRelays,
      allowPrivate: observatory.allowPrivate,
      ...(observatory.onionProxy !== '' && { onionProxy: observatory.onionProxy }),
      backfillSeconds: observatory.backfillHours * 3_600,
      pingSeconds: PING_SECONDS,
      informationSeconds: INFORMATION_SECONDS,
      region: observatory.region,
      discovers: isNetwork && observatory.discover,
      aliases,
    },
    maxRelays: observatory.maxRelays,
    maxUsers: observatory.maxUsers,
    maxRelayUsers: observatory.maxRelayUsers,
    journalBytes: observatory.journalBytes,
    forwardsAll: observatory.feedRelay,
    uncountedKinds,
    checkZapSigners: isNetwork && observatory.checkZapSigners,
    snapshotSeconds: observatory.snapshotSeconds,
    keepSnapshotsDays: observatory.keepSnapshotsDays,
    keepLogsDays: observatory.keepLogsDays,
    keepFingerprintsDays: fingerprintsKeptDays(observatory),
    keepHoursDays: observatory.keepHoursDays,
  }
}

/** What others say of relays is heard whatever is counted: how they find them (NIP-66), and where people write (NIP-65). */
function kindsForRelays({ kinds, discover }: Config['observatory']): readonly number[] {
  if (kinds.length === 0) return []
  const wanted = discover ? [KINDS.RELAY_LIST, RELAY_DISCOVERY_KIND] : [RELAY_DISCOVERY_KIND]
  return wanted.filter((kind) => !kinds.includes(kind))
}

/** Our own relay: here, or in another process, which is reached by its public name; undefined when that has none. */
export function ownRelay({ relay, process }: Config, port: number): OwnRelay | undefined {
  const { publicUrl, host } = relay
  if (process.roles.includes('relay')) {
    const isEverywhere = host === '0.0.0.0' || host === '::'
    const name = host.includes(':') ? `[${host}]` : host
    const address = `ws://${isEverywhere ? '127.0.0.1' : name}:${port}`
    return { url: publicUrl === '' ? address : publicUrl, address }
  }
  return publicUrl === '' ? undefined : { url: publicUrl, address: publicUrl }
}

/** `plus: requests=10000 msat=5000000`; the configuration has checked the form. */
export function tierOf(text: string): Tier {
  const [, name = '', requests = '0', msat = '0'] = /^([^:]+): requests=(\d+) msat=(\d+)$/.exec(text) ?? []
  return { name, requestsPer15Min: Number(requests), priceMsatPerMonth: BigInt(msat) }
}

/** How the page and the API call themselves; by the relay's name where the observatory has none of its own. */
export function brandOf({ observatory, relay }: Pick<Config, 'observatory' | 'relay'>): BrandBody {
  const { name, tagline, accent, accentDark, logo, domain } = observatory.brand
  return {
    name: name === '' ? relay.name : name,
    tagline,
    accent,
    accent_dark: accentDark,
    logo,
    domain,
    watch: observatory.watch,
  }
}

/**
 * Where relays are that are not reached by their names: what the operator named, and our own.
 *
 * @throws AppError CONFIG_INVALID as `watchOptions`.
 */
export async function relayAliases(
  { observatory }: Pick<Config, 'observatory'>,
  own: OwnRelay | undefined,
): Promise<ReadonlyMap<string, string>> {
  const aliases = await readAddresses(observatory.addressFile)
  if (own !== undefined && own.url !== own.address) aliases.set(own.url, own.address)
  return aliases
}

async function readAddresses(path: string): Promise<Map<string, string>> {
  const addresses = new Map<string, string>()
  if (path === '') return addresses
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AppError('CONFIG_INVALID', `observatory.addressFile: ${path} cannot be read.`, { cause })
  })
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [url, address, ...more] = line.trim().split(/\s+/)
    if (url === undefined || address === undefined || more.length > 0) {
      const what = `observatory.addressFile: line ${index + 1} of ${path} is not like "wss://relay.example ws://127.0.0.1:7001".`
      throw new AppError('CONFIG_INVALID', what)
    }
    addresses.set(url, address)
  }
  return addresses
}
