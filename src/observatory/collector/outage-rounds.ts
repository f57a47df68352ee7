/** What is done while it is asked whether our own network is away, and while it is. */
import type { Logger } from '../../platform/index.ts'
import type { CollectorLimits } from './collector-settings.ts'
import type { KnownRelay } from './known-relay.ts'
import { type OutageFacts, type OutageJudge, PROBED_AT_ONCE, SCOUTS } from './own-outage.ts'

export interface OutageRoundsDeps {
  readonly judge: OutageJudge
  readonly limits: Pick<CollectorLimits, 'scoutMs'>
  readonly logger: Logger
  /** From 0 to 1, evenly spread. */
  readonly random: () => number
}

export class OutageRounds {
  readonly #deps: OutageRoundsDeps
  #nextScoutsMs = 0

  constructor(deps: OutageRoundsDeps) {
    this.#deps = deps
  }

  /** Tells the judge how it stands, asks relays for a sign of life when it wants one, and says what has changed. */
  look(relays: readonly KnownRelay[], nowMs: number): void {
    const { judge, logger } = this.#deps
    const sinceMs = judge.sinceMs
    const change = judge.look(factsOf(relays, nowMs))
    if (change === 'begun') {
      logger.warn({ sinceSeconds: secondsOf(judge.sinceMs) }, 'observatory.own_outage_begun')
    } else if (change === 'ended') {
      const lastedSeconds = secondsOf(nowMs - (sinceMs ?? nowMs))
      logger.info({ sinceSeconds: secondsOf(sinceMs), lastedSeconds }, 'observatory.own_outage_ended')
    }
    if (!judge.wantsProbe(nowMs)) return
    const connected = relays.filter(({ isConnected, isPinned }) => isConnected && !isPinned)
    for (const { watch } of this.#some(connected, PROBED_AT_ONCE)) watch?.probe()
  }

  /**
   * Relays to try now, while our network is away: some of those that we lost, every now and then; where others read those by
   * now, whichever may be tried.
   */
  scouts(relays: readonly KnownRelay[], nowMs: number): readonly KnownRelay[] {
    const { limits, random } = this.#deps
    if (nowMs < this.#nextScoutsMs) return []
    this.#nextScoutsMs = nowMs + limits.scoutMs * (0.5 + random())
    const others = relays.filter(({ isPinned }) => !isPinned)
    const connecting = others.filter(({ isActive, isConnected }) => isActive && !isConnected).length
    const due = others.filter(({ isActive, nextTryMs }) => !isActive && nextTryMs <= nowMs)
    const lost = due.filter(({ isProven, watch }) => isProven && watch?.isExcused === true)
    return this.#some(lost.length > 0 ? lost : due, SCOUTS - connecting)
  }

  /** Neighbours in the list, from a place that is drawn: each as likely as any other. */
  #some(relays: readonly KnownRelay[], count: number): readonly KnownRelay[] {
    if (count <= 0 || relays.length <= count) return count <= 0 ? [] : relays
    const from = Math.floor(this.#deps.random() * relays.length) % relays.length
    return Array.from({ length: count }, (_, index) => relays[(from + index) % relays.length]!)
  }
}

function factsOf(relays: readonly KnownRelay[], nowMs: number): OutageFacts {
  let connected = 0
  let active = 0
  let answeredMs = 0
  let hasDoubts = false
  for (const { isPinned, isActive, isConnected, isProven, watch } of relays) {
    if (watch?.isInDoubt === true) hasDoubts = true
    if (isPinned || !isActive) continue
    if (isProven) active += 1
    if (isProven && isConnected) connected += 1
    // A candidate that answers shows as well as any other that there is a network.
    if (isConnected && watch !== undefined) answeredMs = Math.max(answeredMs, watch.lastSignMs)
  }
  return { nowMs, connected, active, answeredMs, hasDoubts }
}

function secondsOf(ms: number | undefined): number {
  return Math.floor((ms ?? 0) / 1_000)
}
