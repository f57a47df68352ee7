/**
 * A client of other relays, for programs: it takes nothing on trust. Everything that comes has a bound in size and in
 * time, what is not read fast enough is not read from the socket either, and what the relay sends is handed on unread.
 */
import type { LookupFunction } from 'node:net'
import { WebSocket } from 'ws'
import { AppError } from '../kernel/index.ts'
import { type EventSigner, type Filter, finalizeEvent, KINDS, normalizeRelayUrl } from '../nostr/index.ts'
import { filterJson } from './filter-json.ts'
import { peerFailure } from './peer-failure.ts'
import { type PeerMessage, parsePeerMessage } from './peer-message.ts'
import { PeerSubscription } from './peer-subscription.ts'

export interface RelayClientLimits {
  readonly connectTimeoutMs: number
  /** How long the relay may be silent while it owes an answer. */
  readonly answerTimeoutMs: number
  /** A longer message ends the connection. */
  readonly maxMessageBytes: number
  /** Events that wait to be taken; beyond it the socket is not read. */
  readonly maxWaitingBytes: number
  /** A connection without a sign of life over two such intervals is given up. */
  readonly pingIntervalMs: number
}

const DEFAULT_LIMITS: RelayClientLimits = {
  connectTimeoutMs: 10_000,
  answerTimeoutMs: 30_000,
  maxMessageBytes: 4 * 1024 * 1024,
  maxWaitingBytes: 8 * 1024 * 1024,
  pingIntervalMs: 30_000,
}

/** A relay that asks who we are more often than that on one connection is not answered any more. */
const MAX_CHALLENGES = 10

export interface ConnectRelayOptions {
  /** `ws://` or `wss://`. Only host, port and path of it are ever shown: a query may hold a secret. */
  readonly url: string
  /** Who we are, where the relay wants to know (NIP-42); absent: nobody. */
  readonly signer?: EventSigner
  readonly limits?: Partial<RelayClientLimits>
  /** Ends the connection when it aborts. */
  readonly signal?: AbortSignal
  /** Finds the address of a name; the system's when absent. A URL that a stranger named wants one that is guarded. */
  readonly lookup?: LookupFunction
}

/** The answer to an EVENT. */
export interface PublishAnswer {
  readonly isAccepted: boolean
  /** What the relay says, with its prefix. */
  readonly text: string
}

/** The answer to a message of a reconciliation. */
export type NegentropyAnswer =
  | { readonly kind: 'message'; readonly message: Uint8Array }
  /** NEG-ERR: the reconciliation is over. */
  | { readonly kind: 'refused'; readonly text: string }
  /** The relay does not know what we speak of: it said so, or nothing. */
  | { readonly kind: 'unknown' }

/** One reconciliation (NIP-77). */
export interface NegentropyTalk {
  /** Sends a message (the first one opens it) and waits for the answer. */
  ask(message: Uint8Array): Promise<NegentropyAnswer>
  close(): void
}

/** How many messages could not be used. */
export interface RelayClientCounts {
  /** Not to be understood. */
  broken: number
  /** For subscriptions and events that nobody asked about (any more). */
  unasked: number
}

/**
 * Connects to a relay.
 *
 * @throws AppError PEER_FAILED when that does not succeed in time.
 */
export async function connectRelay(options: ConnectRelayOptions): Promise<RelayClient> {
  const client = new RelayClient(options)
  await client.opened
  return client
}

/** Something that was sent and waits for its answer. */
interface Owed<T> {
  readonly answer: (value: T) => void
  readonly fail: (error: Error) => void
  /** Sends it again: what a relay refuses to strangers is tried once more when it knows us. */
  readonly resend: () => void
  hasRetried: boolean
}

interface Request {
  readonly subscription: PeerSubscription
  readonly resend: () => void
  hasRetried: boolean
}

interface Authentication {
  readonly eventId: string
  readonly answer: (isProved: boolean) => void
  readonly done: Promise<boolean>
}

