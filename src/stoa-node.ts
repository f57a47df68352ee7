/**
 * The Interledger node of this process, while it leads in that. Other processes of role `ilp` stand by, and take its place
 * within seconds; all of them ask the one that leads.
 */
import { readFile } from 'node:fs/promises'
import type { AuditRecord } from './audit/index.ts'
import type { Config } from './config/index.ts'
import { type NodeSettings, type OpenedNode, openNode } from './interledger/node/index.ts'
import { createRpcServer, type RpcDesk, type RpcServer, type RpcToken } from './interledger/rpc/index.ts'
import { AppError, systemClock } from './kernel/index.ts'
import { readPubkeyText } from './nostr/index.ts'
import type { ComponentHealth, Logger, UpgradeHandler } from './platform/index.ts'
import {
  type Duties,
  holdsTerm,
  type LeaderLine,
  type Leadership,
  startLeadership,
} from './platform/leadership/index.ts'
import { SETTLEMENT_PROTOCOL } from './settlement/index.ts'
import type { Keyring } from './signer/index.ts'
import { addressReader } from './stoa-client-address.ts'
import { Endings } from './stoa-endings.ts'
import { answerForNode } from './stoa-node-line.ts'
import type { Office } from './stoa-office.ts'
import { type NodeSettlement, openNodeSettlement } from './stoa-settlement.ts'
import { type NodeSettlementDesk, settlementDesk } from './stoa-settlement-desk.ts'

export interface NodeRoomDeps {
  readonly config: () => Config
  readonly office: Pick<Office, 'databaseReady' | 'opened' | 'ledger' | 'audit' | 'people'>
  readonly keyring: Pick<Keyring, 'secretFor'>
  /** Of the relay; an address of our own is made of it. */
  readonly relayPubkey: string
  /** To the process that is the node; undefined where there is but this one. */
  readonly line: LeaderLine | undefined
  readonly logger: Logger
  /** Others than the real ones, for a test. */
  readonly open?: { readonly node?: typeof openNode; readonly settlement?: typeof openNodeSettlement }
}

/** Characters of the relay's key in an address of our own. */
const ADDRESS_CHARACTERS = 20

export class NodeRoom {
  readonly #deps: NodeRoomDeps
  readonly #endings = new Endings()
  /** As it was told last; what the program as a whole has may be older by a moment. */
  #config: Config
  #opened: OpenedNode | undefined
  #settlement: NodeSettlement | undefined
  #settlementDesk: NodeSettlementDesk | undefined
  #rpc: RpcServer | undefined
  #leadership: Leadership | undefined

  constructor(deps: NodeRoomDeps) {
    this.#deps = deps
    this.#config = deps.config()
  }

  /** Undefined while this process is not the node. */
  current(): OpenedNode | undefined {
    return this.#opened
  }

  /** Undefined while this process is not the node. */
  settlement(): NodeSettlement | undefined {
    return this.#settlement
  }

  /** Undefined while this process is not the node. */
  settlementDesk(): NodeSettlementDesk | undefined {
    return this.#settlementDesk
  }

