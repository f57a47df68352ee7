import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isInPrefix } from '../packet/index.ts'
import type { PeerRelation } from '../peer.ts'
import { type ConfiguredRoute, compareRoutes, type LearnedRoute, type NextHop, type Route } from './route.ts'
import { RouteTable } from './route-table.ts'

const segment = fc.constantFrom('a', 'b', 'ab', 'c-1')
const relation = fc.constantFrom<PeerRelation>('parent', 'peer', 'child')
const peerId = fc.constantFrom('p1', 'p2', 'p3')
const address = fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => `g.${segments.join('.')}`)
const prefix = fc.oneof(fc.constantFrom('', 'g'), address)

const learned: fc.Arbitrary<LearnedRoute> = fc.record({
  source: fc.constant('learned' as const),
  prefix,
  peerId,
  relation,
  path: fc.array(address, { minLength: 1, maxLength: 3 }),
  auth: fc.constant(Buffer.alloc(32)),
})
const configured: fc.Arbitrary<ConfiguredRoute> = fc.oneof(
  fc.record({ source: fc.constant('own' as const), prefix }),
  fc.record({
    source: fc.constantFrom('static' as const, 'child' as const, 'parent' as const),
    prefix,
    peerId,
    relation,
  }),
)
const step = fc.oneof(
  { weight: 6, arbitrary: learned.map((route) => ({ do: 'learn', route }) as const) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('forget' as const), peerId, prefix }) },
  {
    weight: 1,
    arbitrary: fc.array(configured, { maxLength: 6 }).map((routes) => ({ do: 'configure', routes }) as const),
  },
)

/** What a table means, on plain lists. */
class PlainTable {
  #configured: readonly ConfiguredRoute[] = []
  #learned: readonly LearnedRoute[] = []
  readonly #limits: { readonly maxRoutes: number; readonly maxRoutesPerPeer: number }

  constructor(limits: { readonly maxRoutes: number; readonly maxRoutesPerPeer: number }) {
    this.#limits = limits
  }

  get all(): readonly Route[] {
    return [...this.#configured, ...this.#learned]
  }

  configure(routes: readonly ConfiguredRoute[]): boolean {
    if (routes.length + this.#learned.length > this.#limits.maxRoutes) return false
    this.#configured = routes
    return true
  }

  learn(route: LearnedRoute): boolean {
    const others = this.#learned.filter(
      (other) => other.peerId !== route.peerId || other.prefix !== route.prefix,
    )
    const isNew = others.length === this.#learned.length
    const ofPeer = others.filter((other) => other.peerId === route.peerId)
    if (isNew && this.all.length >= this.#limits.maxRoutes) return false
    if (isNew && ofPeer.length >= this.#limits.maxRoutesPerPeer) return false
    this.#learned = [...others, route]
    return true
  }

  forget(peer: string, from: string): void {
    this.#learned = this.#learned.filter((other) => other.peerId !== peer || other.prefix !== from)
  }

  nextHop(destination: string): NextHop | undefined {
    const [best] = this.all
      .filter((route) => isInPrefix(destination, route.prefix))
      .toSorted((a, b) => b.prefix.length - a.prefix.length || compareRoutes(a, b))
    if (best === undefined) return undefined
    return best.source === 'own' ? { local: true } : { peerId: best.peerId }
  }
}

test('after any changes a table leads where the longest prefix and the best route to it lead, and keeps its bounds', () => {
  const limits = { maxRoutes: 9, maxRoutesPerPeer: 5 }
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 60 }),
      fc.array(address, { maxLength: 8 }),
      (steps, destinations) => {
        const table = new RouteTable(limits)
        const plain = new PlainTable(limits)
        for (const next of steps) {
          if (next.do === 'learn') expect(table.learn(next.route)).toBe(plain.learn(next.route))
          else if (next.do === 'configure')
            expect(table.configure(next.routes).ok).toBe(plain.configure(next.routes))
          else {
            table.forget(next.peerId, next.prefix)
            plain.forget(next.peerId, next.prefix)
          }
        }
        expect(table.size).toBe(plain.all.length)
        const routes = plain.all.map((route) => route.prefix).filter((text) => text !== '')
        for (const destination of [...destinations, ...routes, ...routes.map((text) => `${text}.x`)]) {
          expect({ destination, hop: table.nextHop(destination) }).toEqual({
            destination,
            hop: plain.nextHop(destination),
          })
        }
      },
    ),
    { numRuns: 500 },
  )
})

test('who listens hears enough to know the best route of every prefix, and nothing that is no change', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new RouteTable()
      const heard = new Map<string, Route>()
      table.onChange((changed, best) => {
        expect(best).not.toEqual(heard.get(changed))
        if (best === undefined) heard.delete(changed)
        else heard.set(changed, best)
      })
      for (const next of steps) {
        if (next.do === 'learn') table.learn(next.route)
        else if (next.do === 'configure') table.configure(next.routes)
        else table.forget(next.peerId, next.prefix)
        expect(new Map([...table.bestRoutes()].map((route) => [route.prefix, route]))).toEqual(heard)
      }
    }),
    { numRuns: 300 },
  )
})
