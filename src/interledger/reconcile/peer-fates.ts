import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import { createBackOff } from '../back-off.ts'
import type { PacketAnswer, PacketIntent, PacketQuestion, RecoveryBooks } from '../books.ts'
import type { Link } from '../link.ts'
import { MUTE_MS } from '../packet-times.ts'
import { type Fate, judge } from './fate.ts'
import {
  decodeAcknowledgement,
  decodeAnswers,
  encodePacketList,
  MAX_PAGE,
  type PacketList,
  RECONCILE_PROTOCOL,
} from './messages.ts'

export interface PeerFatesDeps {
  readonly peerId: string
  readonly books: RecoveryBooks
  readonly link: () => Pick<Link, 'ask' | 'isConnected'> | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** The peer has forgotten what is older than this. */
  readonly horizonMs: number
  /** This packet, for which nobody waited any more, was booked. */
  readonly onBooked: (intent: PacketIntent) => void
}

/** Packets of one peer whose fate is asked for; of more the oldest that was given up is let go. Those that can still be
 * passed on are fewer than what may be under way to a peer. */
const MAX_FATES = 20_000
/** A fulfilment that comes later than so long before the incoming expiry does not reach upstream in time any more. */
const PASS_ON_MS = 200
const ASK_TIMEOUT_MS = 10_000
const PAUSE = { minMs: 100, maxMs: 5_000 }
/** However much is lost: what comes meanwhile is asked for together. */
const LEAST_PAUSE_MS = 20
/** Questions without an answer after which a peer is taken for one that does not know the protocol. */
const SILENT_QUESTIONS = 3

/** What one peer is asked about, one question at a time. */
export class PeerFates {
  readonly #deps: PeerFatesDeps
  /** By packet id; who was asked about last is at the end. */
  readonly #fates = new Map<string, Fate>()
  readonly #backOff = createBackOff({ ...PAUSE, random: Math.random })
  #unanswered = 0
  #speaks = false
  #isStopped = false
  #asking: Promise<void> | undefined
  #isNewsWaiting = false
  /** Ends a pause. */
  #wake: () => void = () => {}

  constructor(deps: PeerFatesDeps) {
    this.#deps = deps
  }

  get size(): number {
    return this.#fates.size
  }

  /** One whose fate an earlier run did not know. */
  addUnresolved(intent: PacketIntent, isGivenUp: boolean): void {
    const state = isGivenUp ? 'given-up' : 'asked'
    const giveUpAtMs = Number.POSITIVE_INFINITY
    this.#fates.set(intent.id, { intent, isOfEarlierRun: true, giveUpAtMs, state, settle: undefined })
  }

