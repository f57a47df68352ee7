/** Routes: which addresses a neighbour leads to, who says so, and which of two is better. */
import type { PeerRelation } from '../peer.ts'

/** Set by us: for our own address, by the operator, for a child's address, and for everything else. */
export type ConfiguredRoute =
  | { readonly source: 'own'; readonly prefix: string }
  | {
      readonly source: 'static' | 'child' | 'parent'
      /** An ILP address prefix; empty for everything. */
      readonly prefix: string
      readonly peerId: string
      readonly relation: PeerRelation
    }

/** Told by a neighbour. */
export interface LearnedRoute {
  readonly source: 'learned'
  readonly prefix: string
  readonly peerId: string
  readonly relation: PeerRelation
  /** Addresses of the nodes from here to there, the neighbour's first. */
  readonly path: readonly string[]
  /** 32 bytes, as the neighbour sent them. */
  readonly auth: Buffer
}

export type Route = ConfiguredRoute | LearnedRoute
export type RouteSource = Route['source']

/** Where a packet goes: to a neighbour, or it has arrived at this node. */
export type NextHop = { readonly peerId: string } | { readonly local: true }

/** For one prefix, the lower goes first. */
const SOURCE_RANK: Readonly<Record<RouteSource, number>> = {
  own: 0,
  static: 1,
  child: 2,
  learned: 3,
  parent: 4,
}
/** We are paid by children, share with peers, and pay parents (Gao and Rexford, "Stable Internet Routing"). */
const RELATION_RANK: Readonly<Record<PeerRelation, number>> = { child: 0, peer: 1, parent: 2 }

/**
 * Which of two routes to the same prefix is better: negative for `a`. By source, then by relation, then the shorter path,
 * then by the id of the neighbour, so that the order never depends on who came first.
 */
export function compareRoutes(a: Route, b: Route): number {
  const bySource = SOURCE_RANK[a.source] - SOURCE_RANK[b.source]
  if (bySource !== 0 || a.source === 'own' || b.source === 'own') return bySource
  const byRelation = RELATION_RANK[a.relation] - RELATION_RANK[b.relation]
  if (byRelation !== 0) return byRelation
  const byLength = hopsOf(a) - hopsOf(b)
  if (byLength !== 0) return byLength
  if (a.peerId === b.peerId) return 0
  return a.peerId < b.peerId ? -1 : 1
}

function hopsOf(route: Route): number {
  return route.source === 'learned' ? route.path.length : 0
}

/** Do both say the same? */
export function isSameRoute(a: Route, b: Route): boolean {
  if (a === b) return true
  if (a.prefix !== b.prefix || a.source !== b.source) return false
  if (a.source === 'own' || b.source === 'own') return true
  if (a.peerId !== b.peerId || a.relation !== b.relation) return false
  if (a.source !== 'learned' || b.source !== 'learned') return true
  return isSamePath(a.path, b.path) && a.auth.equals(b.auth)
}

export function isSamePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((hop, index) => hop === b[index])
}