export class RelayClient {
  /** Host, port and path: fit to be shown. */
  readonly name: string
  readonly counts: RelayClientCounts = { broken: 0, unasked: 0 }
  /** Resolves when the connection stands. */
  readonly opened: Promise<void>
  /** Resolves to why the connection has ended. */
  readonly closed: Promise<AppError>
  /** As AUTH events name it: without a query, which may hold a secret. */
  readonly #ownUrl: string
  readonly #signer: EventSigner | undefined
  readonly #limits: RelayClientLimits
  readonly #socket: WebSocket
  readonly #requests = new Map<string, Request>()
  readonly #publishing = new Map<string, Owed<PublishAnswer>>()
  readonly #talks = new Map<string, Owed<NegentropyAnswer>>()
  readonly #challenged = Promise.withResolvers<void>()
  #authentication: Authentication | undefined
  #failure: AppError | undefined
  #lastId = 0
  #challenges = 0
  #waitingBytes = 0
  #isAlive = true
  #pings: NodeJS.Timeout | undefined
  #markClosed: (failure: AppError) => void = () => undefined

  constructor({ url, signer, limits = {}, signal, lookup }: ConnectRelayOptions) {
    const name = normalizeRelayUrl(url)
    if (name === undefined) throw peerFailure('The address', 'is no ws:// or wss:// URL.')
    this.name = name
    this.#ownUrl = `${url.startsWith('wss:') ? 'wss' : 'ws'}://${name}`
    this.#signer = signer
    this.#limits = { ...DEFAULT_LIMITS, ...limits }
    this.closed = new Promise((resolve) => {
      this.#markClosed = resolve
    })
    this.#socket = new WebSocket(url, {
      perMessageDeflate: false,
      followRedirects: false,
      ...(lookup !== undefined && { lookup }),
      handshakeTimeout: this.#limits.connectTimeoutMs,
      maxPayload: this.#limits.maxMessageBytes,
    })
    this.opened = this.#open(signal)
  }

  get isOpen(): boolean {
    return this.#failure === undefined
  }

  /** Asks for events, stored ones and then new ones (REQ). */
  request(filters: readonly Filter[]): PeerSubscription {
    const id = this.#nextId()
    const text = JSON.stringify(['REQ', id, ...filters.map(filterJson)])
    const subscription = new PeerSubscription({
      onTaken: (bytes) => this.#release(bytes),
      onClose: () => {
        this.#requests.delete(id)
        this.#send(JSON.stringify(['CLOSE', id]))
      },
      untilSilent: (waiting) => this.#untilSilent(waiting, 'REQ'),
    })
    const request = { subscription, resend: () => this.#send(text), hasRetried: false }
    if (this.#failure !== undefined) subscription.fail(this.#failure)
    this.#requests.set(id, request)
    request.resend()
    return subscription
  }

  /**
   * Sends an event (EVENT) and waits for the answer. Callers keep a bound on how many are on their way.
   *
   * @param json the event as it is sent, its id being `id`.
   */
  publish(id: string, json: string): Promise<PublishAnswer> {
    return this.#ask(this.#publishing, id, `["EVENT",${json}]`, 'EVENT')
  }

  /** Begins a reconciliation of what matches the filter (NIP-77). */
  reconcile(filter: Filter): NegentropyTalk {
    const id = this.#nextId()
    let isOpen = false
    return {
      ask: async (message) => {
        const hex = Buffer.from(message).toString('hex')
        const text = isOpen ? ['NEG-MSG', id, hex] : ['NEG-OPEN', id, filterJson(filter), hex]
        const isFirst = !isOpen
        isOpen = true
        try {
          return await this.#ask(this.#talks, id, JSON.stringify(text), text[0] as string)
        } catch (error) {
          // Many relays pass over a verb that they do not know.
          if (isFirst && this.isOpen) return { kind: 'unknown' }
          throw error
        }
      },
      close: () => {
        if (isOpen) this.#send(JSON.stringify(['NEG-CLOSE', id]))
      },
    }
  }

  /** Ends the connection; whoever waits is told. */
  close(): void {
    this.#fail(peerFailure(this.name, 'was left by us.'))
    this.#socket.close()
    // A relay that does not answer our close must not keep the socket.
    setTimeout(() => this.#socket.terminate(), 1_000).unref()
  }

  #open(signal: AbortSignal | undefined): Promise<void> {
    const socket = this.#socket
    const abort = () => this.#drop('was left by us.')
    signal?.addEventListener('abort', abort, { once: true })
    socket.on('message', (data: Buffer, isBinary) => this.#onMessage(data, isBinary))
    socket.on('pong', () => {
      this.#isAlive = true
    })
    const opened = new Promise<void>((resolve, reject) => {
      socket.on('open', () => {
        this.#pings = setInterval(() => this.#ping(), this.#limits.pingIntervalMs)
        this.#pings.unref()
        resolve()
      })
      socket.on('error', (error) => this.#fail(peerFailure(this.name, `failed: ${error.message}.`, error)))
      socket.on('close', (code) => {
        signal?.removeEventListener('abort', abort)
        this.#fail(peerFailure(this.name, `closed the connection (code ${code}).`))
      })
      void this.closed.then(reject)
    })
    // Whoever constructs a client awaits this; should nobody, a failure is told by `closed` all the same.
    opened.catch(() => undefined)
    if (signal?.aborted === true) abort()
    return opened
  }

  #ping(): void {
    // A socket that we do not read brings no signs of life.
    if (this.#socket.isPaused) return
    if (!this.#isAlive) {
      this.#drop('gives no sign of life any more.')
      return
    }
    this.#isAlive = false
    this.#socket.ping()
  }

  #drop(what: string): void {
    this.#fail(peerFailure(this.name, what))
    this.#socket.terminate()
  }

  #fail(failure: AppError): void {
    if (this.#failure !== undefined) return
    this.#failure = failure
    clearInterval(this.#pings)
    for (const { subscription } of this.#requests.values()) subscription.fail(failure)
    for (const owed of [...this.#publishing.values(), ...this.#talks.values()]) owed.fail(failure)
    this.#requests.clear()
    this.#publishing.clear()
    this.#talks.clear()
    this.#authentication?.answer(false)
    this.#challenged.resolve()
    this.#markClosed(failure)
  }

  #nextId(): string {
    this.#lastId += 1
    return `m${this.#lastId}`
  }

  #send(text: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(text)
  }

  async #ask<T>(owing: Map<string, Owed<T>>, id: string, text: string, verb: string): Promise<T> {
    if (this.#failure !== undefined) throw this.#failure
    let owed: Owed<T> | undefined
    const answered = new Promise<T>((answer, fail) => {
      owed = { answer, fail, resend: () => this.#send(text), hasRetried: false }
      owing.set(id, owed)
      owed.resend()
    })
    try {
      await this.#untilSilent(
        answered.then(() => undefined),
        verb,
      )
      return await answered
    } finally {
      if (owing.get(id) === owed) owing.delete(id)
    }
  }

  /** Waits, but not for ever; the time in which we did not read does not count against the relay. */
  async #untilSilent(waiting: Promise<void>, verb: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const silent = new Promise<never>((_, reject) => {
      timer = setInterval(() => {
        if (this.#socket.isPaused) return
        reject(peerFailure(this.name, `did not answer a ${verb} for ${this.#limits.answerTimeoutMs} ms.`))
      }, this.#limits.answerTimeoutMs)
    })
    try {
      await Promise.race([waiting, silent])
    } finally {
      clearInterval(timer)
    }
  }

  #release(bytes: number): void {
    this.#waitingBytes -= bytes
    if (this.#socket.isPaused && this.#waitingBytes < this.#limits.maxWaitingBytes / 2) this.#socket.resume()
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    this.#isAlive = true
    const message = isBinary ? undefined : parsePeerMessage(data.toString())
    if (message?.ok !== true) {
      this.counts.broken += 1
      return
    }
    this.#handle(message.value, data.length)
  }

  #handle(message: PeerMessage, bytes: number): void {
    switch (message.verb) {
      case 'EVENT':
        this.#onEvent(message.id, message.event, bytes)
        return
      case 'EOSE':
        this.#requests.get(message.id)?.subscription.pushStoredSent(message.isAll)
        return
      case 'CLOSED':
        this.#onClosed(message.id, message.text)
        return
      case 'OK':
        this.#onOk(message)
        return
      case 'NEG-MSG':
        this.#answerTalk(message.id, { kind: 'message', message: message.message })
        return
      case 'NEG-ERR':
        this.#onNegentropyError(message.id, message.text)
        return
      case 'AUTH':
        void this.#authenticate(message.challenge)
        return
      case 'NOTICE':
        this.#onNotice()
    }
  }

  #onEvent(id: string, event: unknown, bytes: number): void {
    const isTaken = this.#requests.get(id)?.subscription.pushEvent(event, bytes) ?? false
    if (!isTaken) {
      this.counts.unasked += 1
      return
    }
    this.#waitingBytes += bytes
    if (this.#waitingBytes > this.#limits.maxWaitingBytes && !this.#socket.isPaused) this.#socket.pause()
  }

  #onClosed(id: string, text: string): void {
    const request = this.#requests.get(id)
    if (request === undefined) return
    if (this.#retriesKnown(request, text, () => this.#endRequest(id, request, text))) return
    this.#endRequest(id, request, text)
  }

  #endRequest(id: string, { subscription }: Request, text: string): void {
    this.#requests.delete(id)
    subscription.pushClosed(text)
  }

  #onOk({ id, isAccepted, text }: Extract<PeerMessage, { verb: 'OK' }>): void {
    if (this.#authentication?.eventId === id) {
      this.#authentication.answer(isAccepted)
      return
    }
    const owed = this.#publishing.get(id)
    if (owed === undefined) this.counts.unasked += 1
    else if (isAccepted || !this.#retriesKnown(owed, text, () => owed.answer({ isAccepted, text }))) {
      owed.answer({ isAccepted, text })
    }
  }

  #onNegentropyError(id: string, text: string): void {
    const owed = this.#talks.get(id)
    if (owed === undefined) return
    const refuse = () => owed.answer({ kind: 'refused', text })
    if (!this.#retriesKnown(owed, text, refuse)) refuse()
  }

  #answerTalk(id: string, answer: NegentropyAnswer): void {
    const owed = this.#talks.get(id)
    if (owed === undefined) this.counts.unasked += 1
    else owed.answer(answer)
  }

  /** A NOTICE has no id; while a reconciliation waits for an answer, it is most likely about a verb that is not known. */
  #onNotice(): void {
    for (const owed of this.#talks.values()) owed.answer({ kind: 'unknown' })
  }

  /** Sends something again as somebody the relay knows; `giveUp` when it does not come to that. */
  #retriesKnown(
    asked: { hasRetried: boolean; resend: () => void },
    text: string,
    giveUp: () => void,
  ): boolean {
    if (this.#signer === undefined || asked.hasRetried || !text.startsWith('auth-required')) return false
    asked.hasRetried = true
    void this.#whenProved().then((isProved) => (isProved ? asked.resend() : giveUp()))
    return true
  }

  async #whenProved(): Promise<boolean> {
    try {
      // The challenge may come behind the refusal that speaks of it (NIP-42).
      if (this.#authentication === undefined) await this.#untilSilent(this.#challenged.promise, 'AUTH')
      return (await this.#authentication?.done) ?? false
    } catch {
      return false
    }
  }

  async #authenticate(challenge: string): Promise<void> {
    const signer = this.#signer
    if (signer === undefined || this.#challenges === MAX_CHALLENGES) return
    this.#challenges += 1
    try {
      const tags = [
        ['relay', this.#ownUrl],
        ['challenge', challenge],
      ]
      const template = { kind: KINDS.AUTH, created_at: Math.floor(Date.now() / 1_000), tags, content: '' }
      const event = await finalizeEvent(template, signer)
      const { promise: done, resolve: answer } = Promise.withResolvers<boolean>()
      this.#authentication = { eventId: event.id, answer, done }
      this.#send(JSON.stringify(['AUTH', event]))
      this.#challenged.resolve()
    } catch (error) {
      // A challenge that no event can hold, or a signer that is gone: the relay will say what it refuses for that.
      const cause = error instanceof AppError ? error : undefined
      this.#drop(
        `asks who we are, and we could not sign an answer${cause === undefined ? '' : ` (${cause.code})`}.`,
      )
    }
  }
}
