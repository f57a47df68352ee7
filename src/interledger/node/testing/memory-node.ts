/** A node without packets: it remembers peers, routes and payments as the real one does, and pays nobody. */
import { accepted, type Outcome, type Refusal, refused } from '../../../kernel/index.ts'
import type { AccountChange, AccountId } from '../../../ledger/index.ts'
import type { PeerState, PeerTerms } from '../../peer.ts'
import type { IlpActor, IlpNode, PaymentFacts, PaymentRequest, PeerFacts, RouteFacts } from '../ilp-node.ts'

export interface MemoryNode {
  readonly node: IlpNode
  readonly done: { readonly by: IlpActor; readonly what: string }[]
  /** Tells whoever subscribed. */
  change(change: AccountChange): void
  readonly subscribers: () => number
}

const AT_MS = 1_700_000_000_000
const NOT_THERE: Refusal = { code: 'NOT_FOUND', text: 'there is no such thing' }
const COUNTS = { incoming: 3, outgoing: 2, fulfilled: 1, rejected: { F02: 2 }, lost: 1, wrong: 0, late: 0 }

export function createMemoryNode(): MemoryNode {
  const done: MemoryNode['done'] = []
  const peers = new Map<string, PeerFacts>()
  const routes = new Map<string, RouteFacts>()
  const payments = new Map<string, PaymentFacts>()
  const listeners = new Set<{ account: AccountId; tell: (change: AccountChange) => void }>()
  const setState = async (
    id: string,
    state: PeerState,
    by: IlpActor,
  ): Promise<Outcome<PeerFacts, Refusal>> => {
    const peer = peers.get(id)
    if (peer === undefined) return refused(NOT_THERE)
    const changed = { ...peer, state }
    peers.set(id, changed)
    done.push({ by, what: `${state} ${id}` })
    return accepted(changed)
  }
  const node: IlpNode = {
    peers: {
      list: async () => [...peers.values()],
      add: async (terms, by) => {
        if (peers.has(terms.id)) return refused({ code: 'CONFLICT', text: `there is a peer ${terms.id}` })
        const peer = factsOf(terms)
        peers.set(terms.id, peer)
        done.push({ by, what: `add ${terms.id}` })
        return accepted(peer)
      },
      change: async (id, { link: _, ...patch }, by) => {
        const peer = peers.get(id)
        if (peer === undefined) return refused(NOT_THERE)
        const changed = { ...peer, ...patch }
        peers.set(id, changed)
        done.push({ by, what: `change ${id}` })
        return accepted(changed)
      },
      pause: (id, by) => setState(id, 'paused', by),
      resume: (id, by) => setState(id, 'active', by),
      close: (id, by) => setState(id, 'closed', by),
    },
    routes: {
      list: async ({ after = '', limit = 100 } = {}) =>
        [...routes.values()].filter(({ prefix }) => prefix > after).slice(0, limit),
      add: async ({ prefix, peerId }, by) => {
        const route = { prefix, peerId, source: 'static', path: [] }
        routes.set(prefix, route)
        done.push({ by, what: `route ${prefix}` })
        return accepted(route)
      },
      remove: async (prefix, by) => {
        done.push({ by, what: `unroute ${prefix}` })
        return routes.delete(prefix) ? accepted(undefined) : refused(NOT_THERE)
      },
    },
    payments: {
      quote: async ({ to, asset, send, deliver }) =>
        accepted({
          to,
          asset,
          destinationCode: 'XRP',
          destinationScale: 6,
          send: send ?? deliver ?? 0n,
          deliver: deliver ?? send ?? 0n,
        }),
      pay: async (request, by) => {
        const known = payments.get(request.key)
        if (known !== undefined) return accepted(known)
        const payment = paid(request)
        payments.set(request.key, payment)
        done.push({ by, what: `pay ${request.key}` })
        return accepted(payment)
      },
      show: async (key) => {
        const payment = payments.get(key)
        return payment === undefined ? refused(NOT_THERE) : accepted(payment)
      },
    },
    ledger: {
      getBalance: async (account) => ({ ...account, balance: 2n ** 80n, held: 0n }),
      getTransfers: async () => ({ lines: [], next: undefined }),
      subscribeToAccount: (account, tell) => {
        const listener = { account, tell }
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    },
    stats: async () => ({
      address: 'test.memory',
      isActive: true,
      startedAtMs: AT_MS,
      peers: peers.size,
      connectedPeers: 0,
      routes: routes.size,
      packetsPerSecond: 0.5,
      inFlight: 0,
      counts: COUNTS,
      unresolved: 0,
    }),
    ping: async (destination) =>
      destination.startsWith('test.')
        ? accepted({ tookMs: 1.5, answer: 'F06 test.memory' })
        : refused({ code: 'INVALID', text: 'nobody leads there' }),
  }
  return {
    node,
    done,
    change: (change) => {
      for (const { account, tell } of listeners)
        if (account.path === change.path && account.asset === change.asset) tell(change)
    },
    subscribers: () => listeners.size,
  }
}

function factsOf({ link, ...terms }: PeerTerms): PeerFacts {
  return {
    ...terms,
    state: 'active',
    link: link.kind === 'btp-server' ? { kind: link.kind } : { kind: link.kind, url: link.url },
    isConnected: false,
    balance: -5n,
    incomingInFlight: 0n,
    outgoingInFlight: 0n,
    isTripped: false,
    counts: COUNTS,
  }
}

function paid({ key, to, asset, send, deliver }: PaymentRequest): PaymentFacts {
  return {
    key,
    to,
    state: 'done',
    asset,
    sent: send ?? deliver ?? 0n,
    delivered: deliver ?? send ?? 0n,
    destinationCode: 'XRP',
    destinationScale: 6,
    reason: '',
    startedAtMs: AT_MS,
  }
}
