import { randomInt } from 'node:crypto'
import { AppError } from '../../kernel/index.ts'
import type { Checkpoint, StatisticsChanges } from '../changes.ts'
import type { ObservationBatch } from '../observation-batch.ts'
import { type Range, SECONDS_PER_DAY, SECONDS_PER_HOUR } from '../ranges.ts'
import type { RelayReport } from '../relay-report.ts'
import type { Snapshot } from '../snapshot.ts'
import { CallChanges } from './call-changes.ts'
import { type ClientRecord, ClientTable } from './client-table.ts'
import type { DayFingerprints } from './day-fingerprints.ts'
import {
  DEFAULT_MAX_FINGERPRINT_BYTES,
  DEFAULT_MAX_RELAY_USERS,
  DEFAULT_MAX_RELAYS,
  DEFAULT_MAX_USERS,
  MOST_RELAYS,
  type StatisticsOptions,
} from './engine-options.ts'
import { FingerprintDays } from './fingerprint-days.ts'
import { saltOf } from './fingerprint-hash.ts'
import type { CounterBudget } from './keyed-counters.ts'
import type { LastSeenUsers } from './last-seen-users.ts'
import { NetworkFigures } from './network-figures.ts'
import { RelayLists } from './relay-lists.ts'
import { RelayRecord, relaySalt } from './relay-record.ts'
import { snapshotOf } from './snapshot-of.ts'
import {
  damaged,
  encodeState,
  encodeStateInTurns,
  type GiveWay,
  StateReader,
  type StateWriter,
} from './state-bytes.ts'
import { UserTable } from './user-table.ts'

const FORMAT = 1
/** "Stat". */
const MAGIC = 0x74617453

/** Before Nostr: the first event was signed on 7 November 2020. */
export const NOSTR_BEGAN_SECONDS = Date.UTC(2020, 10, 7) / 1000
/** Clocks differ; what is dated further ahead than this is in no figure. */
export const MAX_AHEAD_SECONDS = 900

/** Gift wraps and group messages are signed with a key for each: these are not people (NIP-59, NIP-EE). */
const THROWAWAY_KINDS: ReadonlySet<number> = new Set([445, 1059])
const KIND_ZAP = 9735
const KIND_LONG_FORM = 30023

/** Purposes of salts; `relay-record.ts` has 1. */
const EVENT = saltOf(2, 0)
const AUTHOR_OF_DAY = saltOf(3, 0)

/** Kinds of single relays that are counted one by one, over all relays: 67 MB at most. */
const MAX_RELAY_KINDS = 131_072

/** How much a relay or client must have before it is worth 33 KB of estimates. */
const SHARE_FREED = 4

export interface EngineStats {
  readonly users: number
  readonly relayUsers: number
  readonly relays: number
  readonly clients: number
  readonly clientsForgotten: number
  /** Days that ever had an event, and those whose fingerprints are in memory. */
  readonly days: number
  readonly daysInMemory: number
  readonly fingerprints: number
  readonly fingerprintBytes: number
  /** Of all typed arrays. */
  readonly bytes: number
  readonly isApproximate: number
}

/** An event, as the figures of its time see it. */
interface Counted {
  readonly row: number
  readonly day: number
  readonly hour: number
  readonly seenHour: number
  readonly kind: number
  readonly createdAt: number
  readonly high: number
  readonly low: number
}

/**
 * All figures of the observatory, in memory and always up to date: `apply` counts, `snapshot` reads sums. The same
 * observations give the same figures in any order, in any batches and with any repeats; `testing/plain-figures.ts` says the
 * same in SQL over raw rows, and a property test holds the two together.
 */
