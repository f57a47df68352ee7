/**
 * Tells all who watch, by stream or socket: a message is built once for each topic, range and version, however many they
 * are. Who reads slowly misses versions, and never has more than the newest of each topic waiting.
 */
import type { Clock } from '../../../kernel/index.ts'
import type { Logger } from '../../../platform/index.ts'
import type { Range } from '../../ranges.ts'
import type { SourcedSnapshot, StatisticsSource } from '../../snapshot.ts'
import type { LiveMessage } from '../bodies.ts'
import { SnapshotDesk } from '../snapshot-desk.ts'
import { dataOf, type Topic } from './topics.ts'

/** Readers of one process, streams and sockets together, and of them those of one address. */
export const MAX_READERS = 2_000
export const MAX_READERS_OF_ADDRESS = 20
/** A message that is longer is not sent. */
export const MAX_MESSAGE_BYTES = 1024 * 1024

/** One topic of one range. */
export interface Want {
  readonly topic: Topic
  readonly range: Range
}

/** A message as it is, for all. */
export interface LiveText {
  readonly want: Want
  /** JSON of a `LiveMessage`. */
  readonly text: string
  readonly version: string
}

/** Where messages of one reader go. */
export interface Pipe {
  /** False while what was written before is on its way: then `write` is not called until `onFree` is. */
  readonly isFree: () => boolean
  readonly write: (message: LiveText) => void
}

export interface Reader {
  /** Is told the newest at once, if there is any, and then each change. */
  want(want: Want): void
  drop(want: Want): void
  readonly wants: readonly Want[]
  /** To be called when the pipe can take more. */
  onFree(): void
  leave(): void
}

/** What those are told for whom there is no room. */
export const TOO_MANY_READERS = {
  code: 'BUSY',
  text: `too many are watching, or more than ${MAX_READERS_OF_ADDRESS} from your address; ask again later, or poll /stats/overview`,
  retryAfterSeconds: 30,
} as const

export interface LiveHub {
  /** Whether `join` would take one more from this address. */
  hasRoom(address: string): boolean
  /** Undefined when there are too many readers, here or from this address. */
  join(address: string, pipe: Pipe): Reader | undefined
  readonly readers: number
  close(): void
}

export interface LiveHubDeps {
  readonly source: StatisticsSource
  readonly clock: Clock
  readonly logger: Logger
}

export function createLiveHub(deps: LiveHubDeps): LiveHub {
  return new Hub(deps)
}

class Hub implements LiveHub {
  readonly #deps: LiveHubDeps
  readonly #desk: SnapshotDesk
  readonly #readers = new Set<HubReader>()
  readonly #ofAddress = new Map<string, number>()
  /** The newest message of each topic and range that somebody wants. */
  readonly #newest = new Map<string, LiveText>()
  readonly #stopListening: () => void
  #isTelling = false
  #isChanged = false

  constructor(deps: LiveHubDeps) {
    this.#deps = deps
    this.#desk = new SnapshotDesk(deps.source, deps.clock)
    this.#stopListening = deps.source.onChange(() => this.#changed())
  }

  get readers(): number {
    return this.#readers.size
  }

  hasRoom(address: string): boolean {
    return this.#readers.size < MAX_READERS && this.#readersOf(address) < MAX_READERS_OF_ADDRESS
  }

  join(address: string, pipe: Pipe): Reader | undefined {
    if (!this.hasRoom(address)) return undefined
    this.#ofAddress.set(address, this.#readersOf(address) + 1)
    const reader = new HubReader(pipe, {
      wanted: (want) => void this.#tellNewest(reader, want),
      left: () => this.#left(reader, address),
    })
    this.#readers.add(reader)
    return reader
  }

