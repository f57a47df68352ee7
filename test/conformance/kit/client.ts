/** A raw WebSocket client: it sends what it is told, and keeps every frame in the order of arrival. */
import { type ClientOptions, WebSocket } from 'ws'
import { isWireEvent, type WireEvent } from './event.ts'
import { checkPrefix } from './prefix.ts'
import { randomHex } from './sign.ts'
import type { Transcript } from './transcript.ts'
import { check, fail, shorten, sleep } from './verdict.ts'

export type Message = readonly unknown[]

interface Received {
  readonly text: string
  /** Undefined when the frame was no JSON array. */
  readonly message: Message | undefined
  /** A frame answers one question only: what was awaited once is not found again. */
  isTaken: boolean
}

export interface ClientContext {
  readonly name: string
  readonly transcript: Transcript
  /** How long an expected frame may take. */
  readonly answerMs: number
  /** How long nothing must come before "nothing came" is believed. */
  readonly quietMs: number
}

/** The answer to an EVENT or AUTH: `["OK", id, isAccepted, text]`. */
export interface Ok {
  readonly isAccepted: boolean
  readonly text: string
}

/** What came between a REQ and its end. */
export interface Answer {
  readonly events: readonly WireEvent[]
  /** The frames that carried `events`, as text. */
  readonly texts: readonly string[]
  /** The reason given when the relay ended the REQ with CLOSED instead of EOSE. */
  readonly closed: string | undefined
  /** What EOSE carried besides the id: the hints of NIP-67. */
  readonly hints: readonly unknown[]
}

export class Client {
  readonly socket: WebSocket
  readonly name: string
  readonly received: Received[] = []
  /** Set once the connection has ended. */
  ended: { readonly code: number; readonly reason: string } | undefined
  readonly #context: ClientContext
  readonly #wakers = new Set<() => void>()
  #subscriptions = 0

  constructor(socket: WebSocket, context: ClientContext) {
    this.socket = socket
    this.name = context.name
    this.#context = context
    socket.on('message', (data, isBinary) => this.#onFrame(data.toString(), isBinary))
    socket.on('close', (code, reason) => this.#onEnd(code, reason.toString()))
    socket.on('error', (error) => context.transcript.remark(context.name, `socket error: ${error.message}`))
  }

  /** Sends one message as JSON. */
  send(message: Message): void {
    this.sendText(JSON.stringify(message))
  }

  /** Sends one text frame as it is. */
  sendText(text: string): void {
    this.#context.transcript.sent(this.name, text)
    this.socket.send(text)
  }

  /** The first frame that matches and was not taken before; fails the row when none comes in time. */
  async expect(what: string, matches: (message: Message) => boolean, timeoutMs?: number): Promise<Message> {
    const waitMs = timeoutMs ?? this.#context.answerMs
    const found = await this.find(matches, waitMs)
    if (found !== undefined) return found
    const ended = this.ended === undefined ? '' : `; the connection was closed with ${this.ended.code}`
    return fail(`${this.name}: expected ${what} within ${waitMs} ms${ended}`)
  }

  /** As `expect`, but undefined when nothing matches in time or the connection ends. */
  async find(matches: (message: Message) => boolean, timeoutMs: number): Promise<Message | undefined> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const taken = this.#take(matches)
      if (taken !== undefined) return taken
      const leftMs = deadline - Date.now()
      if (leftMs <= 0 || this.ended !== undefined) return undefined
      await this.#nextChange(leftMs)
    }
  }

  /** Waits until `holds` is true of this client, looking again after each frame; false when time is up. */
  async until(holds: () => boolean, timeoutMs: number): Promise<boolean> {
    const deadline = Date.now() + timeoutMs
    while (!holds()) {
      const leftMs = deadline - Date.now()
      if (leftMs <= 0 || this.ended !== undefined) return holds()
      await this.#nextChange(leftMs)
    }
    return true
  }

  /**
   * Asks for nothing and waits for its EOSE: what was sent before has been handled by then. The author does not
   * exist, lest the fence should catch live events of other rows.
   */
  async fence(): Promise<void> {
    const id = this.#nextId('fence')
    this.send(['REQ', id, { authors: [randomHex()], limit: 0 }])
    await this.expect(`EOSE for ${id}`, endsRequest(id))
    this.send(['CLOSE', id])
  }

