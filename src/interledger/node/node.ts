/**
 * The Interledger node: links, routes, connector, books, reconciliation, receivers and payments, connected. One process at
 * a time is the node.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Kysely } from 'kysely'
import { AppError, accepted, type Clock, type Outcome, type Refusal, refused } from '../../kernel/index.ts'
import type { Ledger } from '../../ledger/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { LeaderTerm } from '../../platform/leadership/index.ts'
import { type DurablePacketBooks, openPacketBooks, peerAccount } from '../books/index.ts'
import type { BtpLimits } from '../btp/index.ts'
import { type Connector, createConnector, PeerBook } from '../connector/index.ts'
import type { HttpAnswer, HttpRequest } from '../http/index.ts'
import { answerIldcp, ILDCP_DESTINATION } from '../ildcp/index.ts'
import type { LinkEvents } from '../link.ts'
import { ILP_ERRORS, type IlpPrepare, type IlpReply, isIlpAddress } from '../packet/index.ts'
import type { PeerTerms } from '../peer.ts'
import type { RateTable } from '../rates/index.ts'
import { createReconciler, RECONCILE_PROTOCOL, type Reconciler } from '../reconcile/index.ts'
import {
  CCP_CONTROL,
  CCP_UPDATE,
  createRouteExchange,
  LostRoutes,
  type RouteExchange,
  RouteTable,
} from '../routing/index.ts'
import type { SpspRequest, SpspResponse } from '../spsp/index.ts'
import { Balances, refreshing } from './balances.ts'
import type { IlpNode, IlpStats } from './ilp-node.ts'
import { NodeStore, type RecordChange, type StoredPeer, type TokenSeal } from './node-store.ts'
import { OwnAddress } from './own-address.ts'
import { PacketRate } from './packet-rate.ts'
import { PaymentStore } from './payment-store.ts'
import { createPayments, type Payments } from './payments.ts'
import { createPeerLinks, type PeerLinks } from './peer-links.ts'
import { createPeersDesk } from './peers-desk.ts'
import { createReceivers, type Receivers } from './receivers.ts'
import { createRoutesDesk } from './routes-desk.ts'
import { type NodeSettings, rateTableOf } from './settings.ts'

/** Answers what a peer asks by a BTP sub-protocol (or its like over HTTP). */
export type PeerAsk = (peerId: string, data: Buffer) => Promise<Buffer | undefined>

export interface NodeSecret extends TokenSeal {
  /** 32 bytes, the same for the same text. */
  derive(info: string): Buffer
}

export interface OpenNodeDeps {
  readonly db: Kysely<Tables>
  readonly ledger: Ledger
  readonly clock: Clock
  readonly logger: Logger
  readonly settings: NodeSettings
  /** When neither the operator nor a parent gives an address. */
  readonly fallbackAddress: string
  readonly secret: NodeSecret
  readonly record: RecordChange
  /** What is written is written while it is held. */
  readonly term: LeaderTerm
  /** The public key (hex) that a name of `/pay/<name>` stands for. */
  readonly keyOfName: (name: string) => Promise<string | undefined>
  /** By the name of the protocol. */
  readonly asks: ReadonlyMap<string, PeerAsk>
  /** The balance of a peer may have changed by packets. Cheap, and called for each. */
  readonly onFulfilled?: (peerId: string) => void
  readonly fetch: typeof fetch
  /** Where they are to be others than `DEFAULT_BTP_LIMITS`. */
  readonly btpLimits?: Partial<BtpLimits>
  /** The node cannot write any more: its owner ends it, and another run goes on. */
  readonly onFailed: (error: unknown) => void
}

