import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import type { EventStore } from '../events/index.ts'
import { type Clock, systemClock } from '../kernel/index.ts'
import { reason } from '../nostr/index.ts'
import type { SignatureVerifier } from '../platform/index.ts'
import { AccessLists, type AccessListsData } from './access-lists.ts'
import { Authentication } from './authentication.ts'
import { type Admitted, ConnectionChecks } from './connection-checks.ts'
import { type ConnectionFacts, Connections } from './connections.ts'
import { createCounters, type RelayStats } from './counters.ts'
import { Dispatcher } from './dispatcher.ts'
import { LiveEvent } from './event-frames.ts'
import { EventIntake } from './event-intake.ts'
import { FanOut } from './fan-out.ts'
import { relayInformation } from './information.ts'
import { type HttpFallback, type Listener, listen, type UpgradeFallback } from './listener.ts'
import type { LiveBus } from './live-bus.ts'
import { NegentropySessions } from './negentropy-sessions.ts'
import type { RelayOrder } from './orders.ts'
import {
  createReadPolicies,
  createWritePolicies,
  type PolicyNotice,
  type ReadPolicies,
  type WritePolicies,
} from './policies/index.ts'
import { QueryRunner } from './query-runner.ts'
import type { RelayHost } from './relay-host.ts'
import { Requests } from './requests.ts'
import {
  type Connection,
  createSession,
  HOLD_FOR_READER,
  HOLD_FOR_STORE,
  HOLD_FOR_TURN,
  type Session,
} from './session.ts'
import type { RelaySettings } from './settings.ts'
import { Submissions } from './submissions.ts'
import { PacedInbox, SlowLane, Turns } from './turns/index.ts'
import type { WaitingRoom } from './waiting-room.ts'
import { Flusher, SharedReads, WebSocketConnection, type WebSocketShared } from './websocket/index.ts'

/** Below this many unsent bytes a client is read to again. */
const LOW_WATER_BYTES = 256 * 1024
/** A close waits so long for the client's part. */
const CLOSE_TIMEOUT_MS = 2_000
const MAX_TICK_MS = 5_000
/** RFC 6455's registry: the service restarts, come back. */
const SERVICE_RESTART = 1012

export interface RelayDeps {
  readonly settings: RelaySettings
  readonly store: EventStore
  readonly verifier: SignatureVerifier
  /** Carries new events between the threads (and processes) of one relay. */
  readonly bus: LiveBus
  /** What the rest of the program does for the relay. */
  readonly host: RelayHost
  /** What operators had decided when it starts; what they decide later comes by `obey`. */
  readonly access: AccessListsData
  readonly fallback: HttpFallback
  readonly upgradeFallback: UpgradeFallback
  readonly version: string
  /** The relay's own key (NIP-11 `self`), hex; empty when it has none. */
  readonly self: string
  /** NIPs that other parts of the program serve, for the NIP-11 document. */
  readonly offeredNips: readonly number[]
  readonly notify: (notice: PolicyNotice) => void
  /** Begins the ids of its connections: unique among the threads and processes of one relay. */
  readonly connectionPrefix: string
  /** Lets several threads accept on one port. */
  readonly reusePort: boolean
  /** Has the port already, and clients who wait; the relay lets them in. */
  readonly waitingRoom?: WaitingRoom | undefined
  readonly clock?: Clock
}

export interface Relay {
  readonly port: number
  stats(): RelayStats
  /** Every open connection; made when asked for. */
  connections(): readonly ConnectionFacts[]
  /** Does at once what the rest of the program wants of a running relay; returns how many connections it closed. */
  obey(order: RelayOrder): number
  /** Takes no more connections, answers what was begun, ends subscriptions, and closes every connection with 1012. */
  stop(): Promise<void>
}

/** Starts a relay in this thread: everything between the sockets and the event store. */
export async function startRelay(deps: RelayDeps): Promise<Relay> {
  const relay = new RunningRelay(deps)
  await relay.listen()
  return relay
}

