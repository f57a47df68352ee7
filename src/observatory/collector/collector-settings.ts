import type { FloodBounds } from './flood-gauge.ts'
import type { OutageBounds } from './own-outage.ts'
import type { TurnBounds } from './plan.ts'

/** What an operator decides. */
export interface CollectorSettings {
  readonly kinds: readonly number[] | 'all'
  /** Connections at once, up to `MAX_CONNECTIONS`. */
  readonly maxConnections: number
  /** Relays that are remembered; further ones are not learnt. */
  readonly maxKnownRelays: number
  /** Loopback and private addresses too: for tests and demonstrations. */
  readonly allowPrivate: boolean
  /** `socks5://host:port`, for `.onion`; without it such relays are refused. */
  readonly onionProxy?: string
  /** How far back a relay is read that was never read; 0: everything. */
  readonly backfillSeconds: number
  readonly pingSeconds: number
  readonly informationSeconds: number
  /** Where this collector stands, for the figures. */
  readonly region: string
  /** Whether relays are learnt from relay lists and monitors. */
  readonly discovers: boolean
  /** URL → `ws://` address to connect to instead, exempt from address rules: for demonstrations. */
  readonly aliases?: ReadonlyMap<string, string>
}

export const MAX_CONNECTIONS = 10_000

export const DEFAULT_COLLECTOR_SETTINGS = {
  maxConnections: 240,
  maxKnownRelays: 50_000,
  allowPrivate: false,
  backfillSeconds: 86_400,
  pingSeconds: 60,
  informationSeconds: 6 * 3_600,
  region: '',
  discovers: true,
} as const

/** What nobody needs to change but tests, which have less patience. */
export interface CollectorLimits extends FloodBounds, OutageBounds, TurnBounds {
  readonly maxConnecting: number
  readonly connectTimeoutMs: number
  /** How long a relay may say nothing while it owes an answer. */
  readonly answerTimeoutMs: number
  /** How long a relay may send stored events without coming to their end. */
  readonly streamTimeoutMs: number
  /** A longer message ends the connection. */
  readonly maxMessageBytes: number
  /** A connection that ends earlier, without an answer, was closed at once. */
  readonly atOnceMs: number
  /** A connection that lasted longer was no failure. */
  readonly stableMs: number
  /** How long a candidate has to prove itself. */
  readonly proveMs: number
  readonly pollMs: number
  /** How long to wait when a relay says that we are too fast; doubled while it does. */
  readonly slowerMs: number
  readonly maxOffencePointsPerHour: number
  /** Reports of a relay that only add up come so often. */
  readonly reportMs: number
  /** How often the directory is read again for relays that others have learnt. */
  readonly refreshMs: number
  /** How often what was discovered is learnt. */
  readonly learnMs: number
  /** While our own network is away: how often some relays are tried, give or take a half. */
  readonly scoutMs: number
}

export const DEFAULT_LIMITS: CollectorLimits = {
  tickMs: 1_000,
  maxConnecting: 64,
  connectTimeoutMs: 10_000,
  answerTimeoutMs: 30_000,
  streamTimeoutMs: 300_000,
  maxMessageBytes: 1_048_576,
  messagesPerSecond: 5_000,
  burstMessages: 50_000,
  bytesPerSecond: 8 * 1_048_576,
  burstBytes: 64 * 1_048_576,
  atOnceMs: 5_000,
  stableMs: 60_000,
  // Longer than an answer may take, so that one that does not come is what it is left for.
  proveMs: 45_000,
  pollMs: 60_000,
  slowerMs: 60_000,
  maxOffencePointsPerHour: 1_000,
  reportMs: 10_000,
  refreshMs: 300_000,
  learnMs: 5_000,
  scoutMs: 5_000,
  outageGraceMs: 2_000,
  outageQuietMs: 5_000,
  outageWindowMs: 60_000,
  turnMs: 300_000,
  maxTurnMs: 1_800_000,
}