/** A node that runs. */
export interface OpenedNode {
  readonly node: IlpNode
  /** Of BTP, at its path. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** `POST /ilp`. */
  receiveHttp(request: HttpRequest): Promise<HttpAnswer>
  /** `GET /.well-known/pay` and `GET /pay/<name>`. */
  answerSpsp(request: SpspRequest): Promise<SpspResponse>
  /** Terms of peers that packets are exchanged with. */
  peers(): readonly PeerTerms[]
  /** Asks a peer by a protocol beside packets. */
  askPeer(peerId: string, protocol: string, data: Buffer, timeoutMs: number): Promise<Buffer | undefined>
  /** Somebody else has booked on a peer's account: by so much it owes us more. */
  noteBooked(peerId: string, change: bigint): void
  /** Takes over rates and spread. The refusal names the setting that cannot be. */
  configure(settings: NodeSettings): Outcome<undefined, string>
  figures(): NodeFigures
  /** Ends links, lets packets come to their end, closes the books. */
  stop(): Promise<void>
}

/** What `/metrics` shows beside the desk. */
export interface NodeFigures {
  readonly connector: Connector['stats']
  readonly books: DurablePacketBooks['stats']
  readonly packetsPerSecond: number
  readonly unresolved: number
  readonly peers: number
  readonly connectedPeers: number
  readonly routes: number
}

/** A day's losses by fulfilments that came too late to a peer: this part of what it may owe us. */
const LOSS_PART = 10n
const PING_WAIT_MS = 10_000

/**
 * Opens the node: reads peers and routes, replays the journal of packets, connects to all peers.
 *
 * @throws AppError CONFIG_INVALID for rates that cannot be read; LEADERSHIP_LOST; ILP_JOURNAL_DAMAGED.
 */
export async function openNode(deps: OpenNodeDeps): Promise<OpenedNode> {
  const rates = rateTableOf(deps.settings)
  if (!rates.ok) throw new AppError('CONFIG_INVALID', `interledger.rates: ${rates.refusal}`)
  const store = new NodeStore({ ...deps, seal: deps.secret })
  const known = await store.peers((peerId) => deps.logger.error({ peerId }, 'interledger.token_lost'))
  const book = new PeerBook({ clock: deps.clock, maxHoldMs: maxHoldMsOf(deps.settings) })
  for (const { terms, state } of known) book.set(terms, state)
  const books = await openPacketBooks({
    db: deps.db,
    ledger: deps.ledger,
    clock: deps.clock,
    logger: deps.logger,
    term: deps.term,
    assetOf: (peerId) => assetIn(book, peerId),
    onFailed: deps.onFailed,
  })
  const node = new Node(deps, { store, book, books, rates: rates.value })
  await node.start(known)
  return node
}

interface NodeParts {
  readonly store: NodeStore
  readonly book: PeerBook
  readonly books: DurablePacketBooks
  readonly rates: RateTable
}

class Node implements OpenedNode {
  readonly node: IlpNode
  readonly #deps: OpenNodeDeps
  readonly #book: PeerBook
  readonly #books: DurablePacketBooks
  readonly #store: NodeStore
  readonly #links: PeerLinks
  readonly #table = new RouteTable()
  readonly #lostRoutes: LostRoutes
  readonly #exchange: RouteExchange
  readonly #address: OwnAddress
  readonly #balances: Balances
  readonly #reconciler: Reconciler
  readonly #connector: Connector
  readonly #receivers: Receivers
  readonly #payments: Payments
  readonly #rate: PacketRate
  readonly #startedAtMs: number
  #settings: NodeSettings
  #rates: RateTable

