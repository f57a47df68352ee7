/** How a process that is not the Interledger node asks the one that is: each call is a question over the bus. */

import type { IlpNode, PeerFacts, RouteFacts } from './interledger/node/index.ts'
import { accepted, type Outcome, type Refusal, RefusedError, refused } from './kernel/index.ts'
import type { Ledger } from './ledger/index.ts'
import type { LeaderLine } from './platform/leadership/index.ts'
import type { NodeSettlementDesk } from './stoa-settlement-desk.ts'

/** What is asked of the process that is the node, by itself and by others. */
export interface NodeDesks {
  readonly node: IlpNode
  readonly settlement: NodeSettlementDesk
}

type Line = Pick<LeaderLine, 'ask'>

interface NodeQuestion {
  readonly call: string
  /** JSON, with amounts and bytes marked. */
  readonly args: string
}

/** A part of a list; what is left is asked for `from` its end. */
interface Page {
  readonly items: readonly unknown[]
  readonly isLast: boolean
}

/** A payment is waited for until it is over, a settlement until its rail has taken it, a giving up for the rail's round. */
const PAY_TIMEOUT_MS = 120_000
const AMOUNT_MARK = '$bigint'
const BYTES_MARK = '$bytes'
/** The line drops what is above 1 MiB; quotes are escaped twice on the way. */
const MAX_PAGE_BYTES = 256 * 1024
/** 10,000 peers with the longest addresses are half of it. */
const MAX_PAGES = 200

/** What may be called from afar, and how it is done here. The books are read where one is. */
function callsOf({
  node,
  settlement,
}: NodeDesks): Readonly<Record<string, (...args: never[]) => Promise<unknown>>> {
  const { peers, routes, payments } = node
  return {
    'peers.list': paged(() => peers.list()),
    'peers.add': peers.add,
    'peers.change': peers.change,
    'peers.pause': peers.pause,
    'peers.resume': peers.resume,
    'peers.close': peers.close,
    'routes.list': paged(routes.list),
    'routes.add': routes.add,
    'routes.remove': routes.remove,
    'payments.quote': payments.quote,
    'payments.pay': payments.pay,
    'payments.show': payments.show,
    stats: node.stats,
    ping: node.ping,
    'settlement.settle': settlement.settle,
    'settlement.openChannel': settlement.openChannel,
    'settlement.closeChannel': settlement.closeChannel,
    'settlement.listChannels': paged(settlement.listChannels),
    'settlement.channelState': settlement.channelState,
    'settlement.verifyPaymentClaim': settlement.verifyPaymentClaim,
    'settlement.recordClaim': settlement.recordClaim,
    'settlement.claimAllChannels': settlement.claimAllChannels,
    'settlement.orders': paged(settlement.orders),
    'settlement.figures': settlement.figures,
    'settlement.giveUp': settlement.giveUp,
  }
}

/** The list as pages, each short enough for the line. */
function paged<A extends readonly unknown[]>(list: (...args: A) => Promise<readonly unknown[]>) {
  return async (from: number, ...args: A): Promise<Page> => {
    const left = (await list(...args)).slice(from)
    let bytes = 0
    const tooMany = left.findIndex((item, index) => {
      bytes += Buffer.byteLength(written(item))
      return index > 0 && bytes > MAX_PAGE_BYTES
    })
    return tooMany === -1 ? { items: left, isLast: true } : { items: left.slice(0, tooMany), isLast: false }
  }
}

/** Answers a question of `farDesks`, in another process of the same program. */
export async function answerForNode(desks: NodeDesks, what: unknown): Promise<Outcome<unknown, Refusal>> {
  // Written by `farDesks`, perhaps of another version of this program.
  const { call, args } = what as NodeQuestion
  const act = callsOf(desks)[call]
  if (act === undefined) return refused(UNKNOWN)
  // The arguments are what `farDesks` was called with, by the types of the node; JSON has no undefined.
  const given = (read(args) as readonly unknown[]).map((arg) => arg ?? undefined)
  return accepted(written(await act(...(given as never[]))))
}

/**
 * The node as another process has it. Where a call answers with an outcome, a refusal of the line is one; lists, which
 * have none, reject with a `RefusedError`.
 */