  /** Begins to seek the lead, and returns at once. */
  start(): void {
    const { office, logger } = this.#deps
    const duties: Duties = { begin: (term) => this.#begin(term), end: () => this.#end() }
    const databaseUrl = office.databaseReady().then(({ url }) => url)
    this.#leadership = startLeadership({ databaseUrl, duty: 'ilp', duties, logger })
  }

  /** @throws AppError CONFIG_INVALID when these settings cannot be. */
  configure(config: Config): void {
    const configured = this.#opened?.configure(nodeSettings(config))
    if (configured?.ok === false)
      throw new AppError('CONFIG_INVALID', `interledger.rates: ${configured.refusal}`)
    this.#config = config
  }

  health(): ComponentHealth {
    const leadership = this.#leadership?.health() ?? { status: 'ok', is: 'waiting' }
    const figures = this.#opened?.figures()
    if (figures === undefined) return leadership
    const { peers, connectedPeers, packetsPerSecond, unresolved } = figures
    return { ...leadership, peers, connectedPeers, packetsPerSecond, unresolved }
  }

  /** BTP, where this process is the node. */
  readonly handleBtp: UpgradeHandler = (request, socket, head) => {
    const opened = this.#opened
    if (opened !== undefined) opened.handleUpgrade(request, socket, head)
    else refuseUpgrade(socket)
  }

  /** tRPC, where this process is the node. */
  readonly handleRpc: UpgradeHandler = (request, socket, head) => {
    const rpc = this.#rpc
    if (rpc !== undefined) rpc.handleUpgrade(request, socket, head)
    else refuseUpgrade(socket)
  }

  async stop(): Promise<void> {
    await this.#leadership?.stop()
  }

  async #begin(term: number): Promise<void> {
    const { office, keyring, relayPubkey, line, logger, open = {} } = this.#deps
    const database = await office.opened()
    const ledger = office.ledger()
    const audit = office.audit()
    if (ledger === undefined || audit === undefined)
      throw new AppError('INTERNAL', 'The node is opened before the office.')
    const secret = await keyring.secretFor('interledger')
    const held = { term, duty: 'ilp' } as const
    const addressOf = addressReader(this.#config)
    // A token that is missing or too short is found before any peer is connected to.
    const rpc = createRpcServer({
      desk: this.#desk(),
      tokens: await rpcTokens(this.#config),
      addressOf,
      clock: systemClock,
      logger: logger.child({ part: 'rpc' }),
    })
    const opened = await (open.node ?? openNode)({
      db: database.db,
      ledger,
      clock: systemClock,
      logger: logger.child({ part: 'interledger' }),
      settings: nodeSettings(this.#config),
      fallbackAddress: `private.stoa-${relayPubkey.slice(0, ADDRESS_CHARACTERS)}`,
      secret: {
        derive: (info) => secret.derive(info),
        seal: (plaintext, context) => secret.seal(plaintext, context),
        open: (sealed, context) => {
          const unsealed = secret.open(sealed, context)
          return unsealed.ok ? unsealed.value : undefined
        },
      },
      record: (tx, change) => audit.record(tx, change),
      term: held,
      keyOfName: (name) => keyOfName(office, name),
      asks: new Map([[SETTLEMENT_PROTOCOL, async (peerId, data) => this.#settlement?.answer(peerId, data)]]),
      addressOf,
      onFulfilled: (peerId) => this.#settlement?.notePackets(peerId),
      fetch,
      onFailed: (err) => {
        logger.error({ err }, 'interledger.failed')
        // Half a node would take packets and forget them; whoever is the node next reads the journal.
        this.#leadership?.resign()
      },
    })
    this.#opened = opened
    this.#endings.add(() => {
      this.#opened = undefined
      return opened.stop()
    })
    // What it was told while the journal was replayed.
    this.configure(this.#config)
    const settlement = (open.settlement ?? openNodeSettlement)({
      config: this.#config,
      db: database.db,
      ledger,
      node: () => this.#opened,
      isLeading: (tx) => holdsTerm(tx, held),
      secret: secret.derive('settlement'),
      logger: logger.child({ part: 'settlement' }),
    })
    this.#settlement = settlement
    const writeDown = async (entry: AuditRecord): Promise<void> => {
      await database.db.transaction().execute((tx) => audit.record(tx, entry))
    }
    const desks = { node: opened.node, settlement: settlementDesk(settlement.settlement, writeDown) }
    this.#settlementDesk = desks.settlement
    // Before the node: what a peer has paid meanwhile is still to be told to it.
    this.#endings.add(async () => {
      try {
        await settlement.stop()
      } finally {
        this.#settlement = undefined
        this.#settlementDesk = undefined
      }
    })
    await settlement.start()
    this.#rpc = rpc
    this.#endings.add(() => {
      this.#rpc = undefined
      return rpc.close()
    })
    if (line !== undefined) this.#endings.add(line.answer((what) => answerForNode(desks, what)))
  }

  #end(): Promise<void> {
    return this.#endings.run()
  }

  /** Of the node that is open when it is asked. */
  #desk(): RpcDesk {
    const node = () => this.#opened?.node ?? closed()
    const settlement = () => this.#settlementDesk ?? closed()
    return {
      get node() {
        return node()
      },
      get settlement() {
        return settlement()
      },
    }
  }
}

/** Nobody is let in before it is open, and all are sent away before it is closed. */
function closed(): never {
  throw new AppError('INTERNAL', 'The node was called while it was not open.')
}

export function nodeSettings({ interledger }: Config): NodeSettings {
  return interledger
}

/** Of `/trpc`; none when nobody may come in there. Whether they are long enough is for the server to say. */
async function rpcTokens({ interledger }: Config): Promise<readonly RpcToken[]> {
  const { rpcToken: given, rpcTokenFile } = interledger
  if (given !== '') return [{ token: given, actor: RPC_ACTOR }]
  if (rpcTokenFile === '') return []
  return [{ token: (await readFile(rpcTokenFile, 'utf8')).trim(), actor: RPC_ACTOR }]
}

/** Who shows the token, in the audit log. */
const RPC_ACTOR = { actor: 'trpc', role: 'service' }

/** A key in any spelling, or a name that this community has given out (NIP-05). */
async function keyOfName(office: NodeRoomDeps['office'], name: string): Promise<string | undefined> {
  const key = readPubkeyText(name)
  if (key.ok) return key.value
  const document = await office.people()?.names.document(name)
  return document?.names[name]
}

function refuseUpgrade(socket: Parameters<UpgradeHandler>[1]): void {
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(
    'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
  )
}
