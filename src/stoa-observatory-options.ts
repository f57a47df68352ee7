/** What the observatory's thread is started with, out of the configuration. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Config } from './config/index.ts'
import { AppError } from './kernel/index.ts'
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
  const aliases = await readAddresses(observatory.addressFile)
  if (own !== undefined && own.url !== own.address) aliases.set(own.url, own.address)
  const isNetwork = observatory.watch === 'network'
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
      kinds: observatory.kinds.length === 0 ? 'all' : observatory.kinds,
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
    checkZapSigners: isNetwork && observatory.checkZapSigners,
    snapshotSeconds: observatory.snapshotSeconds,
    keepSnapshotsDays: observatory.keepSnapshotsDays,
    keepLogsDays: observatory.keepLogsDays,
  }
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
