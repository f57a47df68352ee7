/** Measures a relay as a monitor does (NIP-66): how long it takes to open a connection, to read from it, and to write to it. */
import { type Clock, systemClock } from '../../kernel/index.ts'
import type { NostrEvent, UnsignedTemplate } from '../../nostr/index.ts'
import { type Reading, RelayTalk, type WebSocketLike } from './relay-talk.ts'

/** For everything that is measured of one relay, in milliseconds. */
export const PROBE_TIMEOUT_MS = 10_000
/** Relays that are measured at the same time. */
export const MAX_PROBES = 8
/** Ephemeral, so that no relay keeps it; NIP-66 names no kind for it. */
const PROBE_KIND = 20_166
const SUBSCRIPTION = 'probe'
/** Notes are short: of other kinds the newest event may be longer than what is read. */
const FILTER = { kinds: [1], limit: 1 }

/** Milliseconds; what could not be measured is missing. */
export interface RelayTimes {
  /** Name, TCP, TLS and the upgrade to a WebSocket: `rtt-open`. */
  readonly openMs?: number | undefined
  /** A REQ until its first event, or its end: `rtt-read`. */
  readonly readMs?: number | undefined
  /** An EVENT until the OK that takes it: `rtt-write`. */
  readonly writeMs?: number | undefined
}

export interface RelayProbe {
  /** How long all of a probe may take, in milliseconds. */
  readonly timeoutMs: number
  /** Of more relays at the same time nothing is measured. */
  readonly maxAtOnce: number
  /** False: it never writes, and nobody is told that it does. */
  readonly writes?: boolean
  /**
   * Connects to a relay, measures it and leaves, within `timeoutMs`. What the relay fails at is missing in the answer.
   *
   * @param writes whether an ephemeral event is written, too: only where anybody may.
   * @throws what `sign` throws.
   */
  measure(url: string, what: { readonly writes: boolean }, signal: AbortSignal): Promise<RelayTimes>
}

export interface RelayProbeDeps {
  /**
   * Opens a WebSocket, by the rules of the collector: addresses of the internet only, certificates checked, no redirects.
   * It takes messages of `MAX_TALK_MESSAGE_BYTES` at most. Rejects when that fails, and when the signal aborts.
   */
  readonly connect: (url: string, signal: AbortSignal) => Promise<WebSocketLike>
  /** Absent: no relay is written to. */
  readonly sign?: (template: UnsignedTemplate) => Promise<NostrEvent>
  readonly clock?: Clock
  /** `PROBE_TIMEOUT_MS` when absent. */
  readonly timeoutMs?: number
}

export function createRelayProbe(deps: RelayProbeDeps): RelayProbe {
  return new Probe(deps)
}

class Probe implements RelayProbe {
  readonly timeoutMs: number
  readonly maxAtOnce = MAX_PROBES
  readonly writes: boolean
  readonly #deps: RelayProbeDeps
  readonly #clock: Clock
  #underWay = 0

  constructor(deps: RelayProbeDeps) {
    this.#deps = deps
    this.#clock = deps.clock ?? systemClock
    this.timeoutMs = deps.timeoutMs ?? PROBE_TIMEOUT_MS
    this.writes = deps.sign !== undefined
  }

  async measure(
    url: string,
    { writes }: { readonly writes: boolean },
    signal: AbortSignal,
  ): Promise<RelayTimes> {
    if (this.#underWay >= MAX_PROBES) return {}
    this.#underWay++
    try {
      const event = writes ? await this.#signed() : undefined
      return await this.#measure(url, event, AbortSignal.any([signal, AbortSignal.timeout(this.timeoutMs)]))
    } finally {
      this.#underWay--
    }
  }

  async #measure(url: string, event: NostrEvent | undefined, signal: AbortSignal): Promise<RelayTimes> {
    if (signal.aborted) return {}
    const startedMs = performance.now()
    const socket = await this.#open(url, signal)
    if (socket === undefined) return {}
    const openMs = performance.now() - startedMs
    const talk = new RelayTalk(socket, signal)
    try {
      const readMs = await talk.ask(['REQ', SUBSCRIPTION, FILTER], readStored)
      talk.say(['CLOSE', SUBSCRIPTION])
      const writeMs = event && (await talk.ask(['EVENT', event], (message) => readOk(message, event.id)))
      return { openMs, readMs, writeMs }
    } finally {
      talk.end()
    }
  }

  async #open(url: string, signal: AbortSignal): Promise<WebSocketLike | undefined> {
    try {
      return await this.#deps.connect(url, signal)
    } catch {
      // Whatever it failed at, there is nothing to be measured.
      return undefined
    }
  }

  async #signed(): Promise<NostrEvent | undefined> {
    return this.#deps.sign?.({
      kind: PROBE_KIND,
      created_at: this.#clock.nowSeconds(),
      tags: [],
      content: 'A probe of NIP-66: please forget.',
    })
  }
}

function readStored([verb, id]: readonly unknown[]): Reading {
  if (id !== SUBSCRIPTION) return undefined
  if (verb === 'EVENT' || verb === 'EOSE') return 'answer'
  return verb === 'CLOSED' ? 'refusal' : undefined
}

function readOk([verb, id, isTaken]: readonly unknown[], eventId: string): Reading {
  if (verb !== 'OK' || id !== eventId) return undefined
  return isTaken === true ? 'answer' : 'refusal'
}
