import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import {
  type ConfiguredRoute,
  compareRoutes,
  isSameRoute,
  type LearnedRoute,
  type NextHop,
  type Route,
} from './route.ts'

export interface RouteTableLimits {
  /** Routes in all, those that lose against better ones included. Default 100,000. */
  readonly maxRoutes?: number
  /** Of these, what one neighbour may have us learn. Default 1,000. */
  readonly maxRoutesPerPeer?: number
}

/** Hears of every prefix whose best route is another one, or gone. Must not change the table. */
export type RouteListener = (prefix: string, best: Route | undefined) => void

const MAX_ROUTES = 100_000
const MAX_ROUTES_PER_PEER = 1_000
const LOCAL: NextHop = { local: true }

interface Best {
  readonly route: Route
  readonly hop: NextHop
}

/** Which neighbour a destination is reached by: the longest prefix that it lies in, and the best route to that. */
export class RouteTable {
  readonly maxRoutes: number
  readonly maxRoutesPerPeer: number
  /** All routes by prefix, better and worse; no list is empty. */
  readonly #routes = new Map<string, readonly Route[]>()
  readonly #best = new Map<string, Best>()
  /** How many prefixes have this length: what is as long as none of them need not be cut out and looked up. */
  readonly #lengths = new Map<number, number>()
  readonly #learned = new Map<string, Set<string>>()
  readonly #listeners = new Set<RouteListener>()
  #configured: readonly ConfiguredRoute[] = []
  #size = 0

  constructor({ maxRoutes = MAX_ROUTES, maxRoutesPerPeer = MAX_ROUTES_PER_PEER }: RouteTableLimits = {}) {
    this.maxRoutes = maxRoutes
    this.maxRoutesPerPeer = maxRoutesPerPeer
  }

  /** Routes of all sources, those included that lose against better ones. */
  get size(): number {
    return this.#size
  }

  /**
   * Where a packet with this destination goes; undefined when nobody is known to lead there.
   *
   * A look-up for each segment of the destination whose end is the length of some prefix: hostile addresses of 500
   * segments cost little more than ordinary ones.
   */
  nextHop(destination: string): NextHop | undefined {
    for (let end = destination.length; end > 0; end = destination.lastIndexOf('.', end - 1)) {
      if (!this.#lengths.has(end)) continue
      const best = this.#best.get(end === destination.length ? destination : destination.slice(0, end))
      if (best !== undefined) return best.hop
    }
    return this.#best.get('')?.hop
  }

  best(prefix: string): Route | undefined {
    return this.#best.get(prefix)?.route
  }

  /** The best route of each prefix, in no order. */
  *bestRoutes(): Iterable<Route> {
    for (const { route } of this.#best.values()) yield route
  }

  learnedFrom(peerId: string): number {
    return this.#learned.get(peerId)?.size ?? 0
  }

  /**
   * Replaces all routes that were not learned. Refused with `TOO_MANY_ROUTES`, and nothing is changed, when they and the
   * learned ones are more than `maxRoutes`.
   */
  configure(routes: readonly ConfiguredRoute[]): Outcome<undefined> {
    const size = this.#size - this.#configured.length + routes.length
    if (size > this.maxRoutes) {
      return refused({
        code: 'TOO_MANY_ROUTES',
        text: `there would be ${size} routes, and ${this.maxRoutes} is the most; remove some`,
      })
    }
    const byPrefix = Map.groupBy(routes, ({ prefix }) => prefix)
    const touched = new Set([...this.#configured.map(({ prefix }) => prefix), ...byPrefix.keys()])
    this.#configured = routes
    for (const prefix of touched) {
      const learned = this.#routesTo(prefix).filter(({ source }) => source === 'learned')
      this.#put(prefix, [...(byPrefix.get(prefix) ?? []), ...learned])
    }
    return accepted(undefined)
  }

  /** Takes a route, in the place of what this neighbour said of the prefix before. False when the table is full. */
  learn(route: LearnedRoute): boolean {
    const { prefix, peerId } = route
    const known = this.#learned.get(peerId) ?? new Set<string>()
    if (!known.has(prefix)) {
      if (this.#size >= this.maxRoutes || known.size >= this.maxRoutesPerPeer) return false
      this.#learned.set(peerId, known.add(prefix))
    }
    this.#put(prefix, [...this.#routesTo(prefix).filter((other) => !isLearnedFrom(other, peerId)), route])
    return true
  }

  /** Unlearns what this neighbour said of the prefix, if it did. */
  forget(peerId: string, prefix: string): void {
    const known = this.#learned.get(peerId)
    if (known === undefined || !known.delete(prefix)) return
    if (known.size === 0) this.#learned.delete(peerId)
    this.#put(
      prefix,
      this.#routesTo(prefix).filter((other) => !isLearnedFrom(other, peerId)),
    )
  }

  /** Returns how to stop listening. */
  onChange(listener: RouteListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #routesTo(prefix: string): readonly Route[] {
    return this.#routes.get(prefix) ?? []
  }

  #put(prefix: string, routes: readonly Route[]): void {
    this.#size += routes.length - this.#routesTo(prefix).length
    if (routes.length === 0) this.#routes.delete(prefix)
    else this.#routes.set(prefix, routes)
    this.#choose(prefix, bestOf(routes))
  }

  #choose(prefix: string, route: Route | undefined): void {
    const before = this.#best.get(prefix)?.route
    if (before === route || (before !== undefined && route !== undefined && isSameRoute(before, route)))
      return
    if (route === undefined) this.#best.delete(prefix)
    else this.#best.set(prefix, { route, hop: hopOf(route) })
    if (before === undefined) this.#countLength(prefix.length, 1)
    if (route === undefined) this.#countLength(prefix.length, -1)
    for (const listener of this.#listeners) listener(prefix, route)
  }

  #countLength(length: number, by: 1 | -1): void {
    const count = (this.#lengths.get(length) ?? 0) + by
    if (count === 0) this.#lengths.delete(length)
    else this.#lengths.set(length, count)
  }
}

function isLearnedFrom(route: Route, peerId: string): boolean {
  return route.source === 'learned' && route.peerId === peerId
}

function bestOf(routes: readonly Route[]): Route | undefined {
  let best = routes[0]
  for (const route of routes) if (best !== undefined && compareRoutes(route, best) < 0) best = route
  return best
}

function hopOf(route: Route): NextHop {
  return route.source === 'own' ? LOCAL : { peerId: route.peerId }
}
