/** What we know of routes without being told: our address, our neighbours' places, the operator's routes. */
import { childAddress } from '../ildcp/index.ts'
import type { PeerRelation, PeerTerms } from '../peer.ts'
import type { ConfiguredRoute } from './route.ts'

export interface StaticRoute {
  /** An ILP address prefix; empty for everything. */
  readonly prefix: string
  readonly peerId: string
}

export interface LocalRouting {
  /** Undefined while our parent has not told us: then nothing is announced and nothing learned. */
  readonly ownAddress: string | undefined
  /** All that packets may be routed to. Of several parents the first takes what nobody else leads to. */
  readonly peers: readonly Pick<PeerTerms, 'id' | 'relation'>[]
  /** By the operator; those to unknown peers count for nothing. */
  readonly staticRoutes: readonly StaticRoute[]
}

/** Makes the routes that are not learned. */
export function configuredRoutes({
  ownAddress,
  peers,
  staticRoutes,
}: LocalRouting): readonly ConfiguredRoute[] {
  const relations = new Map(peers.map(({ id, relation }) => [id, relation]))
  const parent = peers.find(({ relation }) => relation === 'parent')
  return [
    ...(ownAddress === undefined ? [] : [{ source: 'own', prefix: ownAddress } as const]),
    ...staticRoutes.flatMap((route) => staticRoute(route, relations.get(route.peerId))),
    ...(ownAddress === undefined ? [] : childRoutes(ownAddress, peers)),
    ...(parent === undefined
      ? []
      : [{ source: 'parent', prefix: '', peerId: parent.id, relation: 'parent' } as const]),
  ]
}

function staticRoute({ prefix, peerId }: StaticRoute, relation: PeerRelation | undefined): ConfiguredRoute[] {
  return relation === undefined ? [] : [{ source: 'static', prefix, peerId, relation }]
}

function childRoutes(ownAddress: string, peers: LocalRouting['peers']): ConfiguredRoute[] {
  return peers
    .filter(({ relation }) => relation === 'child')
    .map(({ id, relation }) => ({
      source: 'child',
      prefix: childAddress(ownAddress, id),
      peerId: id,
      relation,
    }))
}

/** The scheme (`g`, `test`) of an address or a prefix. */
export function schemeOf(prefix: string): string {
  const end = prefix.indexOf('.')
  return end === -1 ? prefix : prefix.slice(0, end)
}

/** Has the prefix a scheme and at least one segment? */
export function isBeyondScheme(prefix: string): boolean {
  return prefix.includes('.')
}
