/** Settlement of the node's debts: which rails there are, and what it hears of peers. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { resolve } from 'node:path'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Kysely } from 'kysely'
import type { Config } from './config/index.ts'
import { ilpAssetOf, type OpenedNode } from './interledger/node/index.ts'
import { AppError, systemClock } from './kernel/index.ts'
import type { Ledger } from './ledger/index.ts'
import type { Tables } from './platform/database/index.ts'
import type { Logger } from './platform/index.ts'
import { createAccountingApi, createExternalRail } from './settlement/http/index.ts'
import {
  createSettlement,
  type IsLeading,
  type PartySource,
  type PartyTerms,
  type Rail,
  SETTLEMENT_PROTOCOL,
  type Settlement,
} from './settlement/index.ts'
import { createStubRail, openStubChain, type StubChain, startStubMiner } from './settlement/stub/index.ts'

/** What settlement needs of the node. */
export type SettlingNode = Pick<OpenedNode, 'peers' | 'peerTermsOf' | 'askPeer' | 'noteBooked'>

export interface NodeSettlementDeps {
  readonly config: Config
  readonly db: Kysely<Tables>
  readonly ledger: Ledger
  /** Asked when something happens; undefined when the node is not open. */
  readonly node: () => SettlingNode | undefined
  readonly isLeading: IsLeading
  /** 32 bytes, of which the keys of rails without a key of their own are made. */
  readonly secret: Buffer
  readonly logger: Logger
}

/** Settlement while this process is the node. */
export interface NodeSettlement {
  readonly settlement: Settlement
  /** Packets have changed what a peer is owed. */
  notePackets(peerId: string): void
  /** Answers what a peer's settlement asks. */
  answer(peerId: string, data: Buffer): Promise<Buffer | undefined>
  /** RFC-0038, for an engine of somebody else's; undefined without one. */
  readonly accountingApi: ReturnType<typeof createAccountingApi> | undefined
  start(): Promise<void>
  stop(): Promise<void>
}

const PEERS = 'peer'
const ENGINE_RAIL = 'engine'
const STUB_BLOCK_MS = 1_000
/** What a node has on the stub's chain to begin with, from nowhere. */
const STUB_FUNDS = 10n ** 15n
const ENGINE_MESSAGE_TIMEOUT_MS = 10_000

export function openNodeSettlement(deps: NodeSettlementDeps): NodeSettlement {
  const { config, db, ledger, node, isLeading, logger } = deps
  const { rails, faucets, stop: stopRails } = railsOf(deps)
  const settlement = createSettlement({
    db,
    ledger,
    rails,
    parties: [peersAsParties(node)],
    clock: systemClock,
    logger,
    isLeading,
  })
  const { asset } = config.interledger
  return {
    settlement,
    notePackets: (peerId) => {
      if (node() !== undefined) settlement.noteBalance(`${PEERS}/${peerId}`)
    },
    answer: async (peerId, data) =>
      node() === undefined ? undefined : settlement.answer(`${PEERS}/${peerId}`, data),
    accountingApi:
      config.settlement.engineUrl === ''
        ? undefined
        : createAccountingApi({
            settlement,
            rail: ENGINE_RAIL,
            scale: ilpAssetOf(asset).scale,
            findPeer: (id) => {
              const terms = openNodeOf(node).peerTermsOf(id)
              return terms?.settlement.rail === ENGINE_RAIL ? terms : undefined
            },
            sendMessage: async (peerId, message) =>
              node()?.askPeer(peerId, SETTLEMENT_PROTOCOL, message, ENGINE_MESSAGE_TIMEOUT_MS),
            clock: systemClock,
          }),
    start: async () => {
      for (const fill of faucets) await fill()
      settlement.start()
    },
    stop: async () => {
      await settlement.stop()
      stopRails()
    },
  }
}

