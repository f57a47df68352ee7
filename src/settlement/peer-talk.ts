/** Both ends of the talk between two settlements: our questions to a party, and our answers to its questions. */
import { accepted, type Clock, type Outcome, type Refusal, refused } from '../kernel/index.ts'
import type { Logger } from '../platform/index.ts'
import { partyAccount, type SettlementLedger } from './bookings.ts'
import type { Channels } from './channels/channels.ts'
import type { ChannelRecord, SignedClaim } from './channels/check-claim.ts'
import { noteChannel } from './channels/follow-channels.ts'
import {
  claimUnder,
  readAnswer,
  readQuestion,
  type SettlementAnswer,
  type SettlementQuestion,
  writeAnswer,
  writeQuestion,
} from './messages.ts'
import { type Parties, referenceOf } from './parties.ts'
import type { Rail } from './rail.ts'
import type { Fenced } from './tables.ts'

const ANSWER_TIMEOUT_MS = 10_000

export interface PeerTalkDeps {
  readonly channels: Channels
  readonly parties: Parties
  readonly rails: ReadonlyMap<string, Rail>
  readonly ledger: SettlementLedger
  readonly fenced: Fenced
  readonly clock: Clock
  readonly logger: Logger
  readonly railTimeoutMs: number
  readonly maxUnseenMs: number
  readonly onBooked: (party: string, change: bigint) => void
  /** Look at the rail soon. */
  readonly kick: (rail: string) => void
}

export class PeerTalk {
  readonly #deps: PeerTalkDeps
  /** Parties whose question is being answered: each has one at a time. */
  readonly #answering = new Set<string>()
  readonly #stopping = new AbortController()

  constructor(deps: PeerTalkDeps) {
    this.#deps = deps
  }

  /** Undefined when the party gives none. */
  async addressOf(party: string, rail: Rail, amount: bigint): Promise<string | undefined> {
    const answer = await this.#ask(party, { do: 'where', network: rail.info.network, amount })
    return answer !== undefined && 'address' in answer ? answer.address : undefined
  }

  /** No question is waited for any more: each is as one without an answer. */
  stop(): void {
    this.#stopping.abort()
  }