  constructor(deps: OpenNodeDeps, { store, book, books, rates }: NodeParts) {
    const { ledger, clock, logger, settings, secret } = deps
    this.#deps = deps
    this.#store = store
    this.#book = book
    this.#books = books
    this.#rates = rates
    this.#settings = settings
    this.#startedAtMs = clock.nowMs()
    this.#lostRoutes = new LostRoutes(this.#table, clock)
    this.#links = createPeerLinks({
      clock,
      logger,
      eventsOf: (peerId) => this.#eventsOf(peerId),
      ...(deps.btpLimits !== undefined && { btpLimits: deps.btpLimits }),
    })
    this.#address = new OwnAddress({
      configured: settings.address,
      fallback: deps.fallbackAddress,
      parent: () => this.peers().find(({ relation }) => relation === 'parent'),
      store,
      onChange: () => void this.#reconfigure(),
      clock,
      logger,
    })
    this.#exchange = createRouteExchange({
      table: this.#table,
      send: (peerId, prepare) =>
        this.#links.linkOf(peerId)?.send(prepare) ?? Promise.resolve({ type: 'unsent' }),
      clock,
      logger,
      secret: secret.derive('interledger routes'),
      carriesPeerToPeer: settings.carriesPeerToPeer,
    })
    this.#balances = new Balances({
      book,
      read: async (peerId) => (await ledger.balance(peerAccount(peerId, assetIn(book, peerId)))).balance,
      logger,
    })
    this.#reconciler = createReconciler({
      books: refreshing(books, (peerId) => this.#balances.refreshSoon(peerId)),
      linkOf: (peerId) => this.#links.linkOf(peerId),
      maxLossPerDay: (peerId) => (book.figures(peerId)?.terms.limits.maxReceivable ?? 0n) / LOSS_PART,
      clock,
      logger,
    })
    this.#receivers = createReceivers({
      ownAddress: () => this.#address.current(),
      asset: settings.asset,
      secret: secret.derive('interledger stream'),
      clock,
      keyOfName: deps.keyOfName,
    })
    this.#connector = this.#connect()
    this.#payments = createPayments({
      store: new PaymentStore(deps),
      ledger,
      clock,
      logger,
      fetch: deps.fetch,
      record: deps.record,
      rates: () => this.#rates,
      slippagePpm: () => this.#settings.slippagePpm,
      send: (from, prepare) => this.#connector.send(from, prepare),
      unresolved: () => this.#reconciler.unresolved,
    })
    this.#rate = new PacketRate(
      () => this.#connector.stats.counts.incoming + this.#connector.stats.counts.outgoing,
    )
    this.node = this.#desks()
  }

  async start(known: readonly StoredPeer[]): Promise<void> {
    await this.#address.restore()
    await Promise.all(known.map(({ terms }) => this.#balances.refresh(terms.id)))
    await this.#reconfigure()
    for (const peer of known) if (peer.state === 'active') this.#openLink(peer.terms)
    this.#reconciler.start()
    this.#exchange.start()
    await this.#payments.start()
    const facts = {
      address: this.#address.current() ?? '',
      peers: known.length,
      unresolved: this.#reconciler.unresolved,
    }
    this.#deps.logger.info(facts, 'interledger.started')
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#links.handleUpgrade(request, socket, head)
  }

  receiveHttp(request: HttpRequest): Promise<HttpAnswer> {
    return this.#links.receiveHttp(request)
  }

  answerSpsp(request: SpspRequest): Promise<SpspResponse> {
    return this.#receivers.answerSpsp(request)
  }

  peers(): readonly PeerTerms[] {
    return this.#book.all().flatMap(({ terms, state }) => (state === 'closed' ? [] : [terms]))
  }

  async askPeer(
    peerId: string,
    protocol: string,
    data: Buffer,
    timeoutMs: number,
  ): Promise<Buffer | undefined> {
    return this.#links.linkOf(peerId)?.ask(protocol, data, timeoutMs)
  }

  noteBooked(peerId: string, change: bigint): void {
    this.#book.adjustBalance(peerId, change)
  }

  configure(settings: NodeSettings): Outcome<undefined, string> {
    const rates = rateTableOf(settings)
    if (!rates.ok) return rates
    this.#rates = rates.value
    this.#settings = settings
    return accepted(undefined)
  }

  figures(): NodeFigures {
    const peers = this.#book.all()
    return {
      connector: this.#connector.stats,
      books: this.#books.stats,
      packetsPerSecond: this.#rate.perSecond(),
      unresolved: this.#reconciler.unresolved,
      peers: peers.length,
      connectedPeers: peers.filter(({ isConnected }) => isConnected).length,
      routes: this.#table.size,
    }
  }

  async stop(): Promise<void> {
    this.#address.stop()
    this.#exchange.stop()
    this.#rate.stop()
    // Packets of payments that run are answered as long as the links are open.
    await this.#payments.stop()
    await this.#links.stop()
    await this.#reconciler.stop()
    await this.#connector.close()
    await this.#balances.stop()
    await this.#books.close()
    this.#deps.logger.info('interledger.stopped')
  }

  #connect(): Connector {
    const { clock, logger, settings, onFulfilled = () => {} } = this.#deps
    const books = this.#books
    return createConnector({
      ownAddress: () => this.#address.current(),
      peers: this.#book,
      routes: this.#table,
      isRouteExpected: (destination) => this.#isRouteExpected(destination),
      rates: () => this.#rates,
      books: {
        intend: (intent) => books.intend(intent),
        fulfil: async (intent, fulfillment) => {
          await books.fulfil(intent, fulfillment)
          if (intent.to.kind === 'peer') onFulfilled(intent.to.peerId)
        },
        reject: (id, to) => books.reject(id, to),
        close: () => books.close(),
      },
      unresolved: books.unresolved,
      reconciler: this.#reconciler,
      receivers: [this.#receivers.receiver],
      peerProtocols: new Map([
        [ILDCP_DESTINATION, (peerId: string, prepare: IlpPrepare) => this.#answerIldcp(peerId, prepare)],
        [CCP_CONTROL, (peerId: string, prepare: IlpPrepare) => this.#exchange.onPrepare(peerId, prepare)],
        [CCP_UPDATE, (peerId: string, prepare: IlpPrepare) => this.#exchange.onPrepare(peerId, prepare)],
      ]),
      clock,
      notify: ({ event, level, facts }) => logger[level](facts, event),
      maxHoldMs: maxHoldMsOf(settings),
      maxInFlight: settings.maxInFlight,
    })
  }

  #desks(): IlpNode {
    const { ledger } = this.#deps
    return {
      peers: createPeersDesk({
        store: this.#store,
        book: this.#book,
        apply: (peer) => this.#apply(peer),
        maxHoldMs: maxHoldMsOf(this.#settings),
        reserved: [this.#receivers.receiver.segment],
      }),
      routes: createRoutesDesk({
        table: this.#table,
        store: this.#store,
        hasPeer: (id) => this.peers().some((terms) => terms.id === id),
        reconfigure: () => this.#reconfigure(),
      }),
      payments: {
        quote: (request) => this.#payments.quote(request),
        pay: (request, by) => this.#payments.pay(request, by),
        show: (key) => this.#payments.show(key),
      },
      ledger: {
        getBalance: (account) => ledger.balance(account),
        getTransfers: (account, query) => ledger.statement(account, query),
        subscribeToAccount: (account, onChange) => ledger.subscribe(account, onChange),
      },
      stats: async () => this.#stats(),
      ping: (destination) => this.#ping(destination),
    }
  }

  #stats(): IlpStats {
    const { connector, packetsPerSecond, unresolved, peers, connectedPeers, routes } = this.figures()
    const { incoming, outgoing, fulfilled, rejected } = connector.counts
    return {
      address: this.#address.current() ?? '',
      isActive: true,
      startedAtMs: this.#startedAtMs,
      peers,
      connectedPeers,
      routes,
      packetsPerSecond,
      inFlight: connector.inFlight,
      counts: { incoming, outgoing, fulfilled, rejected },
      unresolved,
    }
  }

  /** An amount of 0 and a condition of random bytes: whoever it is for can only refuse it. */
  async #ping(
    destination: string,
  ): Promise<Outcome<{ readonly tookMs: number; readonly answer: string }, Refusal>> {
    if (!isIlpAddress(destination))
      return refused({ code: 'INVALID', text: `${destination} is no ILP address` })
    const { clock } = this.#deps
    const hop = this.#table.nextHop(destination)
    const asset =
      hop !== undefined && 'peerId' in hop ? assetIn(this.#book, hop.peerId) : this.#settings.asset
    const startedMs = performance.now()
    const reply = await this.#connector.send(
      { path: 'expenses/payments', asset },
      {
        type: 'prepare',
        amount: 0n,
        expiresAtMs: clock.nowMs() + PING_WAIT_MS,
        executionCondition: randomBytes(32),
        destination,
        data: Buffer.alloc(0),
      },
    )
    return accepted({
      tookMs: Math.round((performance.now() - startedMs) * 10) / 10,
      answer: answerText(reply),
    })
  }

  /** Links and routes as the peer's terms and state are now. */
  async #apply({ terms, state }: StoredPeer): Promise<void> {
    const before = this.#book.figures(terms.id)
    this.#book.set(terms, state)
    const link = this.#links.linkOf(terms.id)
    const keepsLink = state === 'closing' && link !== undefined
    if (!keepsLink) {
      if (link !== undefined) await this.#closeLink(terms.id)
      if (state === 'active') this.#openLink(terms)
    }
    if (before === undefined) await this.#balances.refresh(terms.id)
    await this.#reconfigure()
  }

  #openLink(terms: PeerTerms): void {
    this.#book.attach(terms.id, this.#links.open(terms))
  }

  async #closeLink(peerId: string): Promise<void> {
    this.#book.attach(peerId, undefined)
    this.#exchange.remove(peerId)
    await this.#links.close(peerId)
  }

  async #reconfigure(): Promise<Outcome<undefined, Refusal>> {
    const staticRoutes = await this.#store.routes()
    const peers = this.#book.all().flatMap(({ terms, state }) => (state === 'active' ? [terms] : []))
    const outcome = this.#exchange.configure({ ownAddress: this.#address.current(), peers, staticRoutes })
    if (!outcome.ok) this.#deps.logger.error({ why: outcome.refusal.text }, 'interledger.routes_refused')
    return outcome
  }

  #eventsOf(peerId: string): LinkEvents {
    const { asks } = this.#deps
    return {
      onPrepare: (prepare) => this.#connector.handle(peerId, prepare),
      onAsk: async (protocol, data) =>
        protocol === RECONCILE_PROTOCOL
          ? this.#reconciler.answer(peerId, data)
          : asks.get(protocol)?.(peerId, data),
      onOpen: () => this.#opened(peerId),
      onClosed: () => this.#exchange.close(peerId),
    }
  }

  #opened(peerId: string): void {
    const terms = this.#book.figures(peerId)?.terms
    const link = this.#links.linkOf(peerId)
    if (terms === undefined) return
    this.#book.linkOpened(peerId)
    this.#reconciler.opened(peerId)
    this.#exchange.open(terms)
    if (terms.relation === 'parent' && link !== undefined) this.#address.askParent(link)
  }

  /** After a start neighbours have to tell their routes first. */
  #isRouteExpected(destination: string): boolean {
    if (this.#lostRoutes.isExpected(destination)) return true
    return this.#lostRoutes.isNew && this.peers().some(({ exchangesRoutes }) => exchangesRoutes)
  }

  #answerIldcp(peerId: string, prepare: IlpPrepare): IlpReply {
    const terms = this.#book.figures(peerId)?.terms
    const nowMs = this.#deps.clock.nowMs()
    const ownAddress = this.#address.current()
    if (terms !== undefined) return answerIldcp(prepare, terms, { ownAddress, nowMs })
    const triggeredBy = ownAddress ?? ''
    return { type: 'reject', code: ILP_ERRORS.UNREACHABLE, triggeredBy, message: '', data: Buffer.alloc(0) }
  }
}

function maxHoldMsOf({ maxHoldSeconds }: NodeSettings): number {
  return maxHoldSeconds * 1_000
}

function assetIn(book: PeerBook, peerId: string): PeerTerms['asset'] {
  const figures = book.figures(peerId)
  if (figures !== undefined) return figures.terms.asset
  throw new AppError('INTERNAL', `there is no peer ${peerId}`)
}

function answerText(reply: IlpReply): string {
  if (reply.type === 'fulfill') return 'fulfilled'
  return [reply.code, reply.triggeredBy, reply.message].filter((word) => word !== '').join(' ')
}
