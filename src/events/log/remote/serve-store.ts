import type { MessagePort } from 'node:worker_threads'
import type { IdSet } from '../../store.ts'
import type { LogPage } from '../log-cursor.ts'
import type { LogStore } from '../log-store.ts'
import type { LogQuery } from '../search/open-query.ts'
import { type SlicedTask, TaskTurns } from '../sliced-task.ts'
import { Outbox } from './outbox.ts'
import { type StoreReply, type StoreRequest, unpackEvents } from './protocol.ts'

const STATS_INTERVAL_MS = 1_000

/** Serves a store to other threads, each by its own port, until one of them closes it. */
export function serveLogStore(store: LogStore, ports: readonly MessagePort[], onClosed: () => void): void {
  const turns = new TaskTurns()
  const servers = ports.map((port) => new StoreServer(store, port, turns, () => close()))
  const stats = setInterval(() => {
    for (const server of servers) server.tellStats()
  }, STATS_INTERVAL_MS)
  const close = () => {
    clearInterval(stats)
    onClosed()
  }
}

class StoreServer {
  readonly #store: LogStore
  readonly #outbox: Outbox<StoreReply>
  readonly #turns: TaskTurns
  readonly #cursors = new Map<number, LogQuery>()
  readonly #onClosed: () => void
  #areStatsDue = false

  constructor(store: LogStore, port: MessagePort, turns: TaskTurns, onClosed: () => void) {
    this.#store = store
    this.#turns = turns
    this.#onClosed = onClosed
    this.#outbox = new Outbox(port)
    const stopSharing = store.share((message) => this.#outbox.push({ reply: 'sharing', message }))
    this.tellStats()
    port.on('message', (requests: readonly StoreRequest[]) => {
      for (const request of requests) this.#receive(request)
    })
    port.on('close', () => {
      stopSharing()
      this.#cursors.clear()
    })
  }

  tellStats(): void {
    this.#outbox.push({ reply: 'stats', stats: this.#store.stats() })
  }

  /** Once for everything that changes in this turn. */
  #tellStatsSoon(): void {
    if (this.#areStatsDue) return
    this.#areStatsDue = true
    queueMicrotask(() => {
      this.#areStatsDue = false
      this.tellStats()
    })
  }

  #receive(request: StoreRequest): void {
    try {
      this.#answer(request)
    } catch (error) {
      this.#fail(request.id, error)
    }
  }

  #answer(request: StoreRequest): void {
    const { id } = request
    switch (request.ask) {
      case 'put':
        this.#reply(id, this.#store.put(unpackEvents(request.batch), request.nowSeconds), (outcomes) => ({
          reply: 'outcomes',
          id,
          outcomes,
        }))
        return
      case 'has':
        this.#outbox.push({ reply: 'value', id, value: this.#store.has(request.event) ? 1 : 0 })
        return
      case 'query':
        this.#cursors.set(id, this.#store.query(request.filters, request.nowSeconds, request.audience))
        return
      case 'next':
        this.#turns.add(() => this.#sendPage(id, request.maxEvents))
        return
      case 'drop':
        this.#cursors.delete(id)
        return
      case 'count': {
        const { filters, nowSeconds, audience } = request
        const task = this.#store.openCount(filters, nowSeconds, audience)
        this.#takeTurns(id, task, (value) => this.#outbox.push({ reply: 'value', id, value }))
        return
      }
      case 'sketch': {
        const { filter, offset, nowSeconds, audience } = request
        const task = this.#store.openSketch(filter, offset, nowSeconds, audience)
        this.#takeTurns(id, task, (sketch) => this.#outbox.push({ reply: 'sketch', id, sketch }))
        return
      }
      case 'id-set': {
        const { filter, maxIds, nowSeconds, audience } = request
        const task = this.#store.openIdSet(filter, maxIds, nowSeconds, audience)
        this.#takeTurns(id, task, (idSet) => this.#pushIdSet(id, idSet))
        return
      }
      case 'remove':
        this.#replyValue(id, this.#store.remove(request.events))
        return
      case 'sweep':
        this.#replyValue(id, this.#store.sweepExpired(request.nowSeconds))
        return
      case 'close':
        this.#replyValue(id, this.#closeStore())
    }
  }

  /** One slice is one page: a reader that wants more asks again. */
  #sendPage(id: number, maxEvents: number): boolean {
    const cursor = this.#cursors.get(id)
    if (cursor === undefined) {
      this.#fail(id, new Error('the query is not open'))
      return true
    }
    try {
      this.#pushPage(id, cursor.next(maxEvents))
    } catch (error) {
      this.#cursors.delete(id)
      this.#fail(id, error)
    }
    return true
  }

  #pushPage(id: number, page: LogPage): void {
    if (page.done) this.#cursors.delete(id)
    const { done, snapshotSeq } = page
    this.#outbox.push({ reply: 'page', id, page: { places: page.places(), done, snapshotSeq } })
  }

  #takeTurns<T>(id: number, task: SlicedTask<T>, answer: (value: T) => void): void {
    this.#turns.add(() => {
      try {
        if (!task.step()) return false
        answer(task.value)
      } catch (error) {
        this.#fail(id, error)
      }
      return true
    })
  }

  #pushIdSet(id: number, idSet: IdSet | undefined): void {
    const memory = idSet === undefined ? [] : [idSet.createdAt.buffer, idSet.ids.buffer]
    // By its type it could be shared memory, which cannot be handed over.
    const transfer = memory.filter((buffer) => buffer instanceof ArrayBuffer)
    this.#outbox.push({ reply: 'id-set', id, idSet }, transfer)
  }

  async #closeStore(): Promise<number> {
    await this.#store.close()
    setImmediate(() => {
      this.#outbox.flush()
      this.#onClosed()
    })
    return 1
  }

  #replyValue(id: number, working: Promise<number>): void {
    this.#reply(id, working, (value) => ({ reply: 'value', id, value }))
  }

  #reply<T>(id: number, working: Promise<T>, reply: (value: T) => StoreReply): void {
    working.then(
      (value) => {
        this.#outbox.push(reply(value))
        this.#tellStatsSoon()
      },
      (error: unknown) => this.#fail(id, error),
    )
  }

  #fail(id: number, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    this.#outbox.push({ reply: 'failed', id, message })
  }
}