  #readersOf(address: string): number {
    return this.#ofAddress.get(address) ?? 0
  }

  close(): void {
    this.#stopListening()
    this.#desk.close()
    for (const reader of this.#readers) reader.leave()
  }

  #left(reader: HubReader, address: string): void {
    if (!this.#readers.delete(reader)) return
    const left = (this.#ofAddress.get(address) ?? 1) - 1
    if (left === 0) this.#ofAddress.delete(address)
    else this.#ofAddress.set(address, left)
    if (this.#readers.size === 0) this.#newest.clear()
  }

  #changed(): void {
    if (this.#readers.size === 0) return
    this.#isChanged = true
    if (!this.#isTelling) void this.#tellAll()
  }

  /** Never rejects: what the source cannot say now it says with the next change. */
  async #tellAll(): Promise<void> {
    this.#isTelling = true
    try {
      while (this.#isChanged) {
        this.#isChanged = false
        for (const [range, topics] of this.#wanted()) await this.#tellRange(range, topics)
      }
    } catch (err) {
      this.#deps.logger.warn({ err }, 'observatory.live_not_told')
    } finally {
      this.#isTelling = false
    }
  }

  async #tellRange(range: Range, topics: ReadonlySet<Topic>): Promise<void> {
    const sourced = await this.#desk.current(range)
    if (sourced === undefined) return
    for (const topic of topics) {
      const message = this.#message({ topic, range }, sourced)
      if (message !== undefined) for (const reader of this.#readers) reader.offer(message)
    }
  }

  async #tellNewest(reader: HubReader, want: Want): Promise<void> {
    try {
      const sourced = await this.#desk.current(want.range)
      const message = sourced === undefined ? undefined : this.#message(want, sourced)
      if (message !== undefined) reader.offer(message)
    } catch (err) {
      this.#deps.logger.warn({ err }, 'observatory.live_not_told')
    }
  }

  #wanted(): ReadonlyMap<Range, ReadonlySet<Topic>> {
    const wanted = new Map<Range, Set<Topic>>()
    for (const reader of this.#readers) {
      for (const { range, topic } of reader.wants) {
        const topics = wanted.get(range) ?? new Set()
        wanted.set(range, topics.add(topic))
      }
    }
    return wanted
  }

  /** The same object as long as it says the same, so that nobody is told twice. Undefined when it is too long. */
  #message(want: Want, sourced: SourcedSnapshot): LiveText | undefined {
    const name = nameOf(want)
    const before = this.#newest.get(name)
    if (before?.version === sourced.version) return before
    const message: LiveMessage = { ...want, data: dataOf(want.topic, sourced) }
    const text = JSON.stringify(message)
    if (Buffer.byteLength(text) > MAX_MESSAGE_BYTES) {
      this.#deps.logger.warn({ ...want, bytes: Buffer.byteLength(text) }, 'observatory.live_too_long')
      return undefined
    }
    if (before?.text === text) return before
    const made: LiveText = { want, text, version: sourced.version }
    this.#newest.set(name, made)
    return made
  }
}

interface ReaderEvents {
  readonly wanted: (want: Want) => void
  readonly left: () => void
}

class HubReader implements Reader {
  readonly #pipe: Pipe
  readonly #events: ReaderEvents
  readonly #wants = new Map<string, Want>()
  /** What was sent last of each. */
  readonly #told = new Map<string, LiveText>()
  /** The newest of each that waits for the pipe; an older one is replaced. */
  readonly #waiting = new Map<string, LiveText>()
  #hasLeft = false

  constructor(pipe: Pipe, events: ReaderEvents) {
    this.#pipe = pipe
    this.#events = events
  }

  get wants(): readonly Want[] {
    return [...this.#wants.values()]
  }

  want(want: Want): void {
    const name = nameOf(want)
    if (this.#hasLeft || this.#wants.has(name)) return
    this.#wants.set(name, want)
    this.#events.wanted(want)
  }

  drop(want: Want): void {
    const name = nameOf(want)
    this.#wants.delete(name)
    this.#told.delete(name)
    this.#waiting.delete(name)
  }

  offer(message: LiveText): void {
    const name = nameOf(message.want)
    if (this.#hasLeft || !this.#wants.has(name) || this.#told.get(name) === message) return
    if (this.#pipe.isFree()) this.#write(name, message)
    else this.#waiting.set(name, message)
  }

  onFree(): void {
    for (const [name, message] of this.#waiting) {
      if (this.#hasLeft || !this.#pipe.isFree()) return
      this.#waiting.delete(name)
      this.#write(name, message)
    }
  }

  leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#waiting.clear()
    this.#events.left()
  }

  #write(name: string, message: LiveText): void {
    this.#told.set(name, message)
    this.#pipe.write(message)
  }
}

function nameOf({ topic, range }: Want): string {
  return `${range} ${topic}`
}