class RunningRelay implements Relay {
  readonly #deps: RelayDeps
  readonly #clock: Clock
  readonly #counters = createCounters()
  readonly #connections: Connections
  readonly #lists: AccessLists
  readonly #checks: ConnectionChecks
  readonly #turns: Turns
  readonly #slowLane: SlowLane
  readonly #fanOut: FanOut
  readonly #queries: QueryRunner
  readonly #intake: EventIntake
  readonly #dispatcher: Dispatcher
  readonly #policies: WritePolicies
  readonly #submissions: Submissions
  readonly #requests: Requests
  readonly #negentropy: NegentropySessions<Connection>
  readonly #shared: Mutable<WebSocketShared<Session>>
  readonly #authentication: Authentication
  readonly #leaveBus: () => void
  #settings: RelaySettings
  #readPolicies: ReadPolicies
  /** JSON of the NIP-11 document. */
  #information = ''
  /** The proof of work that `#information` tells of, in bits. */
  #describedDifficulty = 0
  #ticks: NodeJS.Timeout
  #listener: Listener | undefined
  #lastNumber = 0

  constructor(deps: RelayDeps) {
    const { settings, store, verifier, bus, host } = deps
    const counters = this.#counters
    const nowMs = () => this.#clock.nowMs()
    this.#deps = deps
    this.#settings = settings
    this.#clock = deps.clock ?? systemClock
    this.#lists = AccessLists.fromJSON(deps.access)
    this.#lists.configureLevels(settings.levels)
    this.#connections = new Connections(deps.connectionPrefix)
    this.#readPolicies = createReadPolicies(settings)
    this.#policies = createWritePolicies(settings, {
      lists: this.#lists,
      store,
      clock: this.#clock,
      notify: deps.notify,
    })
    this.#fanOut = new FanOut({
      maxUnsentBytes: settings.maxUnsentBytes,
      counters,
      forget: ({ connection, id }) => connection.session.subscriptions?.delete(id),
    })
    const flusher = new Flusher()
    const turns = new Turns({ beforeTurn: () => flusher.flushAll() })
    this.#turns = turns
    this.#slowLane = new SlowLane(turns)
    this.#queries = new QueryRunner({
      fanOut: this.#fanOut,
      counters,
      turns,
      pauseAboveBytes: LOW_WATER_BYTES,
      reserve: (bytes) => flusher.reserve(bytes),
    })
    this.#authentication = new Authentication({
      settings,
      verifier,
      claim: (id, untilSeconds) => host.claimAuthEvent(id, untilSeconds),
      onProved: (connection) => this.#refreshAudience(connection),
      nowMs,
    })
    this.#checks = new ConnectionChecks({
      settings,
      lists: this.#lists,
      openConnections: () => this.#connections.size,
      prove: (query, requestHost) => this.#authentication.prove(query, requestHost),
      nowMs,
    })
    this.#intake = new EventIntake({
      store,
      verifier,
      counters,
      policies: this.#policies,
      host,
      turns,
      publish: (live) => {
        this.#fanOut.publish(live)
        bus.publish(live)
      },
      clock: this.#clock,
    })
    const common = { settings, lists: this.#lists, authentication: this.#authentication, nowMs }
    this.#submissions = new Submissions({
      ...common,
      policies: this.#policies,
      intake: this.#intake,
      self: deps.self,
    })
    this.#requests = new Requests({
      ...common,
      store,
      host,
      readPolicies: this.#readPolicies,
      fanOut: this.#fanOut,
      queries: this.#queries,
      slowLane: this.#slowLane,
      counters,
    })
    this.#negentropy = new NegentropySessions({
      store,
      nowMs,
      limits: settings.negentropy,
      send: (connection, text) => connection.sendText(text),
    })
    this.#dispatcher = new Dispatcher({
      settings,
      submissions: this.#submissions,
      requests: this.#requests,
      negentropy: this.#negentropy,
      fanOut: this.#fanOut,
      queries: this.#queries,
      authentication: this.#authentication,
      counters,
      onClosed: (connection) => this.#forget(connection),
    })
    this.#shared = {
      handler: this.#dispatcher,
      flusher,
      reads: new SharedReads(),
      inbox: new PacedInbox(turns),
      lowWaterBytes: LOW_WATER_BYTES,
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
      ...socketSettings(settings),
    }
    this.#describe()
    this.#leaveBus = bus.subscribe(
      (event, json, seq) => this.#fanOut.publish(new LiveEvent(event, json, seq)),
      { isWanted: () => this.#fanOut.size > 0 },
    )
    this.#ticks = this.#startTicking()
  }

  async listen(): Promise<void> {
    const { settings, fallback, upgradeFallback, reusePort, waitingRoom } = this.#deps
    try {
      this.#listener = await listen({
        host: settings.host,
        port: settings.port,
        unixSocket: settings.unixSocket,
        reusePort,
        waitingRoom,
        information: () => this.#currentInformation(),
        fallback,
        upgradeFallback,
        check: (request) => this.#checks.check(request),
        refused: () => this.#counters.connectionsRefused++,
        accept: (socket, head, request, admitted) => this.#accept(socket, head, request, admitted),
      })
    } catch (error) {
      clearInterval(this.#ticks)
      this.#leaveBus()
      throw error
    }
  }

  get port(): number {
    return this.#listener?.port ?? this.#settings.port
  }

  stats(): RelayStats {
    const { bytesIn, bytesOut } = this.#counters
    const live = { bytesIn, bytesOut, unsentBytes: 0 }
    const heldConnections = { store: 0, reader: 0, turn: 0 }
    const queues = {
      'queries-due': this.#queries.due,
      'addresses-deferred': this.#turns.waiting,
      'counts-deferred': this.#slowLane.waiting,
      'queries-paused': 0,
      'live-pending': this.#fanOut.pending,
      'subscriptions-unfiled': this.#fanOut.unfiled,
      counts: 0,
      reconciliations: this.#negentropy.waiting,
      'store-requests': 0,
      'main-thread-calls': 0,
    }
    for (const connection of this.#connections) {
      const { holds, waiting, openCounts } = connection.session
      live.bytesIn += connection.bytesIn
      live.bytesOut += connection.bytesOut
      live.unsentBytes += connection.bufferedBytes
      if ((holds & HOLD_FOR_STORE) !== 0) heldConnections.store++
      if ((holds & HOLD_FOR_READER) !== 0) heldConnections.reader++
      if ((holds & HOLD_FOR_TURN) !== 0) heldConnections.turn++
      queues['queries-paused'] += waiting?.length ?? 0
      queues.counts += openCounts
    }
    return {
      ...this.#counters,
      ...live,
      connections: this.#connections.size,
      subscriptions: this.#fanOut.size,
      unansweredEvents: this.#intake.unanswered,
      runningQueries: this.#queries.running,
      queues,
      heldConnections,
      reconciliations: this.#negentropy.size,
      reconciliationBytes: this.#negentropy.bytes,
      policies: this.#policies.stats(),
      ...this.#policies.state(),
    }
  }

  connections(): readonly ConnectionFacts[] {
    const nowSeconds = this.#clock.nowSeconds()
    return this.#connections.facts((pubkeys) => this.#lists.levelOf(pubkeys, nowSeconds))
  }

  obey(order: RelayOrder): number {
    switch (order.do) {
      case 'configure':
        this.#configure(order.settings)
        return 0
      case 'switch':
        this.#checks.switch(order.switches)
        return 0
      case 'disconnect':
        return this.#connections.close(order.whom, order.text)
      case 'replace-access':
        this.#lists.replace(order.lists)
        return this.#afterAccessChange()
      case 'change-access':
        for (const change of order.changes) this.#lists.apply(change)
        return this.#afterAccessChange()
    }
  }

  async stop(): Promise<void> {
    // Who has knocked by now is let in: the system would reset a connection that nobody has accepted.
    await nextTurn()
    const closed = this.#listener?.close()
    await this.#intake.idle()
    this.#leaveBus()
    for (const connection of this.#connections) {
      // Clients that know no close codes still learn that nothing more will come (NIP-01, CLOSED).
      for (const subscription of connection.session.subscriptions?.values() ?? []) {
        this.#fanOut.close(subscription, reason('error', 'the relay restarts, subscribe again'))
      }
      connection.close(SERVICE_RESTART, 'the relay restarts')
    }
    const deadlineMs = this.#clock.nowMs() + CLOSE_TIMEOUT_MS
    while (this.#connections.size > 0 && this.#clock.nowMs() < deadlineMs) await delay(10)
    for (const connection of this.#connections) connection.terminate()
    clearInterval(this.#ticks)
    this.#policies.close()
    await closed
  }

  /** What was opened with the old settings stays open; what it asks for next meets the new ones. */
  #configure(settings: RelaySettings): void {
    // First what may refuse the settings: then nothing has changed.
    this.#policies.reload(settings)
    this.#settings = settings
    this.#readPolicies = createReadPolicies(settings)
    this.#lists.configureLevels(settings.levels)
    this.#authentication.configure(settings)
    this.#checks.configure(settings)
    this.#submissions.configure(settings)
    this.#requests.configure(settings, this.#readPolicies)
    this.#negentropy.configure(settings.negentropy)
    this.#dispatcher.configure(settings)
    this.#fanOut.maxUnsentBytes = settings.maxUnsentBytes
    Object.assign(this.#shared, socketSettings(settings))
    clearInterval(this.#ticks)
    this.#ticks = this.#startTicking()
    this.#afterAccessChange()
  }

  #afterAccessChange(): number {
    this.#describe()
    for (const connection of this.#connections) this.#refreshAudience(connection)
    return this.#connections.closeWhere(
      ({ session }) => this.#lists.isBlockedIp(session.address),
      'your address is blocked',
    )
  }

  /** The difficulty follows the load: whoever works on an event now must hear what is asked for now. */
  #currentInformation(): string {
    if (this.#policies.minPowDifficulty !== this.#describedDifficulty) this.#describe()
    return this.#information
  }

  #describe(): void {
    const { version, self, offeredNips } = this.#deps
    const settings = { ...this.#settings, ...this.#lists.information }
    const minPowDifficulty = this.#policies.minPowDifficulty
    this.#describedDifficulty = minPowDifficulty
    this.#information = JSON.stringify(
      relayInformation(settings, { version, self, minPowDifficulty, offeredNips }),
    )
  }

  #refreshAudience(connection: Connection): void {
    const { session } = connection
    const level = this.#lists.levelOf(session.pubkeys, this.#clock.nowSeconds())
    session.audience = this.#readPolicies.audienceFor({ pubkeys: session.pubkeys, level })
  }

  #accept(socket: Duplex, head: Buffer, { headers }: IncomingMessage, { address, proof }: Admitted): void {
    const startedAtMs = this.#clock.nowMs()
    const session = createSession({
      address,
      source: this.#turns.open(address),
      host: headers.host ?? '',
      number: ++this.#lastNumber,
      startedAtMs,
      audience: undefined,
    })
    const connection = new WebSocketConnection(socket, this.#shared, startedAtMs, () => session)
    this.#counters.connectionsOpened++
    this.#connections.add(connection)
    this.#checks.opened(address)
    if (proof === undefined) this.#greet(connection)
    else {
      this.#authentication.accept(connection, proof)
      // Another key may be proved beside it, and nothing else would send this client a challenge.
      this.#authentication.challenge(connection)
    }
    connection.start(head)
  }

  /** Whoever can do nothing without a key is asked for it at once; others when it matters. */
  #greet(connection: Connection): void {
    const { auth, levels } = this.#settings
    this.#refreshAudience(connection)
    const needsKey = auth.requiredToRead || auth.requiredToWrite || levels.read > 0 || levels.write > 0
    if (needsKey) this.#authentication.challenge(connection)
  }

  #forget(connection: Connection): void {
    if (!this.#connections.delete(connection)) return
    this.#counters.bytesIn += connection.bytesIn
    this.#counters.bytesOut += connection.bytesOut
    this.#checks.closed(connection.session.address)
    this.#turns.close(connection.session.source)
  }

  #startTicking(): NodeJS.Timeout {
    const { pingIntervalSeconds, pingTimeoutSeconds } = this.#settings
    const tickMs = Math.min(MAX_TICK_MS, (Math.min(pingIntervalSeconds, pingTimeoutSeconds) * 1_000) / 2)
    return setInterval(() => this.#tick(), tickMs)
  }

  #tick(): void {
    const nowMs = this.#clock.nowMs()
    for (const connection of this.#connections) connection.tick(nowMs)
    this.#negentropy.endIdle()
    // Levels end, and with them what is told of them.
    this.#describe()
  }
}

type Mutable<T> = { -readonly [Member in keyof T]: T[Member] }

/** What sockets share and settings say. A longest message counts for connections opened from now on. */
function socketSettings({ limits, pingIntervalSeconds, pingTimeoutSeconds }: RelaySettings) {
  return {
    maxMessageBytes: limits.maxMessageBytes,
    pingAfterMs: pingIntervalSeconds * 1_000,
    pongTimeoutMs: pingTimeoutSeconds * 1_000,
  }
}
