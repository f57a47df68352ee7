/** Exchange of routes with all neighbours (CCP): what they tell goes into the table, what is best there is told to them. */
import { randomUUID } from 'node:crypto'
import { accepted, type Clock, type Outcome } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import { faultOfPeerRequest, type PeerRequestFault, peerAnswer, rejectPeerRequest } from '../ildcp/index.ts'
import type { LinkAnswer } from '../link.ts'
import { ILP_ERRORS, type IlpPrepare, type IlpReply } from '../packet/index.ts'
import type { PeerTerms } from '../peer.ts'
import { CCP_CONTROL, CCP_UPDATE, decodeCcpControl, decodeCcpUpdate } from './ccp-packet.ts'
import { announcementOf } from './export-policy.ts'
import { ForwardingLog } from './forwarding-log.ts'
import { type ImportRules, importRules } from './import-policy.ts'
import { configuredRoutes, type LocalRouting } from './local-routing.ts'
import type { Route } from './route.ts'
import { RouteReceiver } from './route-receiver.ts'
import { RouteSender } from './route-sender.ts'
import type { RouteTable } from './route-table.ts'

/** A neighbour, as far as routes go. */
export type RoutePeer = Pick<PeerTerms, 'id' | 'relation' | 'exchangesRoutes'>

export interface RouteExchangeDeps {
  /** Only this exchange changes it from now on. */
  readonly table: RouteTable
  /** Sends a Prepare over the link to a neighbour. Never rejects. */
  readonly send: (peerId: string, prepare: IlpPrepare) => Promise<LinkAnswer>
  readonly clock: Clock
  readonly logger: Logger
  /** 32 bytes, kept over restarts: what begins here can be shown to. */
  readonly secret: Buffer
  /** Neighbours forget what they learned of us after so long without a word. Default 45,000. */
  readonly holdDownMs?: number
  /** Do peers hear of what peers lead to? Default false: see `mayHear`. */
  readonly carriesPeerToPeer?: boolean
  /** Makes identifiers of tables: 16 random bytes as hex. */
  readonly newTableId?: () => string
}

/** How the exchange with one neighbour stands. */
export interface RouteExchangeFacts {
  readonly peerId: string
  readonly isOpen: boolean
  /** Has it asked us to tell it our routes? */
  readonly isTold: boolean
  /** It knows our table up to here … */
  readonly toldEpoch: number
  /** … and we know its one up to here. */
  readonly knownEpoch: number
  /** Routes of it that are in our table. */
  readonly learned: number
  /** Routes that it had no right to tell, since the node started. */
  readonly refused: number
}

export interface RouteExchange {
  /**
   * Says what we know without being told; again whenever an address, a peer or a route of the operator has changed.
   * Refused with `TOO_MANY_ROUTES`, and nothing is changed, when the table cannot hold that.
   */
  configure(local: LocalRouting): Outcome<undefined>
  /** The link to a neighbour can be used, for the first time or again. One that exchanges no routes is left in peace. */
  open(peer: RoutePeer): void
  /** The link is gone: what was learned over it is unlearned. */
  close(peerId: string): void
  /** It is no neighbour any more, or exchanges no routes. */
  remove(peerId: string): void
  /** Answers a Prepare to `peer.route.control` or `peer.route.update`. */
  onPrepare(peerId: string, prepare: IlpPrepare): IlpReply
  /** Asks, tells and forgets what is due by the clock. `start` has it done five times a second. */
  tick(): void
  start(): void
  stop(): void
  facts(): readonly RouteExchangeFacts[]
}

interface Neighbour {
  readonly sender: RouteSender
  readonly receiver: RouteReceiver
  isOpen: boolean
}

const TICK_MS = 200
const HOLD_DOWN_MS = 45_000
const NOTHING: LocalRouting = { ownAddress: undefined, peers: [], staticRoutes: [] }

export function createRouteExchange(deps: RouteExchangeDeps): RouteExchange {
  return new Exchange(deps)
}

class Exchange implements RouteExchange {
  readonly #deps: RouteExchangeDeps
  readonly #log: ForwardingLog
  readonly #neighbours = new Map<string, Neighbour>()
  #local: LocalRouting = NOTHING
  #rules: ImportRules | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(deps: RouteExchangeDeps) {
    this.#deps = deps
    this.#log = new ForwardingLog({ newTableId: deps.newTableId ?? (() => randomUUID().replaceAll('-', '')) })
    deps.table.onChange((prefix, best) => this.#announce(prefix, best))
  }

