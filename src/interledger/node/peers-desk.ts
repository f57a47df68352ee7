/** Peers as operators add, change and close them. What is changed is written down first, then done. */
import { setTimeout as delay } from 'node:timers/promises'
import { accepted, type Outcome, type Refusal, refused } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { PeerBook, PeerFigures } from '../connector/index.ts'
import type { PeerState, PeerTerms } from '../peer.ts'
import type { IlpActor, IlpAnswer, PeerFacts, PeersDesk } from './ilp-node.ts'
import type { NodeStore, StoredPeer } from './node-store.ts'
import type { Turns } from './turns.ts'

export interface PeersDeskDeps {
  readonly store: NodeStore
  readonly book: PeerBook
  /** Opens or closes links and routes of a peer as its terms and state now are. */
  readonly apply: (peer: StoredPeer) => Promise<void>
  /** Of changes of peers and routes. */
  readonly turns: Turns
  /** Packets of a peer that is being closed are at their end after so long. */
  readonly maxHoldMs: number
  /** Segments of our address that are somebody else's. */
  readonly reserved: readonly string[]
  readonly logger: Logger
}

export interface PeersOffice extends PeersDesk {
  /** Closes those that an earlier run has begun to close. */
  start(): void
  /** What is being closed is left to the next start. */
  stop(): void
}

/** Peers of all states together. */
const MAX_PEERS = 10_000
const LOOK_MS = 100
/** Who closes a peer after a start: whoever has begun it stands in the audit log already. */
const NODE: IlpActor = { actor: 'node', role: 'system' }

type Change = (peer: StoredPeer) => Outcome<StoredPeer, Refusal>

export function createPeersDesk({
  store,
  book,
  apply,
  turns,
  maxHoldMs,
  reserved,
  logger,
}: PeersDeskDeps): PeersOffice {
  const stopping = new AbortController()
  const change = (
    id: string,
    { action, make, by }: { readonly action: string; readonly make: Change; readonly by: IlpActor },
  ): IlpAnswer<PeerFacts> =>
    turns.ask(async () => {
      const figures = book.figures(id)
      if (figures === undefined) return refused({ code: 'NOT_FOUND', text: `there is no peer ${id}` })
      if (figures.state === 'closed' || figures.state === 'closing')
        return refused({ code: 'CONFLICT', text: `${id} is closed for good; add it anew under another id` })
      const changed = make({ terms: figures.terms, state: figures.state })
      if (!changed.ok) return changed
      if ((await store.putPeer(changed.value, action, by)) === 'taken') return refused(TAKEN)
      await apply(changed.value)
      return factsOf(book, id)
    })
  const toState = (id: string, state: PeerState, by: IlpActor) =>
    change(id, { action: `ilp.peer.${state}`, make: ({ terms }) => accepted({ terms, state }), by })

  /** Packets under way end first. */
  const closeBehind = async (id: string, by: IlpActor): Promise<void> => {
    const wait = { ref: false, signal: stopping.signal }
    for (let waitedMs = 0; waitedMs < maxHoldMs && isBusy(book.figures(id)); waitedMs += LOOK_MS)
      await delay(LOOK_MS, undefined, wait)
    await turns.take(async () => {
      const figures = book.figures(id)
      if (figures?.state !== 'closing') return
      await store.setState(id, 'closed', by)
      await apply({ terms: figures.terms, state: 'closed' })
    })
  }
  const beginClosing = (id: string, by: IlpActor): void => {
    // What it does not get done is done at the next start.
    void closeBehind(id, by).catch((err: unknown) => {
      if (!stopping.signal.aborted) logger.warn({ err, peerId: id }, 'interledger.peer_not_closed')
    })
  }

  return {
    list: async () => book.all().map(shown),
    add: (terms, by) =>
      turns.ask(async () => {
        if (book.figures(terms.id) !== undefined)
          return refused({ code: 'CONFLICT', text: `there is a peer ${terms.id} already` })
        if (reserved.includes(terms.id))
          return refused({ code: 'INVALID', text: `${terms.id} means something else; choose another id` })
        const all = book.all()
        if (all.length >= MAX_PEERS)
          return refused({ code: 'CONFLICT', text: `there are ${MAX_PEERS} peers, and that is the most` })
        if (terms.relation === 'parent' && all.some(isLivingParent)) return refused(ONE_PARENT)
        const peer: StoredPeer = { terms, state: 'active' }
        if ((await store.putPeer(peer, 'ilp.peer.added', by)) === 'taken') return refused(TAKEN)
        await apply(peer)
        return factsOf(book, terms.id)
      }),
    change: (id, patch, by) =>
      change(id, {
        action: 'ilp.peer.changed',
        make: ({ terms, state }) => accepted({ terms: { ...terms, ...patch }, state }),
        by,
      }),
    pause: (id, by) => toState(id, 'paused', by),
    resume: (id, by) => toState(id, 'active', by),
    close: async (id, by) => {
      const closing = await toState(id, 'closing', by)
      if (closing.ok) beginClosing(id, by)
      return closing
    },
    start: () => {
      for (const { terms, state } of book.all()) if (state === 'closing') beginClosing(terms.id, NODE)
    },
    stop: () => stopping.abort(),
  }
}

const TAKEN: Refusal = { code: 'CONFLICT', text: 'another peer shows this token; each needs one of its own' }
const ONE_PARENT: Refusal = { code: 'CONFLICT', text: 'there is a parent already; close it first' }

function isLivingParent({ terms, state }: PeerFigures): boolean {
  return terms.relation === 'parent' && state !== 'closed'
}

function isBusy(figures: PeerFigures | undefined): boolean {
  return figures !== undefined && figures.incoming.packets + figures.outgoing.packets > 0
}

function factsOf(book: PeerBook, id: string): Outcome<PeerFacts, Refusal> {
  const figures = book.figures(id)
  return figures === undefined
    ? refused({ code: 'NOT_FOUND', text: `there is no peer ${id}` })
    : accepted(shown(figures))
}

/** Without tokens. */
function shown({
  terms,
  state,
  isConnected,
  balance,
  incoming,
  outgoing,
  isTripped,
  counts,
}: PeerFigures): PeerFacts {
  const { link, ...rest } = terms
  return {
    ...rest,
    state,
    link: linkShown(link),
    isConnected,
    balance,
    incomingInFlight: incoming.amount,
    outgoingInFlight: outgoing.amount,
    isTripped,
    counts,
  }
}

function linkShown(link: PeerTerms['link']): PeerFacts['link'] {
  return link.kind === 'btp-server' ? { kind: link.kind } : { kind: link.kind, url: link.url }
}
