/**
 * The Interledger node of this process, while it leads in that. Other processes of role `ilp` stand by, and take its place
 * within seconds; all of them ask the one that leads.
 */
import { readFile } from 'node:fs/promises'
import type { Config } from './config/index.ts'
import { type NodeSettings, type OpenedNode, openNode } from './interledger/node/index.ts'
import { createRpcServer, type RpcServer, type RpcToken } from './interledger/rpc/index.ts'
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
import { answerForNode } from './stoa-node-line.ts'
import type { Office } from './stoa-office.ts'
import { type NodeSettlement, openNodeSettlement } from './stoa-settlement.ts'

export interface NodeRoomDeps {
  readonly config: () => Config
  readonly office: Office
  readonly keyring: Keyring
  /** Of the relay; an address of our own is made of it. */
  readonly relayPubkey: string
  /** To the process that is the node; undefined where there is but this one. */
  readonly line: LeaderLine | undefined
  readonly logger: Logger
}

/** Characters of the relay's key in an address of our own. */
const ADDRESS_CHARACTERS = 20

export class NodeRoom {
  readonly #deps: NodeRoomDeps
  #opened: OpenedNode | undefined
  #settlement: NodeSettlement | undefined
  #rpc: RpcServer | undefined
  #leadership: Leadership | undefined
  #stopAnswering: () => void = () => {}

  constructor(deps: NodeRoomDeps) {
    this.#deps = deps
  }

  /** Undefined while this process is not the node. */
  current(): OpenedNode | undefined {
    return this.#opened
  }

  /** Undefined while this process is not the node. */
  settlement(): NodeSettlement | undefined {
    return this.#settlement
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
    const { config, office, keyring, relayPubkey, line, logger } = this.#deps
    const database = await office.opened()
    const ledger = office.ledger()
    const audit = office.audit()
    if (ledger === undefined || audit === undefined)
      throw new AppError('INTERNAL', 'The node is opened before the office.')
    const secret = await keyring.secretFor('interledger')
    const held = { term, duty: 'ilp' } as const
    this.#opened = await openNode({
      db: database.db,
      ledger,
      clock: systemClock,
      logger: logger.child({ part: 'interledger' }),
      settings: nodeSettings(config()),
      fallbackAddress: `private.stoa-${relayPubkey.slice(0, ADDRESS_CHARACTERS)}`,
      secret: {
        derive: (info) => secret.derive(info),
        seal: (plaintext, context) => secret.seal(plaintext, context),
        open: (sealed, context) => {
          const opened = secret.open(sealed, context)
          return opened.ok ? opened.value : undefined
        },
      },
      record: (tx, change) => audit.record(tx, change),
      term: held,
      keyOfName: (name) => keyOfName(office, name),
      asks: new Map([[SETTLEMENT_PROTOCOL, async (peerId, data) => this.#settlement?.answer(peerId, data)]]),
      onFulfilled: (peerId) => this.#settlement?.notePackets(peerId),
      fetch,
      onFailed: (err) => {
        logger.error({ err }, 'interledger.failed')
        // Half a node would take packets and forget them; whoever is the node next reads the journal.
        this.#leadership?.resign()
      },
    })
    this.#settlement = openNodeSettlement({
      config: config(),
      db: database.db,
      ledger,
      node: () => this.#opened,
      isLeading: (tx) => holdsTerm(tx, held),
      secret: secret.derive('settlement'),
      logger: logger.child({ part: 'settlement' }),
    })
    await this.#settlement.start()
    const { node } = this.#opened
    const { settlement } = this.#settlement
    this.#rpc = createRpcServer({
      desk: { node, settlement },
      tokens: await rpcTokens(config()),
      logger: logger.child({ part: 'rpc' }),
    })
    this.#stopAnswering = line?.answer((what) => answerForNode(node, what)) ?? (() => {})
  }

  async #end(): Promise<void> {
    this.#stopAnswering()
    const rpc = this.#rpc
    this.#rpc = undefined
    await rpc?.close()
    const [opened, settlement] = [this.#opened, this.#settlement]
    this.#opened = undefined
    this.#settlement = undefined
    await settlement?.stop()
    await opened?.stop()
  }
}

export function nodeSettings({ interledger }: Config): NodeSettings {
  return interledger
}

/** Of `/trpc`; none when nobody may come in there. */
async function rpcTokens({ interledger }: Config): Promise<readonly RpcToken[]> {
  const { rpcToken: given, rpcTokenFile } = interledger
  if (given !== '') return [{ token: given, actor: RPC_ACTOR }]
  if (rpcTokenFile === '') return []
  const token = (await readFile(rpcTokenFile, 'utf8')).trim()
  if (token.length >= MIN_TOKEN_LENGTH) return [{ token, actor: RPC_ACTOR }]
  throw new AppError(
    'CONFIG_INVALID',
    `interledger.rpcTokenFile: the token has ${token.length} characters, and ${MIN_TOKEN_LENGTH} are the least.`,
  )
}

const MIN_TOKEN_LENGTH = 32
/** Who shows the token, in the audit log. */
const RPC_ACTOR = { actor: 'trpc', role: 'service' }

/** A key in any spelling, or a name that this community has given out (NIP-05). */
async function keyOfName(office: Office, name: string): Promise<string | undefined> {
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
