/** The Interledger node as the rest of this process has it: here, where it may be that, or in the process that is. */
import type { FastifyInstance } from 'fastify'
import type { Config } from './config/index.ts'
import type { IlpNode } from './interledger/node/index.ts'
import type { IlpClient } from './interledger/rpc/index.ts'
import type { ComponentHealth, Logger, UpgradeHandler } from './platform/index.ts'
import type { LeaderLine } from './platform/leadership/index.ts'
import type { Keyring, Signer } from './signer/index.ts'
import type { Endings } from './stoa-endings.ts'
import type { NodeRoom } from './stoa-node.ts'
import type { NodeDesks } from './stoa-node-line.ts'
import type { Office } from './stoa-office.ts'

export interface NodePlaceDeps {
  readonly config: () => Config
  readonly keyring: Pick<Keyring, 'secretFor'>
  readonly relaySigner: Pick<Signer, 'publicKey'>
  /** Undefined until it is there. */
  readonly office: () => Office | undefined
  /** What is opened here is ended with these. */
  readonly endings: Endings
  readonly logger: Logger
}

/** Where peers connect by BTP, and programs by tRPC. They stand here so that the code of the node is read later. */
const BTP_PATH = '/btp'
const RPC_PATH = '/trpc'

export class NodePlace {
  readonly #deps: NodePlaceDeps
  /** Undefined in a process without the role `ilp`, and before it is opened. */
  #room: NodeRoom | undefined
  /** To the process that is the node; undefined where there is but this one. */
  #line: LeaderLine | undefined
  /** The node as it is asked over that line. */
  #far: NodeDesks | undefined
  #client: Promise<IlpClient> | undefined

  constructor(deps: NodePlaceDeps) {
    this.#deps = deps
  }

  /** Undefined where this process cannot be the node, and before it is opened. */
  get room(): NodeRoom | undefined {
    return this.#room
  }

  /** The node, here or where it is; undefined when it cannot be reached from here. */
  desk(): IlpNode | undefined {
    return this.#room?.current()?.node ?? this.#farDesks()?.node
  }

  /** As `desk`, of its settlement. */
  settlementDesk(): NodeDesks['settlement'] | undefined {
    return this.#room?.settlementDesk() ?? this.#farDesks()?.settlement
  }

  /** The same client each time, wherever the node is, and also before it is there. */
  client(): Promise<IlpClient> {
    this.#client ??= this.#openClient().catch((error: unknown) => {
      this.#client = undefined
      throw error
    })
    return this.#client
  }

  /** Begins to seek the lead where this process may be the node, and returns when it has begun. */
  async open(line: LeaderLine | undefined): Promise<void> {
    const { config, keyring, relaySigner, office: officeNow, endings, logger } = this.#deps
    const [{ NodeRoom }, { farDesks }] = await Promise.all([
      import('./stoa-node.ts'),
      import('./stoa-node-line.ts'),
    ])
    this.#line = line
    if (line !== undefined) this.#far = farDesks(line, () => officeNow()?.ledger())
    const office = officeNow()
    if (office === undefined || !config().process.roles.includes('ilp')) return
    const room = new NodeRoom({
      config,
      office,
      keyring,
      relayPubkey: relaySigner.publicKey,
      line,
      logger,
    })
    this.#room = room
    endings.add(() => room.stop())
    room.start()
  }

  /** @throws AppError CONFIG_INVALID when these settings cannot be. */
  configure(config: Config): void {
    this.#room?.configure(config)
  }

  /** Undefined where this process cannot be the node. */
  health(): ComponentHealth | undefined {
    return this.#room?.health()
  }

  /** Who takes the upgrades at a path of the node's; undefined at another's. */
  upgradesAt(path: string): UpgradeHandler | undefined {
    if (path === BTP_PATH) return this.#room?.handleBtp
    return path === RPC_PATH ? this.#room?.handleRpc : undefined
  }

  /** Adds payments and packets over HTTP, where this process may be the node. */
  async addRoutes(app: FastifyInstance): Promise<void> {
    const config = this.#deps.config()
    if (!config.process.roles.includes('ilp')) return
    const [{ addNodeRoutes }, { addAccountingRoutes }, { addressReader }] = await Promise.all([
      import('./interledger/node/index.ts'),
      import('./stoa-settlement.ts'),
      import('./stoa-client-address.ts'),
    ])
    await addNodeRoutes(app, () => this.#room?.current(), addressReader(config))
    const { engineUrl, engineToken } = config.settlement
    if (engineUrl === '') return
    await addAccountingRoutes(app, {
      token: engineToken,
      api: () => this.#room?.settlement()?.accountingApi,
    })
  }

  /** Nothing is asked over the line before there is a ledger here to read from. */
  #farDesks(): NodeDesks | undefined {
    return this.#deps.office()?.ledger() === undefined ? undefined : this.#far
  }

  async #openClient(): Promise<IlpClient> {
    const { config, office, endings, logger } = this.#deps
    const { openIlpClient } = await import('./stoa-node-client.ts')
    const client = await openIlpClient({
      config: config(),
      room: () => this.#room,
      line: () => this.#line,
      ledger: () => office()?.ledger(),
      logger: logger.child({ part: 'ilp-client' }),
    })
    endings.add(() => client.close())
    return client
  }
}