  lost(intent: PacketIntent, answerByMs: number): Promise<Buffer | undefined> {
    if (this.#isStopped) return Promise.resolve(undefined)
    if (this.#fates.size >= MAX_FATES) this.#letGoOfOne()
    const giveUpAtMs = Math.min(intent.incomingExpiresAtMs, answerByMs) - PASS_ON_MS
    return new Promise((settle) => {
      this.#fates.set(intent.id, { intent, isOfEarlierRun: false, giveUpAtMs, state: 'asked', settle })
      this.ask()
    })
  }

  /** The peer has used the protocol itself. */
  noteSpeaks(): void {
    this.#speaks = true
  }

  /** The link is open, for the first time or again. */
  opened(): void {
    this.#unanswered = 0
    this.#backOff.reset()
    this.ask()
  }

  /** Asks, unless nothing is to be asked or it is under way. */
  ask(): void {
    if (this.#isStopped || this.#fates.size === 0) return
    this.#asking ??= this.#askAll()
    this.#isNewsWaiting = true
    this.#wake()
  }

  /** To be called often: gives up what can not be passed on any more, and lets go of what the peer has forgotten. */
  sweep(nowMs: number): void {
    for (const fate of this.#fates.values()) {
      const { intent, state } = fate
      if (state === 'asked' && nowMs >= fate.giveUpAtMs) void this.#giveUp(fate)
      // Upstream does not listen any more.
      else if (state === 'unwritten' && nowMs >= intent.incomingExpiresAtMs + MUTE_MS) letGo(fate)
      else if (state !== 'giving-up' && nowMs >= intent.outgoingExpiresAtMs + this.#deps.horizonMs) {
        this.#note('interledger.fate_unknown', intent)
        this.#end(fate)
      }
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    for (const fate of this.#fates.values()) letGo(fate)
    this.#wake()
    await this.#asking
  }

  /** Written down before upstream hears of it. When it cannot be, upstream is not told anything. */
  async #giveUp(fate: Fate): Promise<void> {
    fate.state = 'giving-up'
    const { id, to } = fate.intent
    try {
      const isKnown = await this.#deps.books.giveUp(id, to)
      fate.state = 'given-up'
      if (!isKnown) this.#forget(fate)
      letGo(fate)
    } catch (err) {
      fate.state = 'unwritten'
      this.#deps.logger.warn({ err, peerId: this.#deps.peerId }, 'interledger.reconcile_failed')
    }
  }

  /** The peer's answer is final, or it is not waited for any longer. */
  #end(fate: Fate): void {
    this.#forget(fate)
    this.#deps.books.forget(fate.intent.id, fate.intent.to)
    letGo(fate)
  }

  #forget(fate: Fate): void {
    if (this.#fates.get(fate.intent.id) === fate) this.#fates.delete(fate.intent.id)
  }

  #letGoOfOne(): void {
    for (const fate of this.#fates.values())
      if (fate.state === 'given-up') {
        this.#note('interledger.fate_unknown', fate.intent)
        this.#end(fate)
        return
      }
  }

  async #askAll(): Promise<void> {
    // What else is lost in this turn of the event loop is asked for together.
    await Promise.resolve()
    try {
      while (!this.#isStopped && this.#fates.size > 0) {
        this.#isNewsWaiting = false
        const isProgress = this.#deps.link()?.isConnected === true && (await this.#askPage())
        if (isProgress) this.#backOff.reset()
        if (this.#fates.size > 0) await this.#pause()
      }
    } finally {
      // Nothing comes between the last look and this: who is lost a moment later is asked for by another round.
      this.#asking = undefined
    }
  }

  /** True when something became known. */
  async #askPage(): Promise<boolean> {
    const fates = this.#nextPage()
    const packets = fates.map(questionOf)
    const bytes = await this.#send({ type: 'question', packets })
    const answers = bytes === undefined ? undefined : decodeAnswers(bytes, packets.length)
    if (answers === undefined || !answers.ok) {
      this.#noteSilence()
      return false
    }
    this.#speaks = true
    return this.#take(fates, answers.value)
  }

  #nextPage(): readonly Fate[] {
    const page: Fate[] = []
    for (const [id, fate] of this.#fates) {
      if (page.length === MAX_PAGE) break
      page.push(fate)
      this.#fates.delete(id)
    }
    for (const fate of page) this.#fates.set(fate.intent.id, fate)
    return page
  }

  async #take(fates: readonly Fate[], answers: readonly PacketAnswer[]): Promise<boolean> {
    const refused: Fate[] = []
    const acts: Promise<void>[] = []
    let decided = 0
    for (const [index, fate] of fates.entries()) {
      const answer = answers[index]!
      // It may have been let go of while the question was under way.
      if (this.#fates.get(fate.intent.id) !== fate) continue
      const verdict = judge(fate, answer)
      if (verdict === 'wait') continue
      decided++
      if (verdict === 'refuse') refused.push(fate)
      else acts.push(this.#act(fate, verdict, answer))
    }
    await Promise.all(acts)
    if (refused.length > 0) await this.#refuse(refused)
    return decided > 0
  }

  async #act(fate: Fate, verdict: 'pass-on' | 'book' | 'end' | 'lie', answer: PacketAnswer): Promise<void> {
    if (verdict === 'lie') this.#note('interledger.fulfilment_is_none', fate.intent)
    if (answer.state !== 'fulfilled' || verdict === 'end' || verdict === 'lie') return this.#end(fate)
    if (verdict === 'book') await this.#book(fate, answer.fulfillment)
    else {
      this.#forget(fate)
      letGo(fate, answer.fulfillment)
    }
  }

  async #book(fate: Fate, fulfillment: Buffer): Promise<void> {
    try {
      await this.#deps.books.fulfil(fate.intent, fulfillment)
      this.#forget(fate)
      this.#deps.onBooked(fate.intent)
    } catch (err) {
      // The books are closed: the next run asks again.
      this.#deps.logger.warn({ err, peerId: this.#deps.peerId }, 'interledger.reconcile_failed')
    }
  }

  /** What is not acknowledged is asked for again, and refused again. */
  async #refuse(fates: readonly Fate[]): Promise<void> {
    const bytes = await this.#send({ type: 'refusal', packets: fates.map(questionOf) })
    const acknowledged = bytes === undefined ? undefined : decodeAcknowledgement(bytes, fates.length)
    if (acknowledged === undefined || !acknowledged.ok) return this.#noteSilence()
    for (const [index, fate] of fates.entries()) {
      if (acknowledged.value[index] === false) this.#note('interledger.refusal_not_taken', fate.intent)
      this.#end(fate)
    }
  }

  async #send(list: PacketList): Promise<Buffer | undefined> {
    return this.#deps.link()?.ask(RECONCILE_PROTOCOL, encodePacketList(list), ASK_TIMEOUT_MS)
  }

  /**
   * With a peer that does not know the protocol, what was not fulfilled in time came to nothing, as ILP has it. One that has
   * used it is asked until it answers.
   */
  #noteSilence(): void {
    if (this.#speaks || this.#deps.link()?.isConnected !== true) return
    if (++this.#unanswered < SILENT_QUESTIONS) return
    for (const fate of this.#fates.values())
      if (fate.state === 'given-up' && !fate.isOfEarlierRun) this.#end(fate)
  }

  async #pause(): Promise<void> {
    await delay(LEAST_PAUSE_MS)
    if (this.#isStopped || this.#isNewsWaiting) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, this.#backOff.nextMs())
    this.#wake = resolve
    await promise
    clearTimeout(timer)
    this.#wake = () => {}
  }

  #note(event: string, { id, outgoingAmount }: PacketIntent): void {
    const { logger, peerId } = this.#deps
    logger.warn({ peerId, packetId: id, outgoingAmount: String(outgoingAmount) }, event)
  }
}

/** As it stood in the packet that we sent. */
function questionOf({ intent }: Fate): PacketQuestion {
  return { id: intent.id, expiresAtMs: intent.outgoingExpiresAtMs }
}

/** Tells who waits, if anybody does. */
function letGo(fate: Fate, fulfillment?: Buffer): void {
  fate.settle?.(fulfillment)
  fate.settle = undefined
}
