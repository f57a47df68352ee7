/** What the API is given: figures, records, and the doors of other parts as it needs them. */
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { Clock, Outcome, Refusal } from '../../kernel/index.ts'
import type { Bus } from '../../platform/bus/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { RelayHistoryEntry, RelayLogEntry } from '../history.ts'
import type { Range } from '../ranges.ts'
import type { StatisticsSource, UserCount } from '../snapshot.ts'
import type { BrandBody, MonitorBody, RecommendationsBody, ServiceState } from './bodies.ts'
import type { LiveHub } from './live/live-hub.ts'
import type { ExportPatience } from './send-export.ts'
import type { ApiTiers } from './tiers/api-tiers.ts'

export interface ObservatoryApiDeps {
  readonly source: StatisticsSource
  /** Undefined until the database is ready. */
  readonly records: () => RecordsReader | undefined
  /** Absent: this program cannot export. @throws AppError DATABASE_UNREACHABLE, OBSERVATORY_EXPORT_UNAVAILABLE: not now. */
  readonly exportHistory?: (query: ExportQuery) => Promise<Readable>
  /** Of who takes an export; `EXPORT_PATIENCE` when absent. */
  readonly exportPatience?: ExportPatience
  /** Refusals are answered as they are: `NO_FOLLOWS`, `NO_FIGURES`, `BUSY`. */
  readonly recommend?: (pubkey: string) => Promise<Outcome<RecommendationsBody, Refusal>>
  readonly spamScore?: (text: string) => SpamScore
  /** Undefined until the database is ready. */
  readonly keys: () => ApiKeyChecker | undefined
  /** Undefined until the database is ready; keys then have the free tier. */
  readonly tiers: () => ApiTiers | undefined
  /** Requests in 15 minutes of an address without a key; `ADDRESS_LIMIT` when absent. */
  readonly addressLimit?: number
  /** Counts requests for all processes together. */
  readonly rates: SharedCounter
  readonly brand: () => BrandBody
  readonly clock: Clock
  /** The client as limits count it: the socket's address, or what a trusted proxy says; undefined when nobody knows. */
  readonly addressOf: (request: IncomingMessage) => string | undefined
  readonly health: () => Promise<{ readonly database: ServiceState; readonly redis: ServiceState }>
  readonly logger: Logger
  readonly version: string
  /** Told the status of each answer; of streams none. */
  readonly onAnswered?: (status: number) => void
  /** Shared with the other one of stream and socket, so that a message is built once for both; own ones when absent. */
  readonly live?: LiveHub
}

/** What the tables know and the engine does not. */
export interface RecordsReader {
  /** Oldest first; empty for a relay that nobody knows. */
  relayHistory(url: string, range: Range, nowSeconds: number): Promise<readonly RelayHistoryEntry[]>
  /** Newest first. */
  relayLogs(url: string, limit: number): Promise<readonly RelayLogEntry[]>
  /** What other monitors say (NIP-66), newest first. */
  monitors(url: string): Promise<readonly MonitorBody[]>
  /** Days that a window of time touches, oldest first. */
  activeDays(sinceSeconds: number, untilSeconds: number): Promise<readonly ActiveDay[]>
  /** Distinct users of the days that a window touches: an estimate, with its error. */
  windowUsers(sinceSeconds: number, untilSeconds: number): Promise<UserCount>
}

/** One UTC day of the tables. */
export interface ActiveDay {
  readonly startSeconds: number
  readonly events: number
  readonly users: number
  readonly zaps: number
  readonly zapMsat: bigint
}

/** As `EXPORTS` of the observatory's export/; the composition root, which joins them, has the compiler hold that. */
export const EXPORT_SUBJECTS = [
  'relay-events',
  'network-events',
  'relay-hours',
  'active-users',
  'clients',
  'snapshots',
] as const
export const EXPORT_FORMATS = ['csv', 'json', 'parquet'] as const

export interface ExportQuery {
  readonly what: (typeof EXPORT_SUBJECTS)[number]
  readonly format: (typeof EXPORT_FORMATS)[number]
  readonly sinceSeconds: number
  readonly untilSeconds: number
}

export interface SpamScore {
  readonly probability: number
  readonly isSpam: boolean
  readonly signs: readonly string[]
}

/** `Accounts` of src/accounts is one. */
export interface ApiKeyChecker {
  checkApiKey(text: string): Promise<Outcome<KeyHolder, Refusal>>
}

export interface KeyHolder {
  readonly apiKey?: { readonly id: string; readonly name: string }
  /** What the staff gave the key; `unlimited` is heeded here. */
  readonly rateTier?: string
}

/** The part of the bus that counts requests. */
export type SharedCounter = Pick<Bus, 'increment' | 'renew'>