  configure(local: LocalRouting): Outcome<undefined> {
    const before = { local: this.#local, rules: this.#rules }
    const { ownAddress } = local
    // First, since the table tells its changes at once, and they are announced by the new address.
    this.#local = local
    this.#rules = ownAddress === undefined ? undefined : importRules(ownAddress, local)
    const outcome = this.#deps.table.configure(configuredRoutes(local))
    if (!outcome.ok) {
      this.#local = before.local
      this.#rules = before.rules
      return outcome
    }
    for (const { receiver } of this.#neighbours.values()) receiver.judgeAgain()
    if (ownAddress !== before.local.ownAddress) {
      for (const route of this.#deps.table.bestRoutes()) this.#announce(route.prefix, route)
    }
    return accepted(undefined)
  }

  open(peer: RoutePeer): void {
    if (!peer.exchangesRoutes) {
      this.remove(peer.id)
      return
    }
    const neighbour = this.#neighbours.get(peer.id) ?? this.#meet(peer)
    neighbour.isOpen = true
    // Over a new connection it asks anew: until then it may be another program that knows nothing of us.
    neighbour.sender.close()
    neighbour.receiver.open()
  }

  close(peerId: string): void {
    const neighbour = this.#neighbours.get(peerId)
    if (neighbour === undefined) return
    neighbour.isOpen = false
    neighbour.sender.close()
    neighbour.receiver.close()
  }

  remove(peerId: string): void {
    this.close(peerId)
    this.#neighbours.delete(peerId)
  }

  onPrepare(peerId: string, prepare: IlpPrepare): IlpReply {
    const fault = faultOfPeerRequest(prepare, this.#deps.clock.nowMs()) ?? this.#obey(peerId, prepare)
    return fault === undefined ? peerAnswer() : rejectPeerRequest(fault, this.#local.ownAddress ?? '')
  }

  tick(): void {
    for (const { sender, receiver } of this.#neighbours.values()) {
      receiver.tick()
      sender.tick()
    }
  }

  start(): void {
    this.#timer ??= setInterval(() => this.tick(), TICK_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    for (const { sender } of this.#neighbours.values()) sender.close()
  }

  facts(): readonly RouteExchangeFacts[] {
    return [...this.#neighbours].map(([peerId, { sender, receiver, isOpen }]) => ({
      peerId,
      isOpen,
      isTold: sender.mode === 'sync',
      toldEpoch: sender.toldEpoch,
      knownEpoch: receiver.epoch,
      learned: this.#deps.table.learnedFrom(peerId),
      refused: receiver.refused,
    }))
  }

  #meet(peer: RoutePeer): Neighbour {
    const { table, clock, logger, holdDownMs = HOLD_DOWN_MS, carriesPeerToPeer = false } = this.#deps
    const send = (prepare: IlpPrepare) => this.#deps.send(peer.id, prepare)
    const ownAddress = () => this.#local.ownAddress
    const neighbour: Neighbour = {
      sender: new RouteSender({
        peer,
        log: this.#log,
        ownAddress,
        send,
        clock,
        holdDownMs,
        carriesPeerToPeer,
      }),
      receiver: new RouteReceiver({ peer, table, rules: () => this.#rules, send, clock, logger }),
      isOpen: true,
    }
    this.#neighbours.set(peer.id, neighbour)
    return neighbour
  }

  #obey(peerId: string, { destination, data }: IlpPrepare): PeerRequestFault | undefined {
    const neighbour = this.#neighbours.get(peerId)
    if (neighbour?.isOpen !== true) return badRequest('no routes are exchanged with you')
    if (destination === CCP_CONTROL) {
      const control = decodeCcpControl(data)
      return control.ok ? neighbour.sender.control(control.value) : badRequest(control.refusal)
    }
    if (destination === CCP_UPDATE) {
      const update = decodeCcpUpdate(data)
      return update.ok ? neighbour.receiver.apply(update.value) : badRequest(update.refusal)
    }
    return { code: ILP_ERRORS.UNREACHABLE, text: 'nothing is known of this address' }
  }

  #announce(prefix: string, best: Route | undefined): void {
    const { ownAddress } = this.#local
    const isTold = best !== undefined && ownAddress !== undefined
    const { secret } = this.#deps
    this.#log.record(prefix, isTold ? announcementOf(best, { ownAddress, secret }) : undefined)
  }
}

function badRequest(text: string): PeerRequestFault {
  return { code: ILP_ERRORS.BAD_REQUEST, text }
}