export class StatisticsEngine {
  readonly #seed = randomInt(2 ** 32)
  readonly #options: Required<StatisticsOptions>
  readonly #kindBudget: CounterBudget = { left: MAX_RELAY_KINDS }
  readonly #relayNumbers = new Map<number, RelayRecord>()
  readonly #relays: RelayRecord[] = []
  readonly #relayLists = new RelayLists()
  readonly #changes = new CallChanges()
  #fingerprints: FingerprintDays
  #network: NetworkFigures
  #users: UserTable
  #clients: ClientTable
  #relayUsers = 0
  #clientUsers = 0
  #firstSeenSeconds = 0
  #lastSeenSeconds = 0
  #futureDated = 0
  #absurdlyDated = 0
  #repeated = 0
  /** Of the batch that is being applied; by number of the client in it. */
  #batchClients: (ClientRecord | undefined | null)[] = []

  constructor(options: StatisticsOptions = {}) {
    this.#options = {
      maxUsers: options.maxUsers ?? DEFAULT_MAX_USERS,
      maxRelayUsers: options.maxRelayUsers ?? DEFAULT_MAX_RELAY_USERS,
      maxRelays: Math.min(MOST_RELAYS, options.maxRelays ?? DEFAULT_MAX_RELAYS),
      maxFingerprintBytes: options.maxFingerprintBytes ?? DEFAULT_MAX_FINGERPRINT_BYTES,
    }
    this.#fingerprints = this.#noFingerprints([])
    this.#network = new NetworkFigures(this.#seed)
    this.#users = new UserTable({ seed: this.#seed, maxUsers: this.#options.maxUsers })
    this.#clients = new ClientTable(this.#seed)
  }

  /**
   * Goes on where a checkpoint was taken. `knownDays`: days since 1970 of which fingerprints are on disk; none of them is in
   * memory yet.
   *
   * @throws AppError OBSERVATORY_STATE_DAMAGED for bytes that `checkpoint` did not write.
   */
  static restore(
    state: Uint8Array,
    knownDays: readonly number[],
    options: StatisticsOptions = {},
  ): StatisticsEngine {
    const engine = new StatisticsEngine(options)
    engine.#fingerprints = engine.#noFingerprints(knownDays)
    engine.#read(new StateReader(state))
    return engine
  }

  /** Tells the address of a relay; a relay without one is in no snapshot. */
  knowRelay({ relay, url }: { readonly relay: number; readonly url: string }): void {
    this.#relayOf(relay)?.named(url)
  }

  /** Days (since 1970) of the batch whose fingerprints are on disk and must be handed to `addFingerprints` before `apply`. */
  missingDays(batch: ObservationBatch): readonly number[] {
    const missing = new Set<number>()
    let lastDay = -1
    for (let row = 0; row < batch.count; row++) {
      const createdAt = batch.createdAt[row]!
      if (createdAt < NOSTR_BEGAN_SECONDS || createdAt > batch.seenAt[row]! + MAX_AHEAD_SECONDS) continue
      const day = Math.floor(createdAt / SECONDS_PER_DAY)
      if (day === lastDay) continue
      lastDay = day
      if (this.#fingerprints.isMissing(day)) missing.add(day)
    }
    return [...missing]
  }

  /** Loads what checkpoints have written of a day, all of it. */
  addFingerprints(day: number, parts: readonly Uint8Array[]): void {
    this.#fingerprints.load(day, parts)
  }

  /**
   * Counts observations and says what has changed.
   *
   * @throws AppError OBSERVATORY_DAYS_MISSING, and counts nothing, when `missingDays` names days.
   */
  apply(batch: ObservationBatch): StatisticsChanges {
    const missing = this.missingDays(batch)
    if (missing.length > 0)
      throw new AppError('OBSERVATORY_DAYS_MISSING', `${missing.length} days are not in memory.`, {
        facts: { first: missing[0]!, days: missing.length },
      })
    this.#clientUsers -= this.#clients.makeRoom()
    this.#batchClients = []
    for (let row = 0; row < batch.count; row++) this.#observe(batch, row)
    this.#batchClients = []
    this.#shrink()
    this.#fingerprints.evict()
    this.#futureDated += this.#changes.futureDated
    this.#absurdlyDated += this.#changes.absurdlyDated
    this.#repeated += this.#changes.repeated
    const changes = this.#changes.drain((index) => this.#relays[index]!.relay, this.#network, this.#users)
    this.#addRelayEvents(changes, earliestReceipt(batch))
    return changes
  }

  /** Adds up what collectors say of relays; regions are added together. */
  report(reports: readonly RelayReport[], region: string): void {
    for (const report of reports) this.#relayOf(report.relay)?.report(report, region)
  }

  /** The figures of a range that ends at a moment, at most some hours before the newest observation. */
  snapshot(range: Range, nowSeconds: number): Snapshot {
    return snapshotOf(
      {
        relays: this.#relays,
        relayLists: this.#relayLists,
        network: this.#network,
        users: this.#users,
        clients: this.#clients,
        firstSeenSeconds: this.#firstSeenSeconds || undefined,
        lastSeenSeconds: this.#lastSeenSeconds || undefined,
        futureDated: this.#futureDated,
        absurdlyDated: this.#absurdlyDated,
        repeated: this.#repeated,
      },
      range,
      nowSeconds,
    )
  }

  /** All that a restart needs. Fingerprints are in each checkpoint again until `commitCheckpoint` says that one is on disk. */
  checkpoint(): Checkpoint {
    return {
      state: encodeState((writer) => this.#write(writer)),
      fingerprints: this.#fingerprints.checkpoint(),
    }
  }

  /**
   * The same for a thread that has more to do: piece by piece, with `giveWay` between them. Only `snapshot`, `missingDays` and
   * `stats` may be called until it resolves.
   */
  async checkpointInTurns(giveWay: GiveWay): Promise<Checkpoint> {
    const state = await encodeStateInTurns((writer) => this.#write(writer), giveWay)
    const fingerprints = new Map<number, Uint8Array>()
    for (const _ of this.#fingerprints.checkpointInto(fingerprints)) await giveWay()
    return { state, fingerprints }
  }

  /** The last checkpoint is on disk: its fingerprints need not be written again, and may leave the memory. */
  commitCheckpoint(): void {
    this.#fingerprints.commitCheckpoint()
  }

  /** Plain numbers, for metrics. */
  stats(): EngineStats {
    const fingerprintBytes = this.#fingerprints.bytes
    const relayBytes = this.#relays.reduce((sum, relay) => sum + relay.bytes, 0)
    return {
      users: this.#users.rows,
      relayUsers: this.#relayUsers,
      relays: this.#relays.length,
      clients: this.#clients.size,
      clientsForgotten: this.#clients.forgotten,
      days: this.#network.days.size,
      daysInMemory: this.#fingerprints.daysInMemory,
      fingerprints: this.#fingerprints.fingerprints,
      fingerprintBytes,
      bytes:
        fingerprintBytes +
        relayBytes +
        this.#users.bytes +
        this.#network.bytes +
        this.#clients.bytes +
        this.#changes.bytes,
      isApproximate: this.#users.isApproximate ? 1 : 0,
    }
  }

  #observe(batch: ObservationBatch, row: number): void {
    const createdAt = batch.createdAt[row]!
    const seenAt = batch.seenAt[row]!
    if (this.#firstSeenSeconds === 0 || seenAt < this.#firstSeenSeconds) this.#firstSeenSeconds = seenAt
    if (seenAt > this.#lastSeenSeconds) this.#lastSeenSeconds = seenAt
    if (createdAt < NOSTR_BEGAN_SECONDS) {
      this.#changes.absurdlyDated += 1
      return
    }
    if (createdAt > seenAt + MAX_AHEAD_SECONDS) {
      this.#changes.futureDated += 1
      return
    }
    const day = Math.floor(createdAt / SECONDS_PER_DAY)
    const fingerprints = this.#fingerprints.use(day)
    const relayNumber = batch.relay[row]!
    const relay = this.#relayNumbers.get(relayNumber) ?? this.#relayOf(relayNumber)
    relay?.seen(seenAt)
    const salt = relay?.salt ?? relaySalt(relayNumber)
    const high = batch.eventHigh[row]!
    const low = batch.eventLow[row]!
    if (!fingerprints.add((high ^ salt.high) >>> 0, (low ^ salt.low) >>> 0)) {
      this.#changes.repeated += 1
      return
    }
    this.#changes.counted += 1
    const event: Counted = {
      row,
      day,
      hour: Math.floor(createdAt / SECONDS_PER_HOUR),
      seenHour: Math.floor(seenAt / SECONDS_PER_HOUR),
      kind: batch.kind[row]!,
      createdAt,
      high: batch.authorHigh[row]!,
      low: batch.authorLow[row]!,
    }
    const isUser = !THROWAWAY_KINDS.has(event.kind)
    if (relay !== undefined) this.#countForRelay(relay, event, isUser)
    if (fingerprints.add((high ^ EVENT.high) >>> 0, (low ^ EVENT.low) >>> 0))
      this.#countForNetwork(batch, event, isUser ? fingerprints : undefined)
  }

  #countForRelay(relay: RelayRecord, event: Counted, isUser: boolean): void {
    const { hour, kind } = event
    relay.proveBy(event.createdAt)
    // How many they are is added up at the end of the batch, for each hour and kind once.
    if (isUser) this.#relayUsers += relay.users.touch(event.high, event.low, hour)
    this.#changes.addRelayEvent(relay.index, kind, hour)
  }

  #addRelayEvents({ relayEvents }: StatisticsChanges, seenHour: number): void {
    for (const change of relayEvents)
      this.#relayNumbers.get(change.relay)?.addEvents(change, { hour: change.hour, seenHour })
  }

  /** `users`: the fingerprints of its day, where its author is a user. */
  #countForNetwork(batch: ObservationBatch, event: Counted, users: DayFingerprints | undefined): void {
    const { row, day, hour, kind, high, low } = event
    const network = this.#network
    const periods = network.periodsOf(hour)
    const isTagged = batch.client[row] !== 0
    for (const period of periods) {
      period.events += 1
      if (isTagged) period.tagged += 1
    }
    network.kinds.add(kind, 1, event)
    this.#changes.addNetworkEvent(kind, hour)
    const language = batch.language[row]!
    if (language !== 0) network.languages.add(language, 1, event)
    if (users !== undefined) {
      this.#users.touch(high, low, hour)
      if (users.add((high ^ AUTHOR_OF_DAY.high) >>> 0, (low ^ AUTHOR_OF_DAY.low) >>> 0)) {
        network.addDayUser(day, high, low)
        this.#changes.addDay(day)
      }
      if (kind === KIND_LONG_FORM) this.#clientUsers += network.longFormUsers.touch(high, low, hour)
    }
    if (kind === KIND_ZAP) this.#countZap(batch, event, periods)
    if (isTagged) this.#countForClient(batch, event, users !== undefined)
  }

  #countZap(batch: ObservationBatch, event: Counted, periods: ReturnType<NetworkFigures['periodsOf']>): void {
    const msat = batch.zapMsat[event.row]!
    // A receipt that does not hold pays nothing.
    if (msat === 0n) return
    const isChecked = batch.isZapSignerChecked[event.row] === 1
    for (const period of periods) period.addZap(msat, isChecked)
    this.#changes.addZap(event.kind, event.hour, msat)
  }

  #countForClient(batch: ObservationBatch, event: Counted, isUser: boolean): void {
    const number = batch.client[event.row]!
    const name = batch.clients[number - 1]
    if (name === undefined) return
    let client = this.#batchClients[number]
    if (client === undefined) {
      client = this.#clients.of(name) ?? null
      this.#batchClients[number] = client
    }
    this.#changes.addClient(name, event.kind, event.createdAt)
    if (client === null) return
    client.count(event)
    if (isUser) this.#clientUsers += client.users.touch(event.high, event.low, event.hour)
  }

  /** Its record, made when there is none; undefined beyond the bound. */
  #relayOf(relay: number): RelayRecord | undefined {
    const there = this.#relayNumbers.get(relay)
    if (there !== undefined || this.#relays.length >= this.#options.maxRelays) return there
    return this.#addRelay(new RelayRecord(relay, this.#recordOptions()))
  }

  #addRelay(record: RelayRecord): RelayRecord {
    this.#relays.push(record)
    this.#relayNumbers.set(record.relay, record)
    return record
  }

  #recordOptions() {
    return { index: this.#relays.length, seed: this.#seed, kindBudget: this.#kindBudget }
  }

  #noFingerprints(onDisk: readonly number[]): FingerprintDays {
    return new FingerprintDays({ seed: this.#seed, maxBytes: this.#options.maxFingerprintBytes, onDisk })
  }

  /** Holds the bounds of what is remembered user by user. Between two batches, since it may walk the largest tables. */
  #shrink(): void {
    if (this.#relayUsers > this.#options.maxRelayUsers) {
      const tables = this.#relays.map(({ users }) => users)
      this.#relayUsers -= approximateLargest(tables, this.#options.maxRelayUsers / SHARE_FREED)
      for (const relay of this.#relays) relay.changes += 1
    }
    if (this.#clientUsers > this.#options.maxUsers) {
      this.#clientUsers -= approximateLargest(this.#namedUsers(), this.#options.maxUsers / SHARE_FREED)
    }
  }

  #namedUsers(): LastSeenUsers[] {
    return [...this.#clients.users(), this.#network.longFormUsers]
  }

  *#write(writer: StateWriter): Generator<void> {
    writer.u32(MAGIC)
    writer.u32(FORMAT)
    for (const value of this.#plainNumbers()) writer.f64(value)
    this.#network.write(writer)
    yield* this.#users.write(writer)
    this.#clients.write(writer)
    writer.u32(this.#relays.length)
    for (const relay of this.#relays) {
      yield
      relay.write(writer)
    }
  }

  #plainNumbers(): number[] {
    return [
      this.#firstSeenSeconds,
      this.#lastSeenSeconds,
      this.#futureDated,
      this.#absurdlyDated,
      this.#repeated,
    ]
  }

  #read(reader: StateReader): void {
    if (reader.u32() !== MAGIC || reader.u32() !== FORMAT) throw damaged(`it is not of format ${FORMAT}`)
    this.#firstSeenSeconds = reader.f64()
    this.#lastSeenSeconds = reader.f64()
    this.#futureDated = reader.f64()
    this.#absurdlyDated = reader.f64()
    this.#repeated = reader.f64()
    this.#network = NetworkFigures.read(reader, this.#seed)
    this.#users = UserTable.read(reader, { seed: this.#seed, maxUsers: this.#options.maxUsers })
    this.#clients = ClientTable.read(reader, this.#seed)
    for (let left = reader.times(32); left > 0; left--) {
      const relay = this.#addRelay(RelayRecord.read(reader, this.#recordOptions()))
      this.#relayUsers += relay.users.rows
    }
    for (const users of this.#namedUsers()) this.#clientUsers += users.rows
    if (!reader.isAtEnd) throw damaged('it has more than it should')
  }
}

/** In hours since 1970. */
function earliestReceipt(batch: ObservationBatch): number {
  let earliest = batch.seenAt[0] ?? 0
  for (let row = 1; row < batch.count; row++) if (batch.seenAt[row]! < earliest) earliest = batch.seenAt[row]!
  return Math.floor(earliest / SECONDS_PER_HOUR)
}

/** Turns the largest tables into estimates until so many rows are gone. @returns how many are. */
function approximateLargest(tables: readonly LastSeenUsers[], rows: number): number {
  let freed = 0
  for (const users of tables.toSorted((a, b) => b.rows - a.rows)) {
    if (freed >= rows) break
    freed += users.rows
    users.approximate()
  }
  return freed
}
