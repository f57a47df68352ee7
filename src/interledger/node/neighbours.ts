import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { isDeepStrictEqual } from 'node:util'
import type { Clock, Outcome, Refusal } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { BtpLimits } from '../btp/index.ts'
import type { PeerBook, PeerProtocol } from '../connector/index.ts'
import type { HttpAnswer, HttpRequest } from '../http/index.ts'
import { answerIldcp, ILDCP_DESTINATION } from '../ildcp/index.ts'
import type { Link, LinkEvents } from '../link.ts'
import { ILP_ERRORS, type IlpPrepare, type IlpReply } from '../packet/index.ts'
import type { PeerTerms } from '../peer.ts'
import {
  CCP_CONTROL,
  CCP_UPDATE,
  createRouteExchange,
  LostRoutes,
  type RouteExchange,
  RouteTable,
} from '../routing/index.ts'
import type { NodeStore, StoredPeer, StoredRoute } from './node-store.ts'
import type { AddressOf } from './opened-node.ts'
import { createPeerLinks, type PeerLinks } from './peer-links.ts'

export interface NeighboursDeps {
  /** What is known of peers as packets pass; from now on only this changes their terms and links. */
  readonly book: PeerBook
  readonly store: Pick<NodeStore, 'routes'>
  readonly clock: Clock
  readonly logger: Logger
  /** 32 bytes, as `createRouteExchange` wants them. */
  readonly routesSecret: Buffer
  readonly carriesPeerToPeer: boolean
  readonly addressOf?: AddressOf
  readonly btpLimits?: Partial<BtpLimits>
  readonly ownAddress: () => string | undefined
  /** A Prepare of a peer. Never rejects. */
  readonly onPrepare: (peerId: string, prepare: IlpPrepare) => Promise<IlpReply>
  /** Something beside packets; undefined when the protocol is not known. */
  readonly onAsk: (peerId: string, protocol: string, data: Buffer) => Promise<Buffer | undefined>
  /** The link to a peer can be used, for the first time or again. */
  readonly onOpen: (terms: PeerTerms) => void
}

/** Whom packets are exchanged with: their terms, the links to them, and the routes that go over those. */
export class Neighbours {
  readonly table = new RouteTable()
  readonly #deps: NeighboursDeps
  readonly #links: PeerLinks
  readonly #exchange: RouteExchange
  readonly #lostRoutes: LostRoutes
  /** All but those that are closed. */
  readonly #terms = new Map<string, PeerTerms>()
  /** Asked for each packet and each answer: looking through a thousand peers takes longer than the packet. */
  #parent: PeerTerms | undefined
  #areRoutesTold = false
  #staticRoutes: readonly StoredRoute[] = []
  #isStopped = false

