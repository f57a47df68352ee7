/** How a process that is not the Interledger node asks the one that is: each call is a question over the bus. */
import type { IlpNode } from './interledger/node/index.ts'
import { accepted, type Outcome, type Refusal, refused } from './kernel/index.ts'
import type { Ledger } from './ledger/index.ts'
import type { LeaderLine } from './platform/leadership/index.ts'

interface NodeQuestion {
  readonly call: string
  /** JSON, with amounts marked. */
  readonly args: string
}

/** A payment is waited for until it is over. */
const PAY_TIMEOUT_MS = 120_000
const MARK = '$bigint'

/** What may be called from afar, and how it is done here. The books are read where one is. */
function callsOf(node: IlpNode): Readonly<Record<string, (...args: never[]) => Promise<unknown>>> {
  const { peers, routes, payments } = node
  return {
    'peers.list': peers.list,
    'peers.add': peers.add,
    'peers.change': peers.change,
    'peers.pause': peers.pause,
    'peers.resume': peers.resume,
    'peers.close': peers.close,
    'routes.list': routes.list,
    'routes.add': routes.add,
    'routes.remove': routes.remove,
    'payments.quote': payments.quote,
    'payments.pay': payments.pay,
    'payments.show': payments.show,
    stats: node.stats,
    ping: node.ping,
  }
}

/** Answers a question of `farNode`, in another process of the same program. */
export async function answerForNode(node: IlpNode, what: unknown): Promise<Outcome<unknown, Refusal>> {
  // Written by `farNode`, perhaps of another version of this program.
  const { call, args } = what as NodeQuestion
  const act = callsOf(node)[call]
  if (act === undefined) return refused(UNKNOWN)
  // The arguments are what `farNode` was called with, by the types of the node.
  return accepted(written(await act(...(read(args) as never[]))))
}

/** The node as another process has it. */
export function farNode(line: Pick<LeaderLine, 'ask'>, ledger: Ledger): IlpNode {
  const call = async (name: string, args: readonly unknown[], timeoutMs?: number): Promise<unknown> => {
    const question: NodeQuestion = { call: name, args: written(args) }
    const answer = await line.ask(question, timeoutMs === undefined ? {} : { timeoutMs })
    return answer.ok ? read(String(answer.value)) : answer
  }
  /** What was asked as an outcome is answered as one; so is a refusal of the line. */
  const outcome = async <T>(name: string, args: readonly unknown[], timeoutMs?: number) =>
    (await call(name, args, timeoutMs)) as Outcome<T, Refusal>
  const list = async <T>(name: string, args: readonly unknown[]): Promise<readonly T[]> => {
    const answer = await call(name, args)
    return Array.isArray(answer) ? (answer as T[]) : []
  }
  return {
    peers: {
      list: () => list('peers.list', []),
      add: (...args) => outcome('peers.add', args),
      change: (...args) => outcome('peers.change', args),
      pause: (...args) => outcome('peers.pause', args),
      resume: (...args) => outcome('peers.resume', args),
      close: (...args) => outcome('peers.close', args),
    },
    routes: {
      list: (...args) => list('routes.list', args),
      add: (...args) => outcome('routes.add', args),
      remove: (...args) => outcome('routes.remove', args),
    },
    payments: {
      quote: (...args) => outcome('payments.quote', args, PAY_TIMEOUT_MS),
      pay: (...args) => outcome('payments.pay', args, PAY_TIMEOUT_MS),
      show: (...args) => outcome('payments.show', args),
    },
    ledger: {
      getBalance: (account) => ledger.balance(account),
      getTransfers: (account, query) => ledger.statement(account, query),
      subscribeToAccount: (account, onChange) => ledger.subscribe(account, onChange),
    },
    stats: async () => {
      const answer = (await call('stats', [])) as
        | Awaited<ReturnType<IlpNode['stats']>>
        | { readonly ok: false }
      return 'ok' in answer ? NOBODY : { ...answer, isActive: false }
    },
    ping: (...args) => outcome('ping', args, PAY_TIMEOUT_MS),
  }
}

function written(value: unknown): string {
  return JSON.stringify(value ?? null, (_key, inner: unknown) =>
    typeof inner === 'bigint' ? { [MARK]: inner.toString() } : inner,
  )
}

function read(text: string): unknown {
  return JSON.parse(text, (_key, inner: unknown) => {
    const marked = typeof inner === 'object' && inner !== null ? Reflect.get(inner, MARK) : undefined
    return typeof marked === 'string' ? BigInt(marked) : inner
  })
}

const UNKNOWN: Refusal = {
  code: 'UNAVAILABLE',
  text: 'the process that is the node does not know this; bring all processes to the same version',
}

const NOBODY: Awaited<ReturnType<IlpNode['stats']>> = {
  address: '',
  isActive: false,
  startedAtMs: 0,
  peers: 0,
  connectedPeers: 0,
  routes: 0,
  packetsPerSecond: 0,
  inFlight: 0,
  counts: { incoming: 0, outgoing: 0, fulfilled: 0, rejected: {} },
  unresolved: 0,
}
