/** What one row has in hand: the relay, fresh keys, connections, and everything that was said. */
import type { ClientOptions } from 'ws'
import { authenticate } from './auth.ts'
import { type Client, openClient } from './client.ts'
import type { ControlledRelay, RelayControl, RelaySettings } from './control.ts'
import type { Draft, WireEvent } from './event.ts'
import { freshKey, type Key } from './keys.ts'
import { type RelayInfo, readRelayInfo } from './nip11.ts'
import { RawSocket } from './raw-socket.ts'
import { mineEvent, randomHex, signEvent } from './sign.ts'
import { Transcript } from './transcript.ts'
import { skip } from './verdict.ts'

export interface TrialOptions {
  /** How long an expected answer may take. */
  readonly answerMs: number
  /** How long nothing must come before "nothing came" is believed. */
  readonly quietMs: number
  /** After how long without a pong this relay drops a connection, if the caller knows. */
  readonly pingTimeoutMs: number | undefined
  /** A key that may manage the relay under test (NIP-86), if the caller has one. */
  readonly adminKey: Key | undefined
  /** Rows may take minutes. */
  readonly isSlow: boolean
}

export interface TrialSetup {
  readonly url: string
  /** The address that AUTH events must name; differs from `url` behind a proxy. */
  readonly relayUrl: string
  readonly info: RelayInfo
  readonly control: RelayControl | undefined
  /** The relay that was started for this row alone. */
  readonly relay: ControlledRelay | undefined
  readonly options: TrialOptions
}

export interface ConnectOptions {
  /** The key to authenticate with where the relay demands AUTH of everybody; false: stay anonymous. */
  readonly auth?: Key | false
  readonly socket?: ClientOptions
  readonly url?: string
}

export class Trial {
  readonly url: string
  readonly relayUrl: string
  readonly info: RelayInfo
  readonly relay: ControlledRelay | undefined
  readonly options: TrialOptions
  readonly transcript = new Transcript()
  readonly notes: string[] = []
  readonly #control: RelayControl | undefined
  readonly #closers: (() => unknown)[] = []
  #connections = 0
  /** When relays began to be started, of those that are not there yet. */
  readonly #startsUnderWay = new Set<number>()
  #startedMs = 0

  constructor(setup: TrialSetup) {
    this.url = setup.url
    this.relayUrl = setup.relayUrl
    this.info = setup.info
    this.relay = setup.relay
    this.options = setup.options
    this.#control = setup.control
  }

  /** Unix time in seconds. */
  now(): number {
    return Math.floor(Date.now() / 1000)
  }

  key(): Key {
    return freshKey()
  }

  /** A signed kind 1 of this second with a text of its own, but for what `draft` says; with proof of work if asked. */
  event(key: Key, draft: Partial<Draft> = {}): WireEvent {
    const content = `conformance ${randomHex(8)}`
    const whole: Draft = { kind: 1, created_at: this.now(), tags: [], content, ...draft }
    const bits = this.info.limit('min_pow_difficulty') ?? 0
    return bits === 0 ? signEvent(key, whole) : mineEvent(key, whole, { bits, target: String(bits) })
  }

  /** `count` events a second apart, the newest `created_at` now; oldest first. */
  series(key: Key, count: number, draft: Partial<Draft> = {}): WireEvent[] {
    const start = this.now() - count + 1
    return Array.from({ length: count }, (_, i) => this.event(key, { created_at: start + i, ...draft }))
  }

  /** Opens a connection, named A, B, C … in the report; closed when the row ends. */
  async connect({ auth, socket, url = this.url }: ConnectOptions = {}): Promise<Client> {
    const name = String.fromCharCode(65 + (this.#connections++ % 26))
    const { answerMs, quietMs } = this.options
    const client = await openClient(url, { name, transcript: this.transcript, answerMs, quietMs }, socket)
    this.#closers.push(() => client.socket.terminate())
    if (this.info.isAuthRequired && auth !== false) await authenticate(this, client, auth ?? this.key())
    return client
  }

  /** Opens a connection on which the row writes every byte itself. */
  async connectRaw(): Promise<RawSocket> {
    const raw = await RawSocket.open(this.url, this.transcript)
    this.#closers.push(() => raw.destroy())
    return raw
  }

  /** Starts one more relay; skips the row when there is no control or it cannot have these settings. */
  async start(settings: RelaySettings): Promise<ControlledRelay> {
    const relay = await this.startIfPossible(settings)
    return relay ?? skip(`no control over a relay with ${JSON.stringify(settings)}`)
  }

  /** As `start`, for rows that have something to say without it. */
  async startIfPossible(settings: RelaySettings): Promise<ControlledRelay | undefined> {
    const relay = await this.#timed(async () => this.#control?.startWith(settings))
    if (relay !== undefined) this.#closers.push(() => relay.stop())
    return relay
  }

  /** What the row would have in hand on another relay; ends with this row. */
  async on(relay: ControlledRelay): Promise<Trial> {
    const { url } = relay
    const info = await readRelayInfo(url)
    const { options } = this
    const trial = new Trial({ url, relayUrl: url, info, control: undefined, relay, options })
    this.#closers.push(() => trial.end())
    return trial
  }

  /** Skips the row unless the relay advertises the NIP. */
  requireNip(nip: number): void {
    if (!this.info.nips.has(nip)) skip(`NIP-11 does not list NIP-${String(nip).padStart(2, '0')}`)
  }

  /** Something worth reading beside a pass. */
  note(text: string): void {
    this.notes.push(text)
  }

  /** Milliseconds that it took to start relays for the row so far, which say nothing about how any of them answers. */
  preparationMs(): number {
    const underWay = [...this.#startsUnderWay].map((beganAtMs) => performance.now() - beganAtMs)
    return this.#startedMs + Math.max(0, ...underWay)
  }

  async #timed<T>(start: () => Promise<T>): Promise<T> {
    const beganAtMs = performance.now()
    this.#startsUnderWay.add(beganAtMs)
    try {
      return await start()
    } finally {
      this.#startsUnderWay.delete(beganAtMs)
      this.#startedMs += performance.now() - beganAtMs
    }
  }

  /** Ends every connection and every relay that the row opened. */
  async end(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close()
  }
}
