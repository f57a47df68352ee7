import type { MessagePort } from 'node:worker_threads'
import { AppError } from '../../../kernel/index.ts'
import type { Filter } from '../../../nostr/index.ts'
import type { Audience } from '../../audience.ts'
import type {
  CountSketch,
  EventCursor,
  EventPage,
  EventStore,
  IdSet,
  PutOutcome,
  StoreStats,
} from '../../store.ts'
import { idPrefixAt } from '../event-bytes.ts'
import { IdFilter } from '../id-filter.ts'
import type { SharingMessage } from '../log-store.ts'
import { SegmentBytes } from '../segment-bytes.ts'
import { Outbox } from './outbox.ts'
import { type PagePlaces, packEvents, type StoreReply, type StoreRequest } from './protocol.ts'

const WRONG_ANSWER = 'The store answered with something else.'

type Answer = (reply: StoreReply) => void

/**
 * The event store as another thread sees it: requests travel in batches to the thread that owns the store, events
 * are read straight from the memory it shares.
 */
export class RemoteStore implements EventStore {
  readonly #port: MessagePort
  readonly #outbox: Outbox<StoreRequest>
  readonly #waiting = new Map<number, Answer>()
  readonly #segments = new Map<number, SegmentBytes>()
  #ids: IdFilter | undefined
  #stats: StoreStats = { events: 0, diskBytes: 0, memoryBytes: 0, lastSeq: 0 }
  #lastId = 0
  #ready = Promise.withResolvers<void>()
  #closedBecause: string | undefined

  /** @param port the other end of one that `serveLogStore` was given. */
  constructor(port: MessagePort) {
    this.#port = port
    this.#outbox = new Outbox(port)
    port.on('message', (replies: readonly StoreReply[]) => {
      for (const reply of replies) this.#receive(reply)
    })
    // Whoever does not wait for it need not hear that it failed.
    this.#ready.promise.catch(() => {})
    port.on('close', () => this.#fail('the thread of the event store is gone'))
    // Whoever does not wait for it hears of the failure by its first request.
    this.#ready.promise.catch(() => {})
  }

  /** Resolves when the store has told what it holds and shares; rejects when it could not be opened. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  async put(batch: readonly Uint8Array[], nowSeconds: number): Promise<readonly PutOutcome[]> {
    const packed = packEvents(batch)
    const transfer = [packed.bytes.buffer, packed.lengths.buffer]
    const reply = await this.#ask((id) => ({ ask: 'put', id, batch: packed, nowSeconds }), transfer)
    return reply.reply === 'outcomes' ? reply.outcomes : []
  }

  has(id: string): boolean | Promise<boolean> {
    const bytes = Buffer.from(id, 'latin1')
    // Most ids are new, and then the filter says so without asking the other thread.
    if (this.#ids !== undefined && !this.#ids.mayHave(idPrefixAt(bytes, 0))) return false
    return this.#askValue((request) => ({ ask: 'has', id: request, event: id })).then((value) => value === 1)
  }

  query(filters: readonly Filter[], nowSeconds: number, audience?: Audience): EventCursor {
    const id = ++this.#lastId
    let isDone = false
    this.#outbox.push({ ask: 'query', id, filters, nowSeconds, audience })
    return {
      next: (maxEvents) =>
        this.#askAs(id, { ask: 'next', id, maxEvents }, undefined, (reply) => {
          if (reply.reply !== 'page')
            throw new AppError('INTERNAL', 'The store answered a query with no page.')
          isDone = reply.page.done
          return new RemotePage(reply.page, this.#segments)
        }),
      close: () => {
        if (!isDone && this.#closedBecause === undefined) this.#outbox.push({ ask: 'drop', id })
      },
    }
  }

  count(filters: readonly Filter[], nowSeconds: number, audience?: Audience): Promise<number> {
    return this.#askValue((id) => ({ ask: 'count', id, filters, nowSeconds, audience }))
  }

  async sketch(
    filter: Filter,
    offset: number,
    nowSeconds: number,
    audience?: Audience,
  ): Promise<CountSketch> {
    const reply = await this.#ask((id) => ({ ask: 'sketch', id, filter, offset, nowSeconds, audience }))
    if (reply.reply !== 'sketch') throw new AppError('INTERNAL', WRONG_ANSWER)
    return reply.sketch
  }

  async idSet(
    filter: Filter,
    maxIds: number,
    nowSeconds: number,
    audience?: Audience,
  ): Promise<IdSet | undefined> {
    const reply = await this.#ask((id) => ({ ask: 'id-set', id, filter, maxIds, nowSeconds, audience }))
    if (reply.reply !== 'id-set') throw new AppError('INTERNAL', WRONG_ANSWER)
    return reply.idSet
  }

  remove(ids: readonly string[]): Promise<number> {
    return this.#askValue((id) => ({ ask: 'remove', id, events: ids }))
  }

  sweepExpired(nowSeconds: number): Promise<number> {
    return this.#askValue((id) => ({ ask: 'sweep', id, nowSeconds }))
  }

  /** Requests that are not answered yet. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** As of at most a second ago. */
  stats(): StoreStats {
    return this.#stats
  }

  /** Lets go of this end; the store lives on for the others. */
  async close(): Promise<void> {
    this.#fail('the event store is closed')
    this.#port.close()
  }

  /** Closes the store itself, for everybody. */
  async closeStore(): Promise<void> {
    await this.#askValue((id) => ({ ask: 'close', id }))
    await this.close()
  }

  #receive(reply: StoreReply): void {
    if (reply.reply === 'sharing') this.#share(reply.message)
    else if (reply.reply === 'stats') {
      this.#stats = reply.stats
      this.#ready.resolve()
    } else {
      const answer = this.#waiting.get(reply.id)
      this.#waiting.delete(reply.id)
      answer?.(reply)
    }
  }

