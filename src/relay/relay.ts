import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { EventStore } from '../events/index.ts'
import { type Clock, systemClock } from '../kernel/index.ts'
import { reason } from '../nostr/index.ts'
import type { SignatureVerifier } from '../platform/index.ts'
import { Authentication } from './authentication.ts'
import { clientAddress, TrustedProxies } from './client-address.ts'
import { createCounters, type RelayStats } from './counters.ts'
import { Dispatcher } from './dispatcher.ts'
import { LiveEvent } from './event-frames.ts'
import { EventIntake } from './event-intake.ts'
import { FanOut } from './fan-out.ts'
import { relayInformation } from './information.ts'
import { type HttpFallback, type Listener, listen } from './listener.ts'
import type { LiveBus } from './live-bus.ts'
import { QueryRunner } from './query-runner.ts'
import { type Connection, createSession, type Session } from './session.ts'
import type { RelaySettings } from './settings.ts'
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
  readonly fallback: HttpFallback
  readonly version: string
  /** Lets several threads accept on one port. */
  readonly reusePort: boolean
  readonly clock?: Clock
}

export interface Relay {
  readonly port: number
  stats(): RelayStats
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
  readonly #connections = new Set<Connection>()
  readonly #perAddress = new Map<string, number>()
  readonly #proxies: TrustedProxies
  readonly #fanOut: FanOut
  readonly #queries: QueryRunner
  readonly #intake: EventIntake
  readonly #shared: WebSocketShared<Session>
  readonly #authentication: Authentication
  readonly #information: string
  readonly #leaveBus: () => void
  readonly #ticks: NodeJS.Timeout
  #listener: Listener | undefined

  constructor(deps: RelayDeps) {
    const { settings, store, verifier, bus } = deps
    const counters = this.#counters
    const nowMs = () => this.#clock.nowMs()
    this.#deps = deps
    this.#clock = deps.clock ?? systemClock
    this.#proxies = new TrustedProxies(settings.trustedProxies)
    this.#fanOut = new FanOut({
      maxUnsentBytes: settings.maxUnsentBytes,
      counters,
      forget: ({ connection, id }) => connection.session.subscriptions?.delete(id),
    })
    const flusher = new Flusher()
    this.#queries = new QueryRunner({
      fanOut: this.#fanOut,
      counters,
      pauseAboveBytes: LOW_WATER_BYTES,
      reserve: (bytes) => flusher.reserve(bytes),
    })
    this.#intake = new EventIntake({
      store,
      verifier,
      counters,
      publish: (live) => {
        this.#fanOut.publish(live)
        bus.publish(live)
      },
      clock: this.#clock,
    })
    this.#authentication = new Authentication({ settings, verifier, nowMs })
    this.#shared = {
      handler: new Dispatcher({
        settings,
        store,
        intake: this.#intake,
        fanOut: this.#fanOut,
        queries: this.#queries,
        authentication: this.#authentication,
        counters,
        nowMs,
        onClosed: (connection) => this.#forget(connection),
      }),
      flusher,
      reads: new SharedReads(),
      maxMessageBytes: settings.limits.maxMessageBytes,
      lowWaterBytes: LOW_WATER_BYTES,
      pingAfterMs: settings.pingIntervalSeconds * 1_000,
      pongTimeoutMs: settings.pingTimeoutSeconds * 1_000,
      closeTimeoutMs: CLOSE_TIMEOUT_MS,
    }
    this.#information = JSON.stringify(relayInformation(settings, deps.version))
    this.#leaveBus = bus.subscribe(
      (event, json, seq) => this.#fanOut.publish(new LiveEvent(event, json, seq)),
      {
        isWanted: () => this.#fanOut.size > 0,
      },
    )
    const tickMs = Math.min(
      MAX_TICK_MS,
      (Math.min(settings.pingIntervalSeconds, settings.pingTimeoutSeconds) * 1_000) / 2,
    )
    this.#ticks = setInterval(() => this.#tick(), tickMs)
  }

  async listen(): Promise<void> {
    const { settings, fallback, reusePort } = this.#deps
    try {
      this.#listener = await listen({
        host: settings.host,
        port: settings.port,
        reusePort,
        information: () => this.#information,
        fallback,
        refuse: (request) => this.#refuseConnection(request),
        accept: (socket, head, request) => this.#accept(socket, head, request),
      })
    } catch (error) {
      clearInterval(this.#ticks)
      this.#leaveBus()
      throw error
    }
  }

  get port(): number {
    return this.#listener?.port ?? this.#deps.settings.port
  }

  stats(): RelayStats {
    const { bytesIn, bytesOut } = this.#counters
    const live = { bytesIn, bytesOut }
    for (const connection of this.#connections) {
      live.bytesIn += connection.bytesIn
      live.bytesOut += connection.bytesOut
    }
    return {
      ...this.#counters,
      ...live,
      connections: this.#connections.size,
      subscriptions: this.#fanOut.size,
      unansweredEvents: this.#intake.unanswered,
      runningQueries: this.#queries.running,
    }
  }

  async stop(): Promise<void> {
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
    await closed
  }

  #refuseConnection(request: IncomingMessage): string | undefined {
    const { maxConnections, maxConnectionsPerIp } = this.#deps.settings
    if (this.#connections.size >= maxConnections) {
      this.#counters.connectionsRefused++
      return 'The relay is full, try again later.'
    }
    const address = this.#addressOf(request)
    if (maxConnectionsPerIp > 0 && (this.#perAddress.get(address) ?? 0) >= maxConnectionsPerIp) {
      this.#counters.connectionsRefused++
      return `At most ${maxConnectionsPerIp} connections from one address.`
    }
    return undefined
  }

  #accept(socket: Duplex, head: Buffer, request: IncomingMessage): void {
    const { settings } = this.#deps
    const address = this.#addressOf(request)
    const session = createSession(address, request.headers.host ?? '')
    const connection = new WebSocketConnection(socket, this.#shared, this.#clock.nowMs(), () => session)
    this.#counters.connectionsOpened++
    this.#connections.add(connection)
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1)
    // Whoever can do nothing without a key is asked for it at once; others when it matters.
    if (settings.auth.requiredToRead || settings.auth.requiredToWrite)
      this.#authentication.challenge(connection)
    connection.start(head)
  }

  #forget(connection: Connection): void {
    const { address } = connection.session
    if (!this.#connections.delete(connection)) return
    this.#counters.bytesIn += connection.bytesIn
    this.#counters.bytesOut += connection.bytesOut
    const left = (this.#perAddress.get(address) ?? 1) - 1
    if (left === 0) this.#perAddress.delete(address)
    else this.#perAddress.set(address, left)
  }

  #addressOf({ socket, headers }: IncomingMessage): string {
    const forwardedFor = headers['x-forwarded-for']
    const header = Array.isArray(forwardedFor) ? forwardedFor.join(',') : forwardedFor
    return clientAddress(socket.remoteAddress, header, this.#proxies)
  }

  #tick(): void {
    const nowMs = this.#clock.nowMs()
    for (const connection of this.#connections) connection.tick(nowMs)
  }
}
