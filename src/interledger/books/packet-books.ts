import { randomUUID } from 'node:crypto'
import {
  AppError,
  type Asset,
  createDurations,
  type Durations,
  type ErrorCode,
  noteDuration,
} from '../../kernel/index.ts'
import type {
  PacketAnswer,
  PacketId,
  PacketIntent,
  PacketParty,
  PacketQuestion,
  RecoveryBooks,
  UnresolvedIntent,
  WriteOff,
} from '../books.ts'
import { Answers, answerKey } from './answers.ts'
import { bookingsOf, type PacketAmounts } from './bookings.ts'
import { type CommitDeps, commitGroup, requireMayWrite } from './commit-group.ts'
import type { Group } from './group.ts'
import { GroupLane } from './group-lane.ts'
import { lockJournal, rowsToReplay, rowsWithLosses } from './journal-table.ts'
import { LOSS_WINDOW_MS, Losses } from './losses.ts'
import { accountParty, type Party, packetKey, peerParty } from './parties.ts'
import { type ReplayedPacket, replayRow } from './replay.ts'
import { Tidying } from './tidying.ts'
import { WriteOffs } from './write-offs.ts'

export interface PacketBooksDeps extends CommitDeps {
  /** What packets from and to a peer are counted in; closed peers included. Throws for one that never was. */
  readonly assetOf: (peerId: string) => Asset
  /** How long it can be said what became of a packet. Default `ANSWER_HORIZON_MS`. */
  readonly answerHorizonMs?: number
  /** What was given up is written anew when it lies so many rows back. Default `REWRITE_AFTER_ROWS`. */
  readonly rewriteAfterRows?: bigint
  /** Default `CLOSE_WITHIN_MS`. */
  readonly closeWithinMs?: number
  /** Told once, when nothing can be written any more: the owner ends the node, and another run reads the journal. */
  readonly onFailed?: (error: unknown) => void
}

export interface PacketBooksStats {
  /** Packets whose fate is not known, and how many of them were given up. */
  readonly open: number
  readonly givenUp: number
  /** Entries that wait to be committed. */
  readonly waiting: number
  readonly groups: number
  readonly entries: number
  /** From the begin of a transaction to its commit. */
  readonly committing: Durations
}

/** A packet whose fate is asked for later than this after its expiry is not known any more. */
export const ANSWER_HORIZON_MS = 24 * 3_600_000
/** Rows are kept a little longer than answers are promised. */
const KEPT_LONGER_MS = 3_600_000
/** Intents that may wait to be committed; more are refused. Fulfilments are never: they are fewer than what was intended. */
const MAX_WAITING = 20_000
/**
 * A start reads the journal from the oldest packet whose fate is not known. A peer may leave that open for a day
 * ("pending"): without being written anew, one such packet would make the next start read a day of journal.
 */
const REWRITE_AFTER_ROWS = 10_000n
const CLOSE_WITHIN_MS = 5_000

/**
 * `open`: it was sent, and its fate is not known. `fulfilling` and `giving-up` wait for their commit, and there is no way
 * back. `given-up`: upstream knows that it failed; the peer is still asked. From `open` and `given-up` it may also end.
 */
type PacketState = 'open' | 'fulfilling' | 'giving-up' | 'given-up'

interface Packet {
  readonly key: string
  intent: PacketIntent
  readonly from: Party
  readonly to: Party
  /** The row that tells of it; undefined when none does yet, or when none needs to. */
  row: { readonly seq: bigint | undefined } | undefined
  state: PacketState
  /** Of the state's change. */
  committed: Promise<void> | undefined
}

/**
 * Opens the books: what an earlier run left open is in `unresolved`.
 *
 * @throws AppError LEADERSHIP_LOST, ILP_JOURNAL_DAMAGED.
 */
export async function openPacketBooks(deps: PacketBooksDeps): Promise<DurablePacketBooks> {
  const nowMs = deps.clock.nowMs()
  const packets = new Map<string, ReplayedPacket>()
  const losses = new Losses()
  await deps.db.transaction().execute(async (tx) => {
    await lockJournal(tx)
    await requireMayWrite(deps, tx)
    for await (const { seq, entries } of rowsToReplay(tx)) replayRow(packets, seq, entries)
    for await (const { writtenAtMs, entries } of rowsWithLosses(tx, nowMs - LOSS_WINDOW_MS))
      for (const entry of entries)
        if (entry.kind === 'written-off' && entry.from.party.kind === 'peer')
          losses.add(entry.from.party.peerId, entry.incomingAmount, writtenAtMs)
  })
  return new DurablePacketBooks(deps, packets, losses)
}

