/** A client that pipelines: it sends without waiting, and each EVENT gets its own answer. */
import { WebSocket } from 'ws'
import { isWireEvent, type WireEvent } from '../conformance/kit/event.ts'
import { type Author, eventBy } from './authors.ts'

/** A local relay that says nothing for so long will not. */
const ANSWER_TIMEOUT_MS = 60_000

/** The OK for an EVENT. */
export interface Answer {
  readonly isAccepted: boolean
  readonly text: string
}

export class EventClient {
  /** The close code, once the connection has ended. */
  readonly ended: Promise<number>
  /** EVENTs that are not answered yet. */
  readonly #unanswered = new Map<string, (answer: Answer | undefined) => void>()
  readonly #queries = new Map<string, Query>()
  readonly #socket: WebSocket
  #queryCount = 0
  #challenge: string | undefined

  private constructor(socket: WebSocket) {
    this.#socket = socket
    // A reset is an end like any other; the code tells.
    socket.on('error', () => undefined)
    socket.on('message', (data) => this.#read(String(data)))
    this.ended = new Promise((resolve) => {
      socket.on('close', (code) => {
        this.#end(code)
        resolve(code)
      })
    })
  }

  static open(url: string): Promise<EventClient> {
    const socket = new WebSocket(url, { perMessageDeflate: false })
    const client = new EventClient(socket)
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(client))
      socket.once('error', reject)
    })
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  /** EVENTs that are on their way or in work. */
  get unanswered(): number {
    return this.#unanswered.size
  }

  /** Sends EVENT; resolves to its OK, or to undefined when the connection ends first. */
  publish(event: WireEvent): Promise<Answer | undefined> {
    if (!this.isOpen) return Promise.resolve(undefined)
    const answered = new Promise<Answer | undefined>((resolve) => this.#unanswered.set(event.id, resolve))
    this.#socket.send(JSON.stringify(['EVENT', event]))
    return inTime(answered, `OK for ${event.id}`)
  }

  /** REQ until EOSE. Throws on CLOSED, and when the connection ends. */
  query(...filters: readonly unknown[]): Promise<readonly WireEvent[]> {
    const id = `q${++this.#queryCount}`
    const result = new Promise<readonly WireEvent[]>((resolve, reject) => {
      this.#queries.set(id, { events: [], resolve, reject })
    })
    this.#socket.send(JSON.stringify(['REQ', id, ...filters]))
    return inTime(result, `EOSE for ${id}`)
  }

  /** Proves a key (NIP-42). Asks for what needs one when the relay has sent no challenge yet. */
  async authenticate(author: Author, relayUrl: string): Promise<void> {
    if (this.#challenge === undefined) await this.query({ kinds: [1059] }).catch(() => undefined)
    const tags = [
      ['relay', relayUrl],
      ['challenge', this.#challenge ?? ''],
    ]
    const event = eventBy(author, { kind: 22_242, tags })
    const answered = new Promise<Answer | undefined>((resolve) => this.#unanswered.set(event.id, resolve))
    this.#socket.send(JSON.stringify(['AUTH', event]))
    const answer = await inTime(answered, 'OK for AUTH')
    if (answer?.isAccepted !== true) throw new Error(`AUTH was refused: ${answer?.text}`)
  }

  /** REQ that stays open; the list grows as events come, stored and live. Resolves at EOSE. */
  async watch(filter: unknown): Promise<WireEvent[]> {
    const id = `w${++this.#queryCount}`
    const seen: WireEvent[] = []
    const begun = new Promise<readonly WireEvent[]>((resolve, reject) => {
      this.#queries.set(id, { events: seen, resolve, reject, isWatched: true })
    })
    this.#socket.send(JSON.stringify(['REQ', id, filter]))
    await inTime(begun, `EOSE for ${id}`)
    return seen
  }

  close(): void {
    this.#socket.terminate()
  }

  #read(text: string): void {
    const message: unknown = JSON.parse(text)
    if (!Array.isArray(message)) throw new Error(`not a message: ${text}`)
    const [verb, id, value, reason]: unknown[] = message
    if (verb === 'AUTH') this.#challenge = String(id)
    if (verb === 'OK') {
      this.#unanswered.get(String(id))?.({ isAccepted: value === true, text: String(reason) })
      this.#unanswered.delete(String(id))
      return
    }
    const query = this.#queries.get(String(id))
    if (verb === 'EVENT' && isWireEvent(value)) query?.events.push(value)
    if (verb !== 'EOSE' && verb !== 'CLOSED') return
    if (verb === 'EOSE' && query?.isWatched === true) {
      query.resolve(query.events)
      return
    }
    this.#queries.delete(String(id))
    if (verb === 'CLOSED') query?.reject(new Error(`CLOSED: ${String(value)}`))
    else query?.resolve(query.events)
    if (verb === 'EOSE') this.#socket.send(JSON.stringify(['CLOSE', id]))
  }

  #end(code: number): void {
    for (const resolve of this.#unanswered.values()) resolve(undefined)
    for (const { reject } of this.#queries.values()) reject(new Error(`the connection ended with ${code}`))
    this.#unanswered.clear()
    this.#queries.clear()
  }
}

interface Query {
  readonly events: WireEvent[]
  readonly resolve: (events: readonly WireEvent[]) => void
  readonly reject: (error: Error) => void
  /** It stays open after EOSE. */
  readonly isWatched?: boolean
}

function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no ${what} within ${ANSWER_TIMEOUT_MS} ms`)),
      ANSWER_TIMEOUT_MS,
    )
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