  /** Brings the party its claim, signed if it was not yet; true when it says that it has it. */
  async deliver(party: string, rail: Rail, best: SignedClaim, signal: AbortSignal): Promise<boolean> {
    const signed = await this.#deps.channels.signed(rail, best, signal)
    const answer = await this.#ask(party, { do: 'claim', network: rail.info.network, signed })
    if (answer !== undefined && 'has' in answer && answer.has >= signed.claim.nonce) {
      await this.#deps.channels.acknowledge(
        { rail: rail.name, id: signed.claim.channelId },
        signed.claim.nonce,
      )
      return true
    }
    const refusedWith = answer !== undefined && 'refused' in answer ? answer.refused : 'no answer'
    this.#deps.logger.warn({ party, rail: rail.name, refusedWith }, 'settlement.claim_not_taken')
    return false
  }

  /** A payment is on its way: so that the party looks soon. */
  async tellPaid(party: string, rail: Rail, id: string): Promise<void> {
    await this.#ask(party, { do: 'paid', network: rail.info.network, id })
  }

  async answer(party: string, data: Buffer): Promise<Buffer | undefined> {
    const own = this.#ownRail(party)
    const signal = AbortSignal.timeout(this.#deps.railTimeoutMs)
    // What an engine behind the rail and its like say to each other is theirs, even where it reads like ours.
    if (own?.answer !== undefined) return own.answer(party, data, signal).catch(() => undefined)
    const question = readQuestion(data)
    if (question === undefined) return undefined
    const rail = own?.info.network === question.network ? own : undefined
    if (rail === undefined) return writeAnswer({ refused: 'OTHER_NETWORK' })
    if (this.#answering.has(party)) return writeAnswer({ refused: 'BUSY' })
    this.#answering.add(party)
    try {
      return writeAnswer(await this.#answerTo(party, rail, question, signal))
    } catch (err) {
      this.#deps.logger.warn({ err, party, asked: question.do }, 'settlement.not_answered')
      return writeAnswer({ refused: 'UNAVAILABLE' })
    } finally {
      this.#answering.delete(party)
    }
  }

  /** Finds a channel to us on the network and keeps it. */
  async accept(
    railName: string,
    id: string,
    party: string | undefined,
    signal: AbortSignal,
  ): Promise<Outcome<ChannelRecord, Refusal>> {
    const { channels, rails, fenced, ledger } = this.#deps
    const rail = rails.get(railName)
    const known = await channels.find({ rail: railName, id })
    if (known !== undefined) return accepted(known)
    const seen = await rail?.channel(id, signal)
    if (rail === undefined || seen === undefined) {
      return refused({ code: 'UNKNOWN_CHANNEL', text: `${railName} has no channel ${id} that is final` })
    }
    if (seen.payee !== rail.info.address) {
      return refused({ code: 'UNKNOWN_CHANNEL', text: `channel ${id} pays somebody else` })
    }
    if (seen.challengeMs < rail.info.minChallengeMs || seen.state !== 'open') {
      const text = `channel ${id} must be open and leave us ${rail.info.minChallengeMs} ms to take what it owes`
      return refused({ code: 'CHANNEL_UNSAFE', text })
    }
    await fenced((tx) => noteChannel({ channels, ledger }, tx, rail, seen, { direction: 'in', party }))
    const kept = await channels.find({ rail: railName, id })
    return kept === undefined ? refused({ code: 'UNKNOWN_CHANNEL', text: id }) : accepted(kept)
  }

  #answerTo(
    party: string,
    rail: Rail,
    question: SettlementQuestion,
    signal: AbortSignal,
  ): Promise<SettlementAnswer> | SettlementAnswer {
    switch (question.do) {
      case 'where':
        return this.#where(party, rail, question.amount, signal)
      case 'paid':
        this.#deps.kick(rail.name)
        return { isNoted: true }
      case 'claim':
        return this.#takeClaim(party, rail, question.signed, signal)
    }
  }

  async #where(party: string, rail: Rail, amount: bigint, signal: AbortSignal): Promise<SettlementAnswer> {
    if (amount <= 0n || amount > rail.info.maxAmount) return { refused: 'OUT_OF_RANGE' }
    return { address: await rail.address({ reference: referenceOf(party), amount }, signal) }
  }

  async #takeClaim(
    party: string,
    rail: Rail,
    signed: SignedClaim,
    signal: AbortSignal,
  ): Promise<SettlementAnswer> {
    const { channels, clock, maxUnseenMs, logger } = this.#deps
    const claim = claimUnder(rail.name, signed.claim)
    const channel = await this.#channelOf(party, rail, { ...signed, claim }, signal)
    if (!channel.ok) return { refused: channel.refusal.code }
    // It was brought before, and our answer got lost.
    if (channel.value.party === party && channel.value.best?.signature.equals(signed.signature) === true) {
      return { has: channel.value.nonce }
    }
    const taken = await channels.take(
      rail,
      { claim, signature: signed.signature },
      {
        credit: partyAccount(party, rail.info.asset),
        expected: { binding: undefined, party, nowMs: clock.nowMs(), maxUnseenMs },
      },
    )
    if (!taken.ok) return { refused: taken.refusal.code }
    this.#deps.onBooked(party, -taken.value)
    logger.info({ party, rail: rail.name, amount: `${taken.value}` }, 'settlement.claim_taken')
    return { has: claim.nonce }
  }

  /** A channel that is new to us becomes the party's when it shows a claim that the channel's key has signed. */
  async #channelOf(
    party: string,
    rail: Rail,
    { claim, signature }: SignedClaim,
    signal: AbortSignal,
  ): Promise<Outcome<ChannelRecord, Refusal>> {
    const known = await this.#deps.channels.find({ rail: rail.name, id: claim.channelId })
    if (known !== undefined) return accepted(known)
    const seen = await rail.channel(claim.channelId, signal)
    if (seen !== undefined && !rail.verifyClaim(claim, signature, seen.claimKey)) {
      return refused({ code: 'BAD_SIGNATURE', text: 'not signed by the key of the channel' })
    }
    return this.accept(rail.name, claim.channelId, party, signal)
  }

  #ownRail(party: string): Rail | undefined {
    const { rail } = this.#deps.parties.find(party) ?? {}
    return rail === undefined ? undefined : this.#deps.rails.get(rail)
  }

  async #ask(party: string, question: SettlementQuestion): Promise<SettlementAnswer | undefined> {
    const asked = this.#deps.parties.ask(party, writeQuestion(question), ANSWER_TIMEOUT_MS)
    const answer = await orUndefined(asked, this.#stopping.signal)
    return answer === undefined ? undefined : readAnswer(answer)
  }
}

/** Undefined as soon as the signal is aborted; what the promise comes to later is for nobody. */
async function orUndefined<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>()
  const onAbort = () => resolve(undefined)
  signal.addEventListener('abort', onAbort)
  try {
    return signal.aborted ? undefined : await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