export class DurablePacketBooks implements RecoveryBooks {
  readonly unresolved: readonly UnresolvedIntent[]
  readonly #deps: PacketBooksDeps
  readonly #run = randomUUID()
  #numbers = 0
  /** Intents have a lane of their own: they wait for a row, and not for the ledger. */
  readonly #intents: GroupLane
  readonly #postings: GroupLane
  /** Of the intents' lane. */
  #lastSeq = 0n
  readonly #packets = new Map<string, Packet>()
  readonly #answers: Answers
  readonly #writeOffs: WriteOffs
  readonly #peers = new Map<string, Party>()
  readonly #ending = new AbortController()
  #closedBy: AppError | undefined
  readonly #tidying: Tidying
  #closing: Promise<void> | undefined
  #groups = 0
  #entries = 0
  readonly #committing = createDurations()

  constructor(deps: PacketBooksDeps, packets: ReadonlyMap<string, ReplayedPacket>, losses: Losses) {
    this.#deps = deps
    this.#answers = new Answers(deps)
    const lane = (afterwards: (seq: bigint) => void) =>
      new GroupLane({
        nextNumber: () => ++this.#numbers,
        commit: (group) => this.#commit(group, afterwards),
      })
    this.#intents = lane((seq) => {
      this.#lastSeq = seq
    })
    this.#postings = lane(() => {})
    const { db, clock, logger, term, answerHorizonMs = ANSWER_HORIZON_MS } = deps
    this.#writeOffs = new WriteOffs({
      answers: this.#answers,
      losses,
      lane: this.#postings,
      clock,
      closedBy: () => this.#closedBy,
    })
    for (const [key, { intent, from, to, isGivenUp, seq }] of packets) {
      const state = isGivenUp ? 'given-up' : 'open'
      this.#packets.set(key, { key, intent, from, to, row: { seq }, state, committed: undefined })
    }
    this.unresolved = [...packets.values()].map(({ intent, isGivenUp }) => ({ ...intent, isGivenUp }))
    this.#tidying = new Tidying({
      db,
      logger,
      term,
      rewrite: () => this.#rewriteGivenUp(),
      age: () => ({
        replayFrom: this.#replayFrom(),
        beforeMs: clock.nowMs() - answerHorizonMs - KEPT_LONGER_MS,
      }),
    })
  }

  get stats(): PacketBooksStats {
    let givenUp = 0
    for (const { state } of this.#packets.values()) if (state === 'given-up') givenUp++
    return {
      open: this.#packets.size,
      givenUp,
      waiting: this.#intents.waiting + this.#postings.waiting,
      groups: this.#groups,
      entries: this.#entries,
      committing: this.#committing,
    }
  }

  intend(intent: PacketIntent): Promise<void> {
    const from = this.#partyOf(intent.from)
    const to = this.#partyOf(intent.to)
    const key = packetKey(intent.id, from, to)
    if (this.#closedBy !== undefined) return Promise.reject(this.#closedBy)
    if (this.#intents.waiting >= MAX_WAITING)
      return refuse('ILP_BOOKS_BUSY', `${this.#intents.waiting} packets wait to be written down.`)
    if (this.#packets.has(key)) return refuse('ILP_PACKET_REPEATED', 'The packet is under way already.')
    // One that expires late may come again when nobody but us remembers it.
    if (this.#answers.has(answerKey(from, intent.incomingId, key)))
      return refuse('ILP_PACKET_REPEATED', 'The packet is fulfilled already.')
    if (this.#answers.isNone(from, intent))
      return refuse('ILP_PACKET_ENDED', 'The peer was told that it failed.')
    // Throws here for what could not be booked later.
    bookingsOf(amountsOf(intent, from, to))
    const group = this.#intents.gather()
    group.journal.intent(intent, from, to)
    group.wrote()
    this.#packets.set(key, { key, intent, from, to, row: group, state: 'open', committed: undefined })
    this.#intents.wake()
    return group.committed
  }

  fulfil(given: PacketIntent, fulfillment: Buffer): Promise<void> {
    const intent = named(given)
    const from = this.#partyOf(intent.from)
    const to = this.#partyOf(intent.to)
    const key = packetKey(intent.id, from, to)
    const known = this.#packets.get(key)
    // Only where nothing is open: what was written down is booked, or it would be fulfilled for nothing.
    if (known === undefined && this.#answers.has(answerKey(from, intent.incomingId, key)))
      return to.party.kind === 'peer'
        ? Promise.resolve()
        : refuse('ILP_PACKET_ENDED', 'The packet was delivered before.')
    const packet = known ?? this.#deliver(key, intent, from, to)
    if (packet === undefined) return refuse('ILP_PACKET_ENDED', 'The packet had come to nothing before.')
    // What was written down is fulfilled, whatever the caller says of it now.
    if (packet.state === 'open') this.#beginFulfilling(packet, fulfillment)
    if (packet.state === 'fulfilling' && packet.committed !== undefined) return packet.committed
    return refuse('ILP_PACKET_ENDED', 'The packet was given up before.')
  }

  /** One to an account of ours had no intent: it begins and ends here. Undefined when it must not be fulfilled. */
  #deliver(key: string, intent: PacketIntent, from: Party, to: Party): Packet | undefined {
    if (to.party.kind === 'peer' || this.#answers.isNone(from, intent)) return undefined
    return { key, intent, from, to, row: undefined, state: 'open', committed: undefined }
  }

  #beginFulfilling(packet: Packet, fulfillment: Buffer): void {
    const { key, intent, from, to } = packet
    if (this.#closedBy !== undefined) {
      packet.committed = Promise.reject(this.#closedBy)
      packet.committed.catch(() => {})
      packet.state = 'fulfilling'
      return
    }
    const bookings = bookingsOf(amountsOf(intent, from, to))
    const group = this.#postings.gather()
    group.journal.fulfilled(intent, from, to, fulfillment)
    for (const booking of bookings) group.netting.add(booking)
    const kept = fulfillment.toString('latin1')
    group.wrote(() => this.#noteFulfilled(packet, kept))
    packet.state = 'fulfilling'
    packet.committed = group.committed
    this.#packets.set(key, packet)
    this.#postings.wake()
  }

  #noteFulfilled({ key, intent, from }: Packet, fulfillment: string): void {
    this.#packets.delete(key)
    this.#answers.remember(answerKey(from, intent.incomingId, key), {
      fulfillment,
      incomingAmount: intent.incomingAmount,
      expiresAtMs: intent.incomingExpiresAtMs,
      isWrittenOff: false,
      writingOff: undefined,
    })
  }

  reject(id: PacketId, to: PacketParty): void {
    if (this.#packets.get(this.#partyOf(to).key + id)?.state === 'open') this.forget(id, to)
  }

  forget(id: PacketId, to: PacketParty): void {
    const party = this.#partyOf(to)
    const packet = this.#packets.get(party.key + id)
    if (packet === undefined || (packet.state !== 'open' && packet.state !== 'given-up')) return
    this.#packets.delete(packet.key)
    if (this.#closedBy !== undefined) return
    const group = this.#intents.gather()
    group.journal.ended('ended', id, party)
    group.wrote()
    this.#intents.wakeLater()
  }

  async giveUp(id: PacketId, to: PacketParty): Promise<boolean> {
    const party = this.#partyOf(to)
    const packet = this.#packets.get(party.key + id)
    if (packet === undefined || packet.state === 'fulfilling') return false
    if (this.#closedBy !== undefined) throw this.#closedBy
    if (packet.state === 'open') {
      const group = this.#intents.gather()
      group.journal.ended('given-up', id, party)
      group.wrote(() => {
        packet.state = 'given-up'
      })
      packet.state = 'giving-up'
      // It may be kept for long: not as a view of all that came with it, nor of 8 KiB that Node cuts small copies from.
      const executionCondition = Buffer.alloc(packet.intent.executionCondition.length)
      packet.intent.executionCondition.copy(executionCondition)
      packet.intent = { ...packet.intent, executionCondition }
      packet.committed = group.committed
      this.#intents.wake()
    }
    await packet.committed
    return true
  }

  async answersFor(peerId: string, questions: readonly PacketQuestion[]): Promise<readonly PacketAnswer[]> {
    const from = this.#peer(peerId)
    const isUnderWay = this.#underWayFrom(from, questions)
    const unknown: PacketQuestion[] = []
    const untilMs = this.#answers.lookedUpUntilMs(
      questions.filter(({ id }) => !this.#answers.has(from.key + id) && !isUnderWay.has(id)),
    )
    // Decided at once for all, before anything is waited for: what is `none` here is kept to from now on.
    const states = questions.map((question) => {
      const answer = this.#answers.get(from.key + question.id)
      if (answer !== undefined) return answer
      // Those that expired much later have their turn when these are answered.
      if (isUnderWay.has(question.id) || question.expiresAtMs > untilMs) return 'pending'
      if (!this.#answers.promiseNone(from, question.id)) return 'pending'
      unknown.push(question)
      return 'none'
    })
    const found = await this.#answers.lookUp(from, unknown)
    return states.map((state, index) => {
      if (state === 'pending') return { state }
      const answer = state === 'none' ? found.get(questions[index]!.id) : state
      if (answer === undefined || answer.isWrittenOff) return { state: 'none' }
      return { state: 'fulfilled', fulfillment: Buffer.from(answer.fulfillment, 'latin1') }
    })
  }

  async writeOff(peerId: string, questions: readonly PacketQuestion[], maxPerDay: bigint): Promise<WriteOff> {
    const from = this.#peer(peerId)
    const isUnderWay = this.#underWayFrom(from, questions)
    return this.#writeOffs.write({ peerId, from, questions, isUnderWay, maxPerDay })
  }

  /** Of these packets, those that came from this peer and whose fate is not known. */
  #underWayFrom(from: Party, questions: readonly PacketQuestion[]): ReadonlySet<PacketId> {
    const asked = new Set(questions.map(({ id }) => id))
    const underWay = new Set<PacketId>()
    for (const packet of this.#packets.values())
      if (packet.from.key === from.key && packet.state !== 'given-up' && asked.has(packet.intent.incomingId))
        underWay.add(packet.intent.incomingId)
    return underWay
  }

  async #commit(group: Group, afterwards: (seq: bigint) => void): Promise<void> {
    if (this.#closedBy !== undefined) return group.fail(this.#closedBy)
    const startedMs = performance.now()
    try {
      const seq = await commitGroup(this.#deps, this.#run, group, this.#ending.signal)
      noteDuration(this.#committing, performance.now() - startedMs)
      this.#groups++
      this.#entries += group.entries
      afterwards(seq)
      group.succeed(seq)
    } catch (error) {
      this.#fail(error)
      group.fail(this.#closedBy)
    }
  }

  #fail(cause: unknown): void {
    if (this.#closedBy !== undefined) return
    this.#closedBy = new AppError('ILP_BOOKS_CLOSED', 'Packets cannot be written down any more.', { cause })
    this.#deps.logger.error({ err: cause }, 'interledger.books_failed')
    this.#deps.onFailed?.(cause)
  }

  /**
   * Only what was given up: all that may follow is that it is forgotten, which goes by the same lane, behind this. An open
   * one could be fulfilled by the other lane meanwhile, and be open again after the next start.
   */
  #rewriteGivenUp(): void {
    const { rewriteAfterRows = REWRITE_AFTER_ROWS } = this.#deps
    if (this.#closedBy !== undefined || this.#intents.waiting >= MAX_WAITING) return
    for (const packet of this.#packets.values()) {
      const { state, row, intent, from, to } = packet
      if (state !== 'given-up' || row?.seq === undefined || row.seq + rewriteAfterRows > this.#lastSeq)
        continue
      const group = this.#intents.gather()
      group.journal.intent(intent, from, to)
      group.journal.ended('given-up', intent.id, to)
      group.wrote(() => {
        packet.row = group
      })
    }
    this.#intents.wakeLater()
  }

  /** All rows before it tell of packets whose fate is known. A row that is not committed yet comes behind the last one. */
  #replayFrom(): bigint {
    let first = this.#lastSeq + 1n
    for (const { row } of this.#packets.values())
      if (row?.seq !== undefined && row.seq < first) first = row.seq
    return first
  }

  #partyOf(party: PacketParty): Party {
    return party.kind === 'peer' ? this.#peer(party.peerId) : accountParty(party.account)
  }

  #peer(peerId: string): Party {
    const known = this.#peers.get(peerId)
    if (known !== undefined) return known
    const party = peerParty(peerId, this.#deps.assetOf(peerId))
    this.#peers.set(peerId, party)
    return party
  }

  /** Whoever waits when the time is over is told that nothing is written any more, whatever becomes of a commit under way. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { closeWithinMs = CLOSE_WITHIN_MS } = this.#deps
    const { promise: timeIsUp, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, closeWithinMs)
    const written = Promise.all([this.#intents.idle(), this.#postings.idle(), this.#tidying.stop()])
    await Promise.race([written, timeIsUp])
    clearTimeout(timer)
    this.#closedBy ??= new AppError(
      'ILP_BOOKS_CLOSED',
      'Packets cannot be written down any more: the program stops.',
    )
    this.#ending.abort()
    for (const lane of [this.#intents, this.#postings]) lane.abandon(this.#closedBy)
  }
}

/** One to an account has the same id on both sides. */
function named(intent: PacketIntent): PacketIntent {
  const { id, incomingId, to } = intent
  return to.kind === 'account' && incomingId === '' ? { ...intent, incomingId: id } : intent
}

function amountsOf(intent: PacketIntent, from: Party, to: Party): PacketAmounts {
  const { incomingAmount, outgoingAmount, marginAmount } = intent
  return {
    from: from.account,
    to: to.account,
    incomingAmount,
    outgoingAmount,
    ...(marginAmount !== undefined && { marginAmount }),
  }
}

function refuse(code: ErrorCode, message: string): Promise<never> {
  return Promise.reject(new AppError(code, message))
}