function railsOf({ config, secret, ledger, logger }: NodeSettlementDeps): {
  readonly rails: readonly Rail[]
  /** What has to be done before they are used. */
  readonly faucets: readonly (() => Promise<void>)[]
  readonly stop: () => void
} {
  const { stubChain, engineUrl, engineToken } = config.settlement
  const { asset } = config.interledger
  const rails: Rail[] = []
  const faucets: (() => Promise<void>)[] = []
  let stop = (): void => {}
  if (stubChain !== '') {
    const chain = openStubChain(resolve(config.data.dir, stubChain), { asset })
    const rail = createStubRail({ asset, chain, secret })
    rails.push(rail)
    faucets.push(() => fillWallet(ledger, chain, rail))
    stop = startStubMiner(chain, { clock: systemClock, logger, everyMs: STUB_BLOCK_MS })
  }
  if (engineUrl !== '') {
    const { scale } = ilpAssetOf(asset)
    const token = engineToken === '' ? {} : { token: engineToken }
    rails.push(createExternalRail({ name: ENGINE_RAIL, asset, scale, url: engineUrl, ...token }))
  }
  return { rails, faucets, stop }
}

/** On the stub's chain money is made for who has none; the books say where it came from. */
async function fillWallet(ledger: Ledger, chain: StubChain, { info, name }: Rail): Promise<void> {
  const { asset, address } = info
  const key = `stub-faucet:${createHash('sha256').update(`${chain.name} ${address}`).digest('hex')}`
  const [posted] = await ledger.post([
    {
      key,
      memo: 'money from nowhere, on the stub chain',
      entries: [
        { path: `assets/settlement/${name}`, asset, side: 'debit', amount: STUB_FUNDS },
        { path: 'equity/stub-faucet', asset, side: 'credit', amount: STUB_FUNDS },
      ],
    },
  ])
  if (posted?.ok === false)
    throw new AppError('INTERNAL', `The stub wallet was not booked: ${posted.refusal.code}.`)
  // Booked first: after a crash in between it is found without anything. One that was spent stays empty.
  if (!chain.read().state.balances.has(address)) chain.mint(address, STUB_FUNDS)
}

function peersAsParties(node: () => SettlingNode | undefined): PartySource {
  return {
    kind: PEERS,
    find: (name) => {
      const terms = openNodeOf(node).peerTermsOf(name)
      return terms === undefined ? undefined : partyTermsOf(terms)
    },
    list: () => openNodeOf(node).peers().map(partyTermsOf),
    ask: async (name, data, timeoutMs) => node()?.askPeer(name, SETTLEMENT_PROTOCOL, data, timeoutMs),
    onBooked: (name, change) => node()?.noteBooked(name, change),
  }
}

/** Without the node nobody can say who is a peer: what was asked is asked again, and nobody takes it for a no. */
function openNodeOf(node: () => SettlingNode | undefined): SettlingNode {
  const opened = node()
  if (opened === undefined) throw new AppError('LEADERSHIP_LOST', 'This process is not the node.')
  return opened
}

type PeerTerms = ReturnType<SettlingNode['peers']>[number]

function partyTermsOf({ id, asset, settlement }: PeerTerms): PartyTerms {
  return { name: id, asset, ...settlement }
}

/** Adds `/settlement/accounts/…`, where an engine tells us of payments and has messages brought to peers. */
export async function addAccountingRoutes(
  app: FastifyInstance,
  { token, api }: { readonly token: string; readonly api: () => NodeSettlement['accountingApi'] },
): Promise<void> {
  const expected = digest(`Bearer ${token}`)
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
    scope.post('/settlement/accounts/*', async ({ method, url, headers, body }, reply) => {
      const isEngine = timingSafeEqual(digest(headers.authorization ?? ''), expected)
      if (!isEngine) return refuse(reply, 401, 'the token of the settlement engine is needed')
      const serve = api()
      const answer = await serve?.({
        method,
        path: url.slice('/settlement'.length).split('?', 1)[0] ?? '',
        headers: Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
        ),
        body: body instanceof Buffer ? body : Buffer.alloc(0),
      }).catch(undefinedWithoutLead)
      if (answer === undefined)
        return refuse(reply, 503, 'this process is not the node; try again in a moment')
      if (answer.contentType !== undefined) reply.type(answer.contentType)
      return reply.code(answer.status).send(answer.body)
    })
  })
}

/** Whoever has lost the lead knows nothing: not that an account is unknown, and not that something has failed. */
function undefinedWithoutLead(error: unknown): undefined {
  if (error instanceof AppError && error.code === 'LEADERSHIP_LOST') return undefined
  throw error
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function refuse(reply: FastifyReply, status: 401 | 503, message: string): FastifyReply {
  const code = status === 401 ? 'NOT_AUTHORIZED' : 'UNAVAILABLE'
  return reply.code(status).send({ error: { code, message } })
}