  constructor(deps: NeighboursDeps, known: readonly StoredPeer[]) {
    const { clock, logger, routesSecret, carriesPeerToPeer, addressOf, btpLimits } = deps
    this.#deps = deps
    this.#lostRoutes = new LostRoutes(this.table, clock)
    this.#links = createPeerLinks({
      clock,
      logger,
      eventsOf: (peerId) => this.#eventsOf(peerId),
      ...(addressOf !== undefined && { addressOf }),
      ...(btpLimits !== undefined && { btpLimits }),
    })
    this.#exchange = createRouteExchange({
      table: this.table,
      send: (peerId, prepare) => this.linkOf(peerId)?.send(prepare) ?? Promise.resolve({ type: 'unsent' }),
      clock,
      logger,
      secret: routesSecret,
      carriesPeerToPeer,
    })
    for (const { terms, state } of known) if (state !== 'closed') this.#terms.set(terms.id, terms)
    this.#lookThrough()
  }

  /** Terms of those that are not closed. */
  all(): readonly PeerTerms[] {
    return [...this.#terms.values()]
  }

  /** Of one that is not closed. */
  termsOf(peerId: string): PeerTerms | undefined {
    return this.#terms.get(peerId)
  }

  get size(): number {
    return this.#terms.size
  }

  get parent(): PeerTerms | undefined {
    return this.#parent
  }

  linkOf(peerId: string): Link | undefined {
    return this.#links.linkOf(peerId)
  }

  get connected(): number {
    let connected = 0
    for (const id of this.#terms.keys()) if (this.linkOf(id)?.isConnected === true) connected++
    return connected
  }

  /** There is no route to it now; may there be one in a moment? After a start neighbours have to tell theirs first. */
  isRouteExpected(destination: string): boolean {
    return this.#lostRoutes.isExpected(destination) || (this.#lostRoutes.isNew && this.#areRoutesTold)
  }

  /** What a neighbour asks of us by a packet, by its address. */
  get protocols(): ReadonlyMap<string, PeerProtocol> {
    const exchange: PeerProtocol = (peerId, prepare) => this.#exchange.onPrepare(peerId, prepare)
    return new Map<string, PeerProtocol>([
      [ILDCP_DESTINATION, (peerId, prepare) => this.#answerIldcp(peerId, prepare)],
      [CCP_CONTROL, exchange],
      [CCP_UPDATE, exchange],
    ])
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#links.handleUpgrade(request, socket, head)
  }

  receiveHttp(request: HttpRequest): Promise<HttpAnswer> {
    return this.#links.receiveHttp(request)
  }

  /** Opens the links of those that are active. */
  async start(): Promise<void> {
    await this.readRoutes()
    for (const { terms, state } of this.#deps.book.all()) if (state === 'active') this.#openLink(terms)
    this.#exchange.start()
  }

  /** Ends the links; whoever is changed from now on gets none. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#exchange.stop()
    await this.#links.stop()
  }

  /** Link and routes as the peer's terms and state are now. */
  async apply({ terms, state }: StoredPeer): Promise<void> {
    const { book } = this.#deps
    const before = book.figures(terms.id)
    book.set(terms, state)
    if (state === 'closed') this.#terms.delete(terms.id)
    else this.#terms.set(terms.id, terms)
    this.#lookThrough()
    const link = this.linkOf(terms.id)
    const isKept =
      state === 'closing' ||
      (state === 'active' && before?.state === state && isDeepStrictEqual(before.terms.link, terms.link))
    if (link !== undefined && isKept) {
      if (before?.terms.exchangesRoutes !== terms.exchangesRoutes) this.#noteExchange(terms, link)
    } else {
      if (link !== undefined) await this.#closeLink(terms.id)
      if (state === 'active') this.#openLink(terms)
    }
    this.configureRoutes()
  }

  /** Takes over the operator's routes as the database has them. */
  async readRoutes(): Promise<Outcome<undefined, Refusal>> {
    this.#staticRoutes = await this.#deps.store.routes()
    return this.configureRoutes()
  }

  /** Routes as our address and the peers are now. */
  configureRoutes(): Outcome<undefined, Refusal> {
    const { book, ownAddress, logger } = this.#deps
    const outcome = this.#exchange.configure({
      ownAddress: ownAddress(),
      peers: book.all().flatMap(({ terms, state }) => (state === 'active' ? [terms] : [])),
      staticRoutes: this.#staticRoutes,
    })
    if (!outcome.ok) logger.error({ why: outcome.refusal.text }, 'interledger.routes_refused')
    return outcome
  }

  #lookThrough(): void {
    const all = this.all()
    this.#parent = all.find(({ relation }) => relation === 'parent')
    this.#areRoutesTold = all.some(({ exchangesRoutes }) => exchangesRoutes)
  }

  #openLink(terms: PeerTerms): void {
    if (this.#isStopped) return
    this.#deps.book.attach(terms.id, this.#links.open(terms))
  }

  async #closeLink(peerId: string): Promise<void> {
    this.#deps.book.attach(peerId, undefined)
    this.#exchange.remove(peerId)
    await this.#links.close(peerId)
  }

  /** The link stays, and whether routes go over it has changed. */
  #noteExchange(terms: PeerTerms, link: Link): void {
    if (!terms.exchangesRoutes) this.#exchange.remove(terms.id)
    else if (link.isConnected) this.#exchange.open(terms)
  }

  #eventsOf(peerId: string): LinkEvents {
    const { onPrepare, onAsk } = this.#deps
    return {
      onPrepare: (prepare) => onPrepare(peerId, prepare),
      onAsk: (protocol, data) => onAsk(peerId, protocol, data),
      onOpen: () => this.#opened(peerId),
      onClosed: () => this.#exchange.close(peerId),
    }
  }

  #opened(peerId: string): void {
    const terms = this.termsOf(peerId)
    if (terms === undefined) return
    this.#deps.book.linkOpened(peerId)
    this.#exchange.open(terms)
    this.#deps.onOpen(terms)
  }

  #answerIldcp(peerId: string, prepare: IlpPrepare): IlpReply {
    const { clock, ownAddress } = this.#deps
    const terms = this.termsOf(peerId)
    const address = ownAddress()
    if (terms !== undefined) return answerIldcp(prepare, terms, { ownAddress: address, nowMs: clock.nowMs() })
    const triggeredBy = address ?? ''
    return { type: 'reject', code: ILP_ERRORS.UNREACHABLE, triggeredBy, message: '', data: Buffer.alloc(0) }
  }
}
