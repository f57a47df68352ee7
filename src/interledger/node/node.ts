/**
 * The Interledger node: links, routes, connector, books, reconciliation, receivers and payments, connected. One process at
 * a time is the node.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { AppError, accepted, type Outcome } from '../../kernel/index.ts'
import { type DurablePacketBooks, openPacketBooks, peerAccount } from '../books/index.ts'
import { type Connector, createConnector, PeerBook } from '../connector/index.ts'
import type { HttpAnswer, HttpRequest } from '../http/index.ts'
import type { PeerTerms } from '../peer.ts'
import type { RateTable } from '../rates/index.ts'
import { createReconciler, RECONCILE_PROTOCOL, type Reconciler } from '../reconcile/index.ts'
import type { SpspRequest, SpspResponse } from '../spsp/index.ts'
import type { IlpNode, IlpStats } from './ilp-node.ts'
import { Neighbours } from './neighbours.ts'
import { NodeStore, type StoredPeer } from './node-store.ts'
import type { NodeFigures, OpenedNode, OpenNodeDeps } from './opened-node.ts'
import { OwnAddress } from './own-address.ts'
import { PacketRate } from './packet-rate.ts'
import { PaymentStore } from './payment-store.ts'
import { createPayments, type Payments } from './payments.ts'
import { createPeersDesk, type PeersOffice } from './peers-desk.ts'
import { createPing } from './ping.ts'
import { createReceivers, type Receivers } from './receivers.ts'
import { createRoutesDesk } from './routes-desk.ts'
import { type NodeSettings, rateTableOf } from './settings.ts'
import { Turns } from './turns.ts'

/** A day's losses by fulfilments that came too late to a peer: this part of what it may owe us. */
const LOSS_PART = 10n

