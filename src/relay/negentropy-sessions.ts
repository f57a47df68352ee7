import type { Audience, EventStore, IdSet } from '../events/index.ts'
import {
  type Filter,
  NegentropyItems,
  negErrorMessage,
  negMessage,
  reason,
  reconcile,
} from '../nostr/index.ts'

/** Time, id, and its share of the checkpoints of sums. */
const BYTES_PER_ITEM = 8 + 32 + 0.5
/** What a session takes besides its items. */
const BYTES_PER_SESSION = 1024
/** Snapshots of all sessions of a thread together. */
const MAX_TOTAL_BYTES = 256 * 1024 * 1024

export interface NegentropySessionLimits {
  /** Events that a session may be about. */
  readonly maxRecords: number
  /** Sessions of one connection. */
  readonly maxSessions: number
  /** Of an answer before it is written as hex. */
  readonly maxFrameBytes: number
  /** A session that was quiet for so long is ended. */
  readonly idleSeconds: number
}

export interface NegentropySessionsDeps<Connection> {
  readonly store: Pick<EventStore, 'idSet'>
  readonly nowMs: () => number
  readonly limits: NegentropySessionLimits
  readonly send: (connection: Connection, text: string) => void
  /** Of all snapshots together, in bytes; 256 MiB when absent. */
  readonly maxTotalBytes?: number
}

interface OpenMessage {
  readonly id: string
  readonly filter: Filter
  readonly message: Uint8Array
}

interface Opening extends OpenMessage {
  readonly audience: Audience | undefined
}

interface NegentropySession<Connection> {
  readonly connection: Connection
  readonly id: string
  lastUsedMs: number
  bytes: number
  /** Undefined until the store has answered. */
  items: NegentropyItems | undefined
  isEnded: boolean
}

/**
 * The reconciliations (NIP-77) that clients of this thread have open. Each has a snapshot of the ids that its filter
 * matched when it was opened, so what is stored meanwhile disturbs none. A session ends by NEG-CLOSE, by a NEG-OPEN of
 * the same id, by any NEG-ERR, by being idle, or with its connection; its snapshot is let go then.
 *
 * Snapshots are taken one after the other, so that no more than one of them is beyond the bound on memory.
 */
export class NegentropySessions<Connection> {
  readonly #deps: NegentropySessionsDeps<Connection>
  readonly #maxTotalBytes: number
  #limits: NegentropySessionLimits
  readonly #byConnection = new Map<Connection, Map<string, NegentropySession<Connection>>>()
  /** All of them, the longest idle first. */
  readonly #byUse = new Set<NegentropySession<Connection>>()
  /** Those that wait for their snapshot, in their order; as many as there are sessions at most. */
  readonly #waiting = new Map<NegentropySession<Connection>, Opening>()
  #isReading = false
  #bytes = 0

  constructor(deps: NegentropySessionsDeps<Connection>) {
    this.#deps = deps
    this.#limits = deps.limits
    this.#maxTotalBytes = deps.maxTotalBytes ?? MAX_TOTAL_BYTES
  }

  /** Open sessions. */
  get size(): number {
    return this.#byUse.size
  }

  /** Memory that their snapshots take. */
  get bytes(): number {
    return this.#bytes
  }

  /** Sessions that wait for their snapshot. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** From now on; sessions that are open keep their snapshots. */
  configure(limits: NegentropySessionLimits): void {
    this.#limits = limits
  }

  /**
   * NEG-OPEN. Its answer is sent when the store has given the set.
   *
   * @param audience who asks; absent for whoever may see everything.
   */
  open(connection: Connection, opening: OpenMessage, audience?: Audience): void {
    const { id, filter } = opening
    this.close(connection, id)
    const { maxSessions } = this.#limits
    if (filter.search !== undefined) {
      this.refuse(connection, id, reason('unsupported', 'a search has no set that could be reconciled'))
    } else if (this.#countOf(connection) >= maxSessions) {
      this.refuse(connection, id, reason('blocked', `at most ${maxSessions} sets are reconciled at a time`))
    } else {
      this.#waiting.set(this.#add(connection, id), { ...opening, audience })
      this.#readNext()
    }
  }

  /** NEG-MSG. */
  message(
    connection: Connection,
    { id, message }: { readonly id: string; readonly message: Uint8Array },
  ): void {
    const session = this.#byConnection.get(connection)?.get(id)
    if (session === undefined)
      this.refuse(connection, id, reason('closed', 'no reconciliation of this id is open'))
    else if (session.items === undefined) {
      this.refuse(connection, id, reason('invalid', 'the message before is not answered yet'))
    } else this.#answer(session, session.items, message)
  }

  /** NEG-CLOSE; what is not open is not missed. */
  close(connection: Connection, id: string): void {
    const session = this.#byConnection.get(connection)?.get(id)
    if (session !== undefined) this.#end(session)
  }

  /** Says NEG-ERR, which ends the session of this id if there is one. */
  refuse(connection: Connection, id: string, text: string, maxRecords?: number): void {
    this.close(connection, id)
    this.#deps.send(connection, negErrorMessage(id, text, maxRecords))
  }