  #share(message: SharingMessage): void {
    switch (message.kind) {
      case 'ids':
        this.#ids = new IdFilter(message.filter)
        return
      case 'segment':
        this.#segments.get(message.segment.id)?.close()
        this.#segments.set(message.segment.id, new SegmentBytes(message.segment))
        return
      case 'retired':
        this.#segments.get(message.id)?.close()
        this.#segments.delete(message.id)
    }
  }

  async #askValue(request: (id: number) => StoreRequest): Promise<number> {
    const reply = await this.#ask(request)
    if (reply.reply !== 'value') throw new AppError('INTERNAL', WRONG_ANSWER)
    return reply.value
  }

  #ask(request: (id: number) => StoreRequest, transfer?: readonly ArrayBuffer[]): Promise<StoreReply> {
    const id = ++this.#lastId
    return this.#askAs(id, request(id), transfer, (reply) => reply)
  }

  /** @param read makes the answer of the reply, at the moment when it comes. */
  #askAs<T>(
    id: number,
    request: StoreRequest,
    transfer: readonly ArrayBuffer[] | undefined,
    read: (reply: StoreReply) => T,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closedBecause !== undefined) {
        reject(closed(this.#closedBecause))
        return
      }
      this.#waiting.set(id, (reply) => {
        if (reply.reply === 'failed') {
          reject(closed(reply.message))
          return
        }
        try {
          resolve(read(reply))
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
        }
      })
      this.#outbox.push(request, transfer)
    })
  }

  /** Everything that waits for an answer gets to know that there will be none. */
  #fail(message: string): void {
    this.#closedBecause ??= message
    this.#ready.reject(closed(message))
    this.#ready.reject(new AppError('STORE_CLOSED', `The event store cannot be used: ${message}.`))
    for (const [id, answer] of this.#waiting) answer({ reply: 'failed', id, message })
    this.#waiting.clear()
  }
}

/** A page of places, read from shared memory. */
class RemotePage implements EventPage {
  readonly done: boolean
  readonly snapshotSeq: number
  readonly #places: Uint32Array
  /** Each event's segment. Looked up at once: what comes behind the page may say that a segment is retired. */
  readonly #segments: readonly (SegmentBytes | undefined)[]

  constructor({ places, done, snapshotSeq }: PagePlaces, segments: ReadonlyMap<number, SegmentBytes>) {
    this.#places = places
    this.#segments = Array.from({ length: places.length / 3 }, (_, index) => segments.get(places[index * 3]!))
    this.done = done
    this.snapshotSeq = snapshotSeq
  }

  get count(): number {
    return this.#places.length / 3
  }

  byteLengthAt(index: number): number {
    return this.#places[index * 3 + 2]!
  }

  viewAt(index: number): Buffer {
    const { buffer, start, end } = this.#locate(index)
    return buffer.subarray(start, end)
  }

  copyAt(index: number, target: Buffer, at: number): number {
    const { buffer, start, end } = this.#locate(index)
    return buffer.copy(target, at, start, end)
  }

  #locate(index: number): { readonly buffer: Buffer; readonly start: number; readonly end: number } {
    const segment = this.#segments[index]
    if (segment === undefined) throw new AppError('INTERNAL', 'A page names a segment that was not shared.')
    const start = this.#places[index * 3 + 1]!
    const end = start + this.#places[index * 3 + 2]!
    segment.ensure(start, end)
    return { buffer: segment.buffer, start, end }
  }
}

function closed(message: string): AppError {
  return new AppError('STORE_CLOSED', `The event store cannot answer: ${message}.`)
}