export function farDesks(line: Line, ledger: () => Ledger | undefined): NodeDesks {
  const { outcome, value, list } = callsOver(line)
  const books = (): Ledger => {
    const here = ledger()
    if (here !== undefined) return here
    throw new RefusedError(NO_BOOKS)
  }
  return {
    node: {
      peers: {
        list: () => list<PeerFacts>('peers.list', []),
        add: (...args) => outcome('peers.add', args),
        change: (...args) => outcome('peers.change', args),
        pause: (...args) => outcome('peers.pause', args),
        resume: (...args) => outcome('peers.resume', args),
        close: (...args) => outcome('peers.close', args),
      },
      routes: {
        list: (...args) => list<RouteFacts>('routes.list', args),
        add: (...args) => outcome('routes.add', args),
        remove: (...args) => outcome('routes.remove', args),
      },
      payments: {
        quote: (...args) => outcome('payments.quote', args, PAY_TIMEOUT_MS),
        pay: (...args) => outcome('payments.pay', args, PAY_TIMEOUT_MS),
        show: (...args) => outcome('payments.show', args),
      },
      ledger: {
        getBalance: async (account) => books().balance(account),
        getTransfers: async (account, query) => books().statement(account, query),
        subscribeToAccount: (account, onChange) => books().subscribe(account, onChange),
      },
      stats: async () => ({
        ...(await value<Awaited<ReturnType<IlpNode['stats']>>>('stats', [])),
        isActive: false,
      }),
      ping: (...args) => outcome('ping', args, PAY_TIMEOUT_MS),
    },
    settlement: {
      settle: (...args) => outcome('settlement.settle', args, PAY_TIMEOUT_MS),
      openChannel: (...args) => outcome('settlement.openChannel', args, PAY_TIMEOUT_MS),
      closeChannel: (...args) => outcome('settlement.closeChannel', args, PAY_TIMEOUT_MS),
      listChannels: (...args) => list('settlement.listChannels', args),
      channelState: async (...args) => (await value('settlement.channelState', args)) ?? undefined,
      verifyPaymentClaim: (...args) => outcome('settlement.verifyPaymentClaim', args),
      recordClaim: (...args) => outcome('settlement.recordClaim', args),
      claimAllChannels: (...args) => value('settlement.claimAllChannels', args, PAY_TIMEOUT_MS),
      orders: (...args) => list('settlement.orders', args),
      figures: () => value('settlement.figures', []),
      giveUp: (...args) => outcome('settlement.giveUp', args, PAY_TIMEOUT_MS),
    },
  }
}

function callsOver(line: Line) {
  const call = async (
    name: string,
    args: readonly unknown[],
    timeoutMs?: number,
  ): Promise<Outcome<unknown, Refusal>> => {
    const question: NodeQuestion = { call: name, args: written(args) }
    const answer = await line.ask(question, timeoutMs === undefined ? {} : { timeoutMs })
    return answer.ok ? accepted(read(String(answer.value))) : answer
  }
  // What the node's own types say is what another process of the same program has answered.
  const value = async <T>(name: string, args: readonly unknown[], timeoutMs?: number): Promise<T> => {
    const answer = await call(name, args, timeoutMs)
    if (answer.ok) return answer.value as T
    throw new RefusedError(answer.refusal)
  }
  /** What was asked as an outcome is answered as one; so is a refusal of the line. */
  const outcome = async <T>(name: string, args: readonly unknown[], timeoutMs?: number) => {
    const answer = await call(name, args, timeoutMs)
    return answer.ok ? (answer.value as Outcome<T, Refusal>) : answer
  }
  const list = async <T>(name: string, args: readonly unknown[]): Promise<readonly T[]> => {
    const all: T[] = []
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const { items, isLast } = await value<Page>(name, [all.length, ...args])
      all.push(...(items as readonly T[]))
      if (isLast) return all
    }
    throw new RefusedError(TOO_LONG)
  }
  return { outcome, value, list }
}

function written(value: unknown): string {
  return JSON.stringify(value ?? null, function mark(this: unknown, key: string, inner: unknown) {
    if (typeof inner === 'bigint') return { [AMOUNT_MARK]: inner.toString() }
    // A Buffer comes here as what its toJSON made of it.
    const before: unknown = typeof this === 'object' && this !== null ? Reflect.get(this, key) : undefined
    return before instanceof Uint8Array ? { [BYTES_MARK]: Buffer.from(before).toString('hex') } : inner
  })
}

function read(text: string): unknown {
  return JSON.parse(text, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null) return inner
    const amount: unknown = Reflect.get(inner, AMOUNT_MARK)
    if (typeof amount === 'string') return BigInt(amount)
    const bytes: unknown = Reflect.get(inner, BYTES_MARK)
    return typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : inner
  })
}

const UNKNOWN: Refusal = {
  code: 'UNAVAILABLE',
  text: 'the process that is the node does not know this; bring all processes to the same version',
}
const NO_BOOKS: Refusal = {
  code: 'UNAVAILABLE',
  text: 'the database is not ready yet; try again in a moment',
}
const TOO_LONG: Refusal = {
  code: 'UNAVAILABLE',
  text: 'the list is too long to be had from the process that is the node; ask there',
}
