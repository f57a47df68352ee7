/** Fulfilments of ours that a peer refuses, since they came to it too late: booked back, once, within the bound of a day. */
import { AppError, type Clock } from '../../kernel/index.ts'
import type { PacketId, PacketQuestion, WriteOff } from '../books.ts'
import type { Answer, Answers } from './answers.ts'
import type { GroupLane } from './group-lane.ts'
import type { Losses } from './losses.ts'
import { lossAccount, type Party } from './parties.ts'

export interface WriteOffsDeps {
  readonly answers: Answers
  readonly losses: Losses
  /** The lane of postings. */
  readonly lane: GroupLane
  readonly clock: Clock
  /** Why nothing can be written any more; undefined while it can be. */
  readonly closedBy: () => AppError | undefined
}

export interface Refused {
  readonly peerId: string
  readonly from: Party
  readonly questions: readonly PacketQuestion[]
  /** Of these, whose fate is not known. */
  readonly isUnderWay: ReadonlySet<PacketId>
  readonly maxPerDay: bigint
}

export class WriteOffs {
  readonly #deps: WriteOffsDeps

  constructor(deps: WriteOffsDeps) {
    this.#deps = deps
  }

  async write(refused: Refused): Promise<WriteOff> {
    const { answers } = this.#deps
    const { from, questions, isUnderWay } = refused
    const unknown = questions.filter(({ id }) => !answers.has(from.key + id))
    // Who owes nothing for a packet that is not here must not come to owe for it: so it is the same promise as `none`.
    if (!unknown.every(({ id }) => answers.promiseNone(from, id)))
      throw new AppError('ILP_BOOKS_BUSY', 'A peer asks about more packets than can be remembered.')
    const found = await answers.lookUp(from, unknown)
    let amount = 0n
    const isSettled = await Promise.all(
      questions.map(async ({ id }) => {
        const answer = answers.get(from.key + id) ?? found.get(id)
        if (answer === undefined) return !isUnderWay.has(id)
        if (answer.isWrittenOff) return true
        const isFirst = answer.writingOff === undefined
        answer.writingOff ??= this.#begin(refused, id, answer)
        await answer.writingOff
        if (isFirst && answer.writingOff !== undefined) amount += answer.incomingAmount
        return answer.writingOff !== undefined
      }),
    )
    return { isSettled, amount }
  }

  /** Undefined when the day's bound is reached. */
  #begin(
    { peerId, from, maxPerDay }: Refused,
    incomingId: PacketId,
    answer: Answer,
  ): Promise<void> | undefined {
    const { losses, lane, clock, closedBy } = this.#deps
    const { incomingAmount, expiresAtMs } = answer
    const nowMs = clock.nowMs()
    if (losses.ofDay(peerId, nowMs) + incomingAmount > maxPerDay) return undefined
    const closed = closedBy()
    if (closed !== undefined) return Promise.reject(closed)
    losses.add(peerId, incomingAmount, nowMs)
    const group = lane.gather()
    group.journal.writtenOff({ from, incomingId, incomingAmount, incomingExpiresAtMs: expiresAtMs })
    group.netting.add({
      debit: lossAccount(peerId, from.account.asset),
      credit: from.account,
      amount: incomingAmount,
    })
    group.wrote(() => {
      answer.isWrittenOff = true
    })
    lane.wake()
    return group.committed
  }
}
