import type { Clock } from '../../kernel/index.ts'
import { isPeerAnswer, type PeerRequestFault, peerRequest } from '../ildcp/index.ts'
import type { LinkAnswer } from '../link.ts'
import { ILP_ERRORS, type IlpPrepare } from '../packet/index.ts'
import { CCP_UPDATE, type CcpControl, type CcpMode, encodeCcpUpdate } from './ccp-packet.ts'
import { type Hearer, mayHear } from './export-policy.ts'
import type { ForwardingLog } from './forwarding-log.ts'
import { nextPage, type UpdatePage } from './update-page.ts'

export interface RouteSenderDeps {
  readonly peer: Hearer
  readonly log: ForwardingLog
  readonly ownAddress: () => string | undefined
  readonly send: (prepare: IlpPrepare) => Promise<LinkAnswer>
  readonly clock: Clock
  /** After so long without a word from us the neighbour forgets what it learned. We say something three times as often. */
  readonly holdDownMs: number
  readonly carriesPeerToPeer: boolean
}

/** Tells one neighbour our routes, when it has asked for them: at first all, then what changes, and that nothing changed. */
export class RouteSender {
  readonly #deps: RouteSenderDeps
  readonly #pauseMs: number
  #mode: CcpMode = 'idle'
  /** Rises when the neighbour asks anew: what it is told at that moment does not count. */
  #round = 0
  #tableId = ''
  #toldEpoch = 0
  /** What the neighbour may have heard of; more than that when an update did not arrive. */
  readonly #told = new Set<string>()
  #isTelling = false
  /** The last update was not taken: the next is not sent at once. */
  #hasFailed = false
  #nextMs = 0

  constructor(deps: RouteSenderDeps) {
    this.#deps = deps
    this.#pauseMs = Math.floor(deps.holdDownMs / 3)
  }

  get mode(): CcpMode {
    return this.#mode
  }

  /** The neighbour knows everything before this. */
  get toldEpoch(): number {
    return this.#toldEpoch
  }

  /** What the neighbour asks of us. F00 when it knows epochs that never were. */
  control({ mode, tableId, epoch }: CcpControl): PeerRequestFault | undefined {
    const { log } = this.#deps
    const knowsTable = tableId === log.tableId && tableId === this.#tableId
    if (knowsTable && epoch > log.epoch) {
      return {
        code: ILP_ERRORS.BAD_REQUEST,
        text: `you know epoch ${epoch} of a table that is at ${log.epoch}`,
      }
    }
    this.#round++
    this.#mode = mode
    this.#hasFailed = false
    this.#nextMs = 0
    if (knowsTable) this.#toldEpoch = epoch
    else this.#beginAnew()
    return undefined
  }

  /** The link is gone: nothing is told until the neighbour asks again. */
  close(): void {
    this.#round++
    this.#mode = 'idle'
  }

  /** Tells what is to be told by now. */
  tick(): void {
    if (this.#mode === 'idle' || this.#isTelling || this.#deps.ownAddress() === undefined) return
    if (this.#deps.log.tableId !== this.#tableId) this.#beginAnew()
    const canWait = this.#hasFailed || this.#toldEpoch === this.#deps.log.epoch
    if (canWait && this.#deps.clock.nowMs() < this.#nextMs) return
    // Links never reject, and what fails is told again.
    void this.#tell()
  }

  #beginAnew(): void {
    this.#tableId = this.#deps.log.tableId
    this.#toldEpoch = 0
    this.#told.clear()
  }

  async #tell(): Promise<void> {
    this.#isTelling = true
    const round = this.#round
    try {
      let isMore = true
      while (isMore) isMore = await this.#tellPage(round)
    } finally {
      this.#isTelling = false
    }
  }

  /** Resolves to whether more is to be told at once. */
  async #tellPage(round: number): Promise<boolean> {
    const { log, peer, clock, send, carriesPeerToPeer } = this.#deps
    const speaker = this.#deps.ownAddress()
    if (speaker === undefined) return false
    const tableId = this.#tableId
    const currentEpoch = log.epoch
    const page = nextPage(log, {
      fromEpoch: this.#toldEpoch,
      mayHear: (announcement) => mayHear(peer, announcement, { carriesPeerToPeer }),
      mayKnow: (prefix) => this.#told.has(prefix),
    })
    for (const { prefix } of page.newRoutes) this.#told.add(prefix)
    this.#nextMs = clock.nowMs() + this.#pauseMs
    const answer = await send(this.#requestOf(page, { tableId, currentEpoch, speaker }))
    if (round !== this.#round || tableId !== log.tableId) return false
    this.#hasFailed = !isPeerAnswer(answer)
    if (this.#hasFailed) return false
    for (const prefix of page.withdrawn) this.#told.delete(prefix)
    this.#toldEpoch = page.toEpoch
    return page.toEpoch < currentEpoch
  }

  #requestOf(
    { newRoutes, withdrawn, toEpoch }: UpdatePage,
    table: { readonly tableId: string; readonly currentEpoch: number; readonly speaker: string },
  ): IlpPrepare {
    const { clock, holdDownMs } = this.#deps
    return peerRequest({
      destination: CCP_UPDATE,
      data: encodeCcpUpdate({
        ...table,
        fromEpoch: this.#toldEpoch,
        toEpoch,
        holdDownMs,
        newRoutes,
        withdrawn,
      }),
      nowMs: clock.nowMs(),
      waitMs: this.#pauseMs,
    })
  }
}