  /** The checklist's `R: -`: a fence, the fixed wait, and then no untaken frame may match. */
  async silence(what: string, matches: (message: Message) => boolean): Promise<void> {
    await this.fence()
    await sleep(this.#context.quietMs)
    const found = this.#take(matches)
    check(found === undefined, `${this.name}: ${what}, yet came ${shorten(JSON.stringify(found), 200)}`)
  }

  /** Sends EVENT and returns the OK for its id, whichever way it went. */
  async publish(event: WireEvent): Promise<Ok> {
    this.send(['EVENT', event])
    return this.okFor(event.id)
  }

  async okFor(id: string): Promise<Ok> {
    const message = await this.expect(`["OK","${id.slice(0, 12)}…",…]`, (m) => m[0] === 'OK' && m[1] === id)
    const [, , isAccepted, text] = message
    check(message.length === 4, `OK must have four elements, got ${JSON.stringify(message)}`)
    check(
      typeof isAccepted === 'boolean',
      `the third element of OK must be a boolean: ${JSON.stringify(message)}`,
    )
    check(typeof text === 'string', `the fourth element of OK must be a string: ${JSON.stringify(message)}`)
    return { isAccepted, text }
  }

  /** Publishes events, one after the other; each must be accepted. */
  async accept(...events: readonly WireEvent[]): Promise<void> {
    for (const event of events) {
      const { isAccepted, text } = await this.publish(event)
      check(
        isAccepted,
        `${this.name}: kind ${event.kind} event ${event.id} should be accepted, got "${text}"`,
      )
    }
  }

  /** Publishes an event that must be refused, with one of `prefixes` (any standard one when empty). */
  async refuse(event: WireEvent, prefixes: readonly string[], why: string): Promise<Ok> {
    const ok = await this.publish(event)
    check(!ok.isAccepted, `${why}: should be refused, but was accepted`)
    checkPrefix(ok.text, prefixes, why)
    return ok
  }

  /**
   * Sends text that holds a broken EVENT. It must get `OK` false with `invalid` for `id`, or — when `mayNotice` —
   * a NOTICE, for there may be no id to answer with.
   */
  async refuseText(text: string, id: string, { why, mayNotice }: { why: string; mayNotice: boolean }) {
    this.sendText(text)
    // The id itself may be what is wrong: a relay may answer with it as it would be in lowercase.
    const isForId = (m: Message) => m[0] === 'OK' && String(m[1]).toLowerCase() === id.toLowerCase()
    const isAnswer = (m: Message) => isForId(m) || (mayNotice && m[0] === 'NOTICE')
    const answer = await this.expect(`a refusal (${why})`, isAnswer)
    if (answer[0] === 'NOTICE') return
    check(answer[2] === false, `${why}: should be refused, got ${JSON.stringify(answer)}`)
    checkPrefix(String(answer[3]), ['invalid'], why)
  }

  /** REQ, everything up to EOSE or CLOSED, then CLOSE. */
  async request(...filters: readonly unknown[]): Promise<Answer> {
    const id = this.#nextId('q')
    this.send(['REQ', id, ...filters])
    const answer = await this.endOf(id)
    if (answer.closed === undefined) this.send(['CLOSE', id])
    return answer
  }

  /** The stored events for `filters`; a CLOSED fails the row. */
  async query(...filters: readonly unknown[]): Promise<readonly WireEvent[]> {
    const { events, closed } = await this.request(...filters)
    check(closed === undefined, `${this.name}: expected EOSE, got CLOSED "${closed}" for ${print(filters)}`)
    return events
  }

  /** The REQ must be ended by CLOSED with one of `prefixes`, and by nothing else. */
  async refuseRequest(filters: readonly unknown[], prefixes: readonly string[], why: string): Promise<void> {
    const { closed, events } = await this.request(...filters)
    check(closed !== undefined, `${why}: expected CLOSED, got EOSE and ${events.length} events`)
    checkPrefix(closed, prefixes, why)
  }

  /** Opens a subscription that stays; resolves at its EOSE. */
  async subscribe(id: string, ...filters: readonly unknown[]): Promise<Subscription> {
    this.send(['REQ', id, ...filters])
    const { events, closed } = await this.endOf(id)
    check(closed === undefined, `${this.name}: expected EOSE for ${id}, got CLOSED "${closed}"`)
    return new Subscription(this, id, events)
  }

  /** Waits for the end of the REQ `id` and takes the events that belong to it. */
  async endOf(id: string): Promise<Answer> {
    const end = await this.expect(`EOSE or CLOSED for ${JSON.stringify(id)}`, endsRequest(id))
    // What follows the end is live already, even if it came in the same packet.
    const frames = this.takeEvents(
      id,
      this.received.findIndex((frame) => frame.message === end),
    )
    const closed = end[0] === 'CLOSED' ? String(end[2] ?? '') : undefined
    const hints = end[0] === 'EOSE' ? end.slice(2) : []
    return { events: frames.map((f) => f.event), texts: frames.map((f) => f.text), closed, hints }
  }

  /** Takes the EVENT frames of one subscription that came so far, or before the frame number `before`. */
  takeEvents(
    id: string,
    before = this.received.length,
  ): { readonly event: WireEvent; readonly text: string }[] {
    const isOfId = (m: Message | undefined) => m?.[0] === 'EVENT' && m[1] === id
    const frames = this.received.slice(0, before).filter((frame) => !frame.isTaken && isOfId(frame.message))
    return frames.map((frame) => {
      frame.isTaken = true
      const event = frame.message?.[2]
      check(isWireEvent(event), `EVENT without a whole event: ${shorten(frame.text, 200)}`)
      return { event, text: frame.text }
    })
  }

  /** Sends COUNT and returns its number; undefined when the relay answered CLOSED. */
  async count(...filters: readonly unknown[]): Promise<number | undefined> {
    const result = await this.countResult(...filters)
    return typeof result === 'string' ? undefined : result.count
  }

  /** Sends COUNT; the result object, or the reason given in CLOSED. */
  async countResult(...filters: readonly unknown[]): Promise<{ count: number; hll?: unknown } | string> {
    const id = this.#nextId('count')
    this.send(['COUNT', id, ...filters])
    const isEnd = (m: Message) => (m[0] === 'COUNT' || m[0] === 'CLOSED') && m[1] === id
    const answer = await this.expect(`COUNT or CLOSED for ${id}`, isEnd)
    if (answer[0] === 'CLOSED') return String(answer[2])
    const result = answer[2]
    const isResult = typeof result === 'object' && result !== null && 'count' in result
    check(isResult && typeof result.count === 'number', `COUNT without a number: ${JSON.stringify(answer)}`)
    return { count: result.count, ...('hll' in result ? { hll: result.hll } : {}) }
  }

  /** How many frames, taken or not, match. */
  tally(matches: (message: Message) => boolean): number {
    return this.received.filter((frame) => frame.message !== undefined && matches(frame.message)).length
  }

  /** Waits for the end of the connection. */
  async expectEnd(
    what: string,
    timeoutMs: number,
  ): Promise<{ readonly code: number; readonly reason: string }> {
    await this.until(() => this.ended !== undefined, timeoutMs)
    return this.ended ?? fail(`${this.name}: ${what}: the connection is still open after ${timeoutMs} ms`)
  }

  /** Ends the connection with a proper close frame and waits for it. */
  async close(): Promise<void> {
    this.socket.close()
    await this.until(() => this.ended !== undefined, 1000)
    this.socket.terminate()
  }

  #nextId(word: string): string {
    this.#subscriptions += 1
    return `${word}-${this.name}-${this.#subscriptions}`
  }

