import type { Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import { childAddress, isPeerAnswer, type PeerRequestFault, peerRequest } from '../ildcp/index.ts'
import type { LinkAnswer } from '../link.ts'
import { ILP_ERRORS, type IlpPrepare, isInPrefix } from '../packet/index.ts'
import { CCP_CONTROL, type CcpRoute, type CcpUpdate, encodeCcpControl, NO_TABLE } from './ccp-packet.ts'
import type { Hearer } from './export-policy.ts'
import { type ImportRules, judgeRoute, type Verdict } from './import-policy.ts'
import type { RouteTable } from './route-table.ts'

export interface RouteReceiverDeps {
  readonly peer: Hearer
  readonly table: RouteTable
  /** Undefined while we have no address: nothing is learned then. */
  readonly rules: () => ImportRules | undefined
  readonly send: (prepare: IlpPrepare) => Promise<LinkAnswer>
  readonly clock: Clock
  readonly logger: Logger
}

/** As the neighbour told it, whether we use it or not: when our own routes change it is judged again. */
interface Heard {
  readonly route: Pick<CcpRoute, 'prefix' | 'path' | 'auth'>
  /** Of another table than the neighbour's present one: forgotten when that is told to its end. */
  readonly tableId: string
}

/** What became of an update's routes. */
interface Replaced {
  /** Why routes are not taken, one reason for each. */
  readonly refused: readonly string[]
  /** Routes that the table has no room for. */
  readonly unplaced: number
}

/**
 * A neighbour that has not told anything is asked again after this; one that did not take our question is first asked
 * sooner, since it may just be coming up.
 */
const ASK_AGAIN_MS = 30_000
/** How often we ask at most, whatever the neighbour sends. */
const MIN_ASK_PAUSE_MS = 1_000
const ASK_WAIT_MS = 10_000
/** What a neighbour says it wants to be remembered for, kept within reason. */
const HOLD_DOWN_MS = { min: 5_000, max: 600_000 } as const
/** Of one neighbour's refused routes the log tells once in this time. */
const WARN_PAUSE_MS = 60_000
const NEVER = Number.POSITIVE_INFINITY

/** Learns routes from one neighbour: asks for them, follows its changes, and forgets them when it is silent. */
export class RouteReceiver {
  readonly #deps: RouteReceiverDeps
  #heard: ReadonlyMap<string, Heard> = new Map()
  #tableId = NO_TABLE
  /** Everything before this is known of the table. */
  #epoch = 0
  #isOpen = false
  #isAsking = false
  /** Questions in a row that were not taken. */
  #refusals = 0
  #askedMs = Number.NEGATIVE_INFINITY
  #askMs = NEVER
  #expiresMs = NEVER
  #refused = 0
  #warnedMs = Number.NEGATIVE_INFINITY

  constructor(deps: RouteReceiverDeps) {
    this.#deps = deps
  }

  get epoch(): number {
    return this.#epoch
  }

  /** Routes that the neighbour had no right to tell, since the node started. */
  get refused(): number {
    return this.#refused
  }

  /** The link can be used: the neighbour is asked. */
  open(): void {
    this.#isOpen = true
    this.#refusals = 0
    this.#askMs = this.#deps.clock.nowMs()
    this.tick()
  }

  /** The link is gone, and with it what was learned over it. */
  close(): void {
    this.#isOpen = false
    this.#forgetAll()
  }

  tick(): void {
    const nowMs = this.#deps.clock.nowMs()
    if (nowMs >= this.#expiresMs) {
      const { peer, logger } = this.#deps
      logger.info({ peerId: peer.id, routes: this.#heard.size }, 'interledger.routes_expired')
      this.#forgetAll()
      this.#askMs = nowMs
    }
    // Links never reject, and the answer decides when to ask again.
    if (this.#isOpen && !this.#isAsking && nowMs >= this.#askMs) void this.#ask(nowMs)
  }

  /** Our own address or routes have changed: what may be learned is another matter now. */
  judgeAgain(): void {
    for (const prefix of this.#heard.keys()) this.#learn(prefix)
  }

  /**
   * Learns what an update says. A fault that concerns the whole (F00: epochs that make no sense or leave a gap, a speaker
   * who is somebody else, too many routes; T03: our table is full; T00: we have no address yet) changes nothing. Routes
   * that turn out to have no room in the table (T03) count as not told: the rest is learned, and the epoch stays. Single
   * routes that this neighbour must not tell (F00) are left out, and the rest is learned: a neighbour whose neighbour lies
   * should not lose everything, and is told nevertheless.
   */
  apply(update: CcpUpdate): PeerRequestFault | undefined {
    const rules = this.#deps.rules()
    if (rules === undefined) return { code: ILP_ERRORS.INTERNAL_ERROR, text: 'this node has no address yet' }
    const known = update.tableId === this.#tableId ? this.#epoch : 0
    const fault = this.#faultOf(update, rules) ?? this.#gapOf(update, known)
    if (fault !== undefined) return fault
    const isOld = update.toEpoch < known
    const heard = isOld ? this.#heard : this.#merge(update)
    const lack = this.#lackOfRoom(heard)
    if (lack !== undefined) return lack
    this.#heardFrom(update)
    if (isOld) return undefined
    const { refused, unplaced } = this.#replace(heard)
    // Not known then: the neighbour has to tell it again.
    if (unplaced > 0) return tableFull()
    this.#tableId = update.tableId
    this.#epoch = update.toEpoch
    const [reason] = refused
    if (reason === undefined) return undefined
    this.#noteRefused(refused.length, reason)
    return badRequest(`${refused.length} of your routes are not taken: ${reason}`)
  }

  async #ask(nowMs: number): Promise<void> {
    const { send } = this.#deps
    this.#isAsking = true
    this.#askedMs = nowMs
    this.#askMs = nowMs + ASK_AGAIN_MS
    const data = encodeCcpControl({ mode: 'sync', tableId: this.#tableId, epoch: this.#epoch, features: [] })
    const answer = await send(peerRequest({ destination: CCP_CONTROL, data, nowMs, waitMs: ASK_WAIT_MS }))
    this.#isAsking = false
    this.#refusals = isPeerAnswer(answer) ? 0 : this.#refusals + 1
    if (this.#refusals === 0) return
    const pauseMs = Math.min(MIN_ASK_PAUSE_MS * 2 ** (this.#refusals - 1), ASK_AGAIN_MS)
    this.#askMs = Math.min(this.#askMs, this.#deps.clock.nowMs() + pauseMs)
  }

  #faultOf(
    { speaker, fromEpoch, toEpoch, currentEpoch }: CcpUpdate,
    rules: ImportRules,
  ): PeerRequestFault | undefined {
    if (fromEpoch > toEpoch || toEpoch > currentEpoch) {
      return badRequest(
        `epochs from ${fromEpoch} to ${toEpoch} are not part of a table that is at ${currentEpoch}`,
      )
    }
    if (speaker === rules.ownAddress) return badRequest('you speak with our address')
    const { peer } = this.#deps
    const isChild = peer.relation === 'child'
    if (isChild && !isInPrefix(speaker, childAddress(rules.ownAddress, peer.id))) {
      return badRequest('you speak with an address that is not the one we gave you')
    }
    return undefined
  }

  /** Something between what we know and what we are told is missing: the neighbour is asked to begin there. */
  #gapOf({ fromEpoch }: CcpUpdate, known: number): PeerRequestFault | undefined {
    if (fromEpoch <= known) return undefined
    this.#askMs = Math.min(this.#askMs, this.#askedMs + MIN_ASK_PAUSE_MS)
    return badRequest(`what you tell begins at epoch ${fromEpoch}, and we know everything before ${known}`)
  }

  /** What is known after an update, in the order told. */
  #merge({
    tableId,
    currentEpoch,
    toEpoch,
    speaker,
    newRoutes,
    withdrawn,
  }: CcpUpdate): ReadonlyMap<string, Heard> {
    const heard = new Map(this.#heard)
    for (const prefix of withdrawn) heard.delete(prefix)
    for (const { prefix, path, auth } of newRoutes) {
      // Who leaves itself out would look nearer than it is.
      heard.set(prefix, {
        route: { prefix, path: path[0] === speaker ? path : [speaker, ...path], auth },
        tableId,
      })
    }
    const isWhole = toEpoch === currentEpoch
    if (!isWhole && heard.size <= this.#deps.table.maxRoutesPerPeer) return heard
    return new Map([...heard].filter(([, entry]) => entry.tableId === tableId))
  }

  #lackOfRoom(heard: ReadonlyMap<string, Heard>): PeerRequestFault | undefined {
    const { table, peer } = this.#deps
    if (heard.size > table.maxRoutesPerPeer) {
      return badRequest(`you tell ${heard.size} routes, and ${table.maxRoutesPerPeer} is the most`)
    }
    const isMore = heard.size > this.#heard.size
    if (!isMore || table.size - table.learnedFrom(peer.id) + heard.size <= table.maxRoutes) return undefined
    return tableFull()
  }

  #heardFrom({ holdDownMs }: CcpUpdate): void {
    const { min, max } = HOLD_DOWN_MS
    this.#expiresMs = this.#deps.clock.nowMs() + Math.min(max, Math.max(min, holdDownMs))
    // From now on silence shows by the expiry.
    this.#askMs = NEVER
  }

  #replace(heard: ReadonlyMap<string, Heard>): Replaced {
    const before = this.#heard
    this.#heard = heard
    for (const prefix of before.keys()) if (!heard.has(prefix)) this.#learn(prefix)
    const refused: string[] = []
    let unplaced = 0
    for (const [prefix, entry] of heard) {
      if (before.get(prefix) === entry) continue
      const verdict = this.#learn(prefix)
      if (verdict === 'unplaced') unplaced += 1
      else if (verdict?.is === 'refused') refused.push(verdict.reason)
    }
    return { refused, unplaced }
  }

  #noteRefused(count: number, reason: string): void {
    const { peer, logger, clock } = this.#deps
    this.#refused += count
    if (clock.nowMs() < this.#warnedMs + WARN_PAUSE_MS) return
    this.#warnedMs = clock.nowMs()
    logger.warn({ peerId: peer.id, routes: count, reason }, 'interledger.routes_refused')
  }

  /** Brings the table in line with what was heard of a prefix. `unplaced`: it has no room for that. */
  #learn(prefix: string): Verdict | 'unplaced' | undefined {
    const { peer, table } = this.#deps
    const rules = this.#deps.rules()
    const route = this.#heard.get(prefix)?.route
    const verdict = route === undefined || rules === undefined ? undefined : judgeRoute(route, peer, rules)
    if (route === undefined || verdict?.is !== 'learned') {
      table.forget(peer.id, prefix)
      return verdict
    }
    const learned = { source: 'learned', peerId: peer.id, relation: peer.relation, ...route } as const
    return table.learn(learned) ? verdict : 'unplaced'
  }

  #forgetAll(): void {
    this.#tableId = NO_TABLE
    this.#epoch = 0
    this.#askMs = NEVER
    this.#expiresMs = NEVER
    this.#replace(new Map())
  }
}

function badRequest(text: string): PeerRequestFault {
  return { code: ILP_ERRORS.BAD_REQUEST, text }
}

function tableFull(): PeerRequestFault {
  return { code: ILP_ERRORS.CONNECTOR_BUSY, text: 'our table of routes is full' }
}