  /** The connection is gone. */
  forget(connection: Connection): void {
    for (const session of this.#byConnection.get(connection)?.values() ?? []) this.#end(session)
  }

  /** Ends what was idle for too long; to be called now and then. Returns how many that were. */
  endIdle(): number {
    const { idleSeconds } = this.#limits
    const endsBeforeMs = this.#deps.nowMs() - idleSeconds * 1_000
    let ended = 0
    for (const session of this.#byUse) {
      if (session.lastUsedMs > endsBeforeMs) break
      this.refuse(
        session.connection,
        session.id,
        reason('closed', `idle for more than ${idleSeconds} seconds`),
      )
      ended += 1
    }
    return ended
  }

  #countOf(connection: Connection): number {
    return this.#byConnection.get(connection)?.size ?? 0
  }

  #add(connection: Connection, id: string): NegentropySession<Connection> {
    const session = {
      connection,
      id,
      lastUsedMs: this.#deps.nowMs(),
      bytes: 0,
      items: undefined,
      isEnded: false,
    }
    const sessions = this.#byConnection.get(connection) ?? new Map<string, NegentropySession<Connection>>()
    this.#byConnection.set(connection, sessions.set(id, session))
    this.#byUse.add(session)
    this.#occupy(session, BYTES_PER_SESSION)
    return session
  }

  #end(session: NegentropySession<Connection>): void {
    const { connection, id } = session
    session.isEnded = true
    session.items = undefined
    this.#occupy(session, 0)
    this.#waiting.delete(session)
    this.#byUse.delete(session)
    const sessions = this.#byConnection.get(connection)
    sessions?.delete(id)
    if (sessions?.size === 0) this.#byConnection.delete(connection)
  }

  #occupy(session: NegentropySession<Connection>, bytes: number): void {
    this.#bytes += bytes - session.bytes
    session.bytes = bytes
  }

  /** Takes the snapshots that wait, until one of them has to be waited for. */
  #readNext(): void {
    while (!this.#isReading) {
      const [next] = this.#waiting
      if (next === undefined) return
      const [session, opening] = next
      this.#waiting.delete(session)
      this.#read(session, opening)
    }
  }

  #read(session: NegentropySession<Connection>, opening: Opening): void {
    const { store, nowMs } = this.#deps
    const { maxRecords } = this.#limits
    const roomForItems = Math.floor(Math.max(0, this.#maxTotalBytes - this.#bytes) / BYTES_PER_ITEM)
    const maxIds = Math.min(maxRecords, roomForItems)
    try {
      const set = store.idSet(opening.filter, maxIds, Math.floor(nowMs() / 1_000), opening.audience)
      if (set instanceof Promise) void this.#startWhenRead(session, opening, maxIds, set)
      else this.#start(session, opening, maxIds, set)
    } catch {
      this.#fail(session)
    }
  }

  async #startWhenRead(
    session: NegentropySession<Connection>,
    opening: Opening,
    maxIds: number,
    reading: Promise<IdSet | undefined>,
  ): Promise<void> {
    this.#isReading = true
    try {
      this.#start(session, opening, maxIds, await reading)
    } catch {
      this.#fail(session)
    } finally {
      this.#isReading = false
      this.#readNext()
    }
  }

  #start(
    session: NegentropySession<Connection>,
    { message }: Opening,
    maxIds: number,
    set: IdSet | undefined,
  ): void {
    if (session.isEnded) return
    if (set === undefined) this.#refuseSet(session, maxIds)
    else {
      session.items = new NegentropyItems(set)
      this.#occupy(session, BYTES_PER_SESSION + session.items.size * BYTES_PER_ITEM)
      this.#answer(session, session.items, message)
    }
  }

  #refuseSet({ connection, id }: NegentropySession<Connection>, maxIds: number): void {
    const { maxRecords } = this.#limits
    if (maxIds < maxRecords) {
      this.refuse(
        connection,
        id,
        reason('error', 'other reconciliations take all the memory, try again later'),
      )
      return
    }
    const text = `the filter matches more than ${maxRecords} events, divide it by time`
    this.refuse(connection, id, reason('blocked', text), maxRecords)
  }

  /** The store is closing, its thread is gone or the disk does not answer; it has said why in the log. */
  #fail(session: NegentropySession<Connection>): void {
    if (session.isEnded) return
    this.refuse(
      session.connection,
      session.id,
      reason('error', 'the events could not be read, try again later'),
    )
  }

  #answer(session: NegentropySession<Connection>, items: NegentropyItems, message: Uint8Array): void {
    const { connection, id } = session
    session.lastUsedMs = this.#deps.nowMs()
    this.#byUse.delete(session)
    this.#byUse.add(session)
    const answer = reconcile(items, message, this.#limits)
    if (answer.ok) this.#deps.send(connection, negMessage(id, answer.value))
    else this.refuse(connection, id, reason('invalid', answer.refusal))
  }
}