  #take(matches: (message: Message) => boolean): Message | undefined {
    const frame = this.received.find((f) => !f.isTaken && f.message !== undefined && matches(f.message))
    if (frame === undefined) return undefined
    frame.isTaken = true
    return frame.message
  }

  #onFrame(text: string, isBinary: boolean): void {
    this.#context.transcript.received(this.name, isBinary ? `(binary) ${text}` : text)
    this.received.push({ text, message: isBinary ? undefined : parseMessage(text), isTaken: false })
    this.#wake()
  }

  #onEnd(code: number, reason: string): void {
    this.#context.transcript.remark(this.name, `connection closed: ${code} ${reason}`)
    this.ended = { code, reason }
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#wakers) wake()
  }

  #nextChange(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#wakers.delete(wake)
        resolve()
      }
      // When our own thread was held up, what came meanwhile is read before time is said to be over.
      const timer = setTimeout(() => setImmediate(wake), timeoutMs)
      this.#wakers.add(wake)
    })
  }
}

/** An open REQ: what it had stored, and what comes live. */
export class Subscription {
  readonly id: string
  readonly stored: readonly WireEvent[]
  readonly #client: Client

  constructor(client: Client, id: string, stored: readonly WireEvent[]) {
    this.#client = client
    this.id = id
    this.stored = stored
  }

  /** The event must arrive live under this subscription's id. */
  async expectEvent(event: WireEvent): Promise<WireEvent> {
    const message = await this.#client.expect(`event ${event.id.slice(0, 12)}… live on ${this.id}`, (m) =>
      isEventFrame(m, this.id, event.id),
    )
    const delivered = message[2]
    return isWireEvent(delivered)
      ? delivered
      : fail(`EVENT without a whole event: ${JSON.stringify(message)}`)
  }

  /** After the fence and the wait no further event may have come under this id. */
  silence(what: string): Promise<void> {
    return this.#client.silence(what, (m) => isEventFrame(m, this.id))
  }

  /** How often the event was sent under this id, since the beginning. */
  timesSeen(event: WireEvent): number {
    return this.#client.tally((m) => isEventFrame(m, this.id, event.id))
  }

  close(): void {
    this.#client.send(['CLOSE', this.id])
  }
}

/** Opens a WebSocket; fails the row when the relay does not take the connection. */
export function openClient(
  url: string,
  context: ClientContext,
  options: ClientOptions = {},
): Promise<Client> {
  const socket = new WebSocket(url, { perMessageDeflate: false, ...options })
  const client = new Client(socket, context)
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(client))
    socket.once('error', (error) => reject(new Error(`cannot connect to ${url}: ${error.message}`)))
  })
}

/** Matches `["EVENT", subscription, event]`, for one event or for any. */
export function isEventFrame(message: Message, subscription: string, eventId?: string): boolean {
  if (message[0] !== 'EVENT' || message[1] !== subscription) return false
  return eventId === undefined || (isWireEvent(message[2]) && message[2].id === eventId)
}

/** Matches the EOSE or CLOSED of one REQ. */
export function endsRequest(id: string): (message: Message) => boolean {
  return (m) => (m[0] === 'EOSE' || m[0] === 'CLOSED') && m[1] === id
}

function parseMessage(text: string): Message | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

function print(filters: readonly unknown[]): string {
  return shorten(JSON.stringify(filters), 200)
}