/**
 * Opens the node: reads peers and routes, replays the journal of packets, connects to all peers. When it fails, nothing of
 * it is left open.
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
  const failing = new AbortController()
  const books = await openPacketBooks({
    db: deps.db,
    ledger: deps.ledger,
    clock: deps.clock,
    logger: deps.logger,
    term: deps.term,
    assetOf: (peerId) => assetIn(book, peerId),
    onFailed: (error) => {
      failing.abort()
      deps.onFailed(error)
    },
  })
  let close = () => books.close()
  try {
    const node = new Node(deps, {
      store,
      known,
      book,
      books,
      booksFailed: failing.signal,
      rates: rates.value,
    })
    close = () => node.stop()
    await node.start()
    return node
  } catch (error) {
    await close().catch((err: unknown) => deps.logger.warn({ err }, 'interledger.not_closed'))
    throw error
  }
}

interface NodeParts {
  readonly store: NodeStore
  readonly known: readonly StoredPeer[]
  readonly book: PeerBook
  readonly books: DurablePacketBooks
  readonly booksFailed: AbortSignal
  readonly rates: RateTable
}

class Node implements OpenedNode {
  readonly node: IlpNode
  readonly #deps: OpenNodeDeps
  readonly #known: readonly StoredPeer[]
  readonly #book: PeerBook
  readonly #books: DurablePacketBooks
  readonly #neighbours: Neighbours
  readonly #address: OwnAddress
  readonly #reconciler: Reconciler
  readonly #connector: Connector
  readonly #receivers: Receivers
  readonly #payments: Payments
  readonly #peersOffice: PeersOffice
  readonly #rate: PacketRate
  readonly #startedAtMs: number
  #settings: NodeSettings
  #rates: RateTable

  constructor(deps: OpenNodeDeps, { store, known, book, books, booksFailed, rates }: NodeParts) {
    const { ledger, clock, logger, settings, secret } = deps
    this.#deps = deps
    this.#known = known
    this.#book = book
    this.#books = books
    this.#rates = rates
    this.#settings = settings
    this.#startedAtMs = clock.nowMs()
    this.#neighbours = this.#meet(store, known)
    this.#address = new OwnAddress({
      configured: settings.address,
      fallback: deps.fallbackAddress,
      parent: () => this.#neighbours.parent,
      store,
      onChange: () => void this.#neighbours.configureRoutes(),
      clock,
      logger,
    })
    this.#reconciler = createReconciler({
      books,
      onBooked: (peerId, change) => book.adjustBalance(peerId, change),
      linkOf: (peerId) => this.#neighbours.linkOf(peerId),
      maxLossPerDay: (peerId) => (this.#neighbours.termsOf(peerId)?.limits.maxReceivable ?? 0n) / LOSS_PART,
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
      booksFailed,
    })
    const turns = new Turns()
    this.#peersOffice = createPeersDesk({
      store,
      book,
      apply: (peer) => this.#apply(peer),
      turns,
      maxHoldMs: maxHoldMsOf(settings),
      reserved: [this.#receivers.receiver.segment],
      logger,
    })
    this.node = this.#desks(store, turns)
    this.#rate = new PacketRate(() => {
      const { incoming, outgoing } = this.#connector.stats.counts
      return incoming + outgoing
    })
  }

  async start(): Promise<void> {
    await this.#address.restore()
    await Promise.all(this.#known.map(({ terms }) => this.#readBalance(terms.id)))
    await this.#neighbours.start()
    this.#reconciler.start()
    await this.#payments.start()
    this.#peersOffice.start()
    const facts = {
      address: this.#address.current() ?? '',
      peers: this.#known.length,
      unresolved: this.#reconciler.unresolved,
    }
    this.#deps.logger.info(facts, 'interledger.started')
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#neighbours.handleUpgrade(request, socket, head)
  }

  receiveHttp(request: HttpRequest): Promise<HttpAnswer> {
    return this.#neighbours.receiveHttp(request)
  }

  answerSpsp(request: SpspRequest): Promise<SpspResponse> {
    return this.#receivers.answerSpsp(request)
  }

  peers(): readonly PeerTerms[] {
    return this.#neighbours.all()
  }

  peerTermsOf(peerId: string): PeerTerms | undefined {
    return this.#neighbours.termsOf(peerId)
  }

  async askPeer(
    peerId: string,
    protocol: string,
    data: Buffer,
    timeoutMs: number,
  ): Promise<Buffer | undefined> {
    return this.#neighbours.linkOf(peerId)?.ask(protocol, data, timeoutMs)
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
    return {
      connector: this.#connector.stats,
      books: this.#books.stats,
      packetsPerSecond: this.#rate.perSecond(),
      unresolved: this.#reconciler.unresolved,
      peers: this.#neighbours.size,
      connectedPeers: this.#neighbours.connected,
      routes: this.#neighbours.table.size,
    }
  }

  async stop(): Promise<void> {
    this.#peersOffice.stop()
    this.#address.stop()
    this.#rate.stop()
    // Packets of payments that run are answered as long as the links are open.
    await this.#payments.stop()
    await this.#neighbours.stop()
    // While the database is away a packet that is being booked waits for it, until the books are closed.
    await Promise.all([this.#reconciler.stop(), this.#connector.close(), this.#books.close()])
    this.#deps.logger.info('interledger.stopped')
  }

  #meet(store: NodeStore, known: readonly StoredPeer[]): Neighbours {
    const { clock, logger, settings, secret, asks, addressOf, btpLimits } = this.#deps
    return new Neighbours(
      {
        book: this.#book,
        store,
        clock,
        logger,
        routesSecret: secret.derive('interledger routes'),
        carriesPeerToPeer: settings.carriesPeerToPeer,
        ...(addressOf !== undefined && { addressOf }),
        ...(btpLimits !== undefined && { btpLimits }),
        ownAddress: () => this.#address.current(),
        onPrepare: (peerId, prepare) => this.#connector.handle(peerId, prepare),
        onAsk: async (peerId, protocol, data) =>
          protocol === RECONCILE_PROTOCOL
            ? this.#reconciler.answer(peerId, data)
            : asks.get(protocol)?.(peerId, data),
        onOpen: ({ id, relation }) => {
          const link = this.#neighbours.linkOf(id)
          this.#reconciler.opened(id)
          if (relation === 'parent' && link !== undefined) this.#address.askParent(link)
        },
      },
      known,
    )
  }

  #connect(): Connector {
    const { clock, logger, settings, onFulfilled = () => {} } = this.#deps
    const books = this.#books
    return createConnector({
      ownAddress: () => this.#address.current(),
      peers: this.#book,
      routes: this.#neighbours.table,
      isRouteExpected: (destination) => this.#neighbours.isRouteExpected(destination),
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
      peerProtocols: this.#neighbours.protocols,
      clock,
      notify: ({ event, level, facts }) => logger[level](facts, event),
      maxHoldMs: maxHoldMsOf(settings),
      maxInFlight: settings.maxInFlight,
    })
  }

  #desks(store: NodeStore, turns: Turns): IlpNode {
    const { ledger, clock } = this.#deps
    const { table } = this.#neighbours
    return {
      peers: this.#peersOffice,
      routes: createRoutesDesk({
        table,
        store,
        hasPeer: (id) => this.peerTermsOf(id) !== undefined,
        apply: () => this.#neighbours.readRoutes(),
        turns,
      }),
      payments: this.#payments,
      ledger: {
        getBalance: (account) => ledger.balance(account),
        getTransfers: (account, query) => ledger.statement(account, query),
        subscribeToAccount: (account, onChange) => ledger.subscribe(account, onChange),
      },
      stats: async () => this.#stats(),
      ping: createPing({
        send: (from, prepare) => this.#connector.send(from, prepare),
        assetTo: (destination) => {
          const hop = table.nextHop(destination)
          return hop !== undefined && 'peerId' in hop ? assetIn(this.#book, hop.peerId) : this.#settings.asset
        },
        clock,
      }),
    }
  }

  #stats(): IlpStats {
    const { connector, packetsPerSecond, unresolved, peers, connectedPeers, routes } = this.figures()
    return {
      address: this.#address.current() ?? '',
      isActive: true,
      startedAtMs: this.#startedAtMs,
      peers,
      connectedPeers,
      routes,
      packetsPerSecond,
      inFlight: connector.inFlight,
      counts: connector.counts,
      unresolved,
    }
  }

  /** Before packets of the peer are taken. */
  async #readBalance(peerId: string): Promise<void> {
    const account = peerAccount(peerId, assetIn(this.#book, peerId))
    await this.#book.refreshBalance(peerId, async () => (await this.#deps.ledger.balance(account)).balance)
  }

  async #apply(peer: StoredPeer): Promise<void> {
    const { id } = peer.terms
    const isNew = this.#book.figures(id) === undefined
    await this.#neighbours.apply(peer)
    if (isNew) await this.#readBalance(id)
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
