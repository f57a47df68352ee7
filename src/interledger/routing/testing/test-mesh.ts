/** Nodes that exchange routes over links of the test's own, in a time of the test's own. */
import { pino } from 'pino'
import { createManualClock } from '../../../kernel/index.ts'
import type { LinkAnswer } from '../../link.ts'
import { decodePreparePacket, encodeIlpPacket, type IlpPrepare } from '../../packet/index.ts'
import type { PeerRelation } from '../../peer.ts'
import { createRouteExchange, type RouteExchange } from '../route-exchange.ts'
import { RouteTable, type RouteTableLimits } from '../route-table.ts'

const START_MS = Date.UTC(2026, 0, 1)
const OPPOSITE: Readonly<Record<PeerRelation, PeerRelation>> = {
  parent: 'child',
  child: 'parent',
  peer: 'peer',
}

export interface MeshNode {
  readonly id: string
  readonly address: string
  readonly table: RouteTable
  readonly exchange: RouteExchange
  readonly peers: { readonly id: string; readonly relation: PeerRelation }[]
}

export interface MeshOptions {
  readonly carriesPeerToPeer?: boolean
  readonly limits?: RouteTableLimits
  /** Does this packet, or its answer, get lost? Asked twice for each. */
  readonly isLost?: () => boolean
}

/** @returns a network without nodes. */
export function testMesh({ carriesPeerToPeer = false, limits = {}, isLost = () => false }: MeshOptions = {}) {
  const clock = createManualClock(START_MS)
  const logger = pino({ level: 'silent' })
  const nodes = new Map<string, MeshNode>()
  const links = new Set<string>()
  let tables = 0

  const deliver = async (from: string, to: string, prepare: IlpPrepare): Promise<LinkAnswer> => {
    if (!links.has(linkOf(from, to))) return { type: 'unsent' }
    if (isLost()) return { type: 'lost' }
    await Promise.resolve()
    const decoded = decodePreparePacket(encodeIlpPacket(prepare))
    if (!decoded.ok) throw new Error(`a node sent what nobody can read: ${decoded.refusal}`)
    const reply = nodeOf(to).exchange.onPrepare(from, decoded.value)
    return isLost() ? { type: 'lost' } : reply
  }

  function nodeOf(id: string): MeshNode {
    const node = nodes.get(id)
    if (node === undefined) throw new Error(`there is no node ${id}`)
    return node
  }

  return {
    clock,
    node: nodeOf,
    ids: () => [...nodes.keys()],
    add(id: string, address: string): MeshNode {
      const table = new RouteTable(limits)
      const exchange = createRouteExchange({
        table,
        send: (peerId, prepare) => deliver(id, peerId, prepare),
        clock,
        logger,
        secret: Buffer.alloc(32, id),
        carriesPeerToPeer,
        newTableId: () => (++tables).toString(16).padStart(32, '0'),
      })
      const node: MeshNode = { id, address, table, exchange, peers: [] }
      nodes.set(id, node)
      exchange.configure({ ownAddress: address, peers: [], staticRoutes: [] })
      return node
    },
    /** @param relation what `b` is to `a`. */
    link(a: string, b: string, relation: PeerRelation): void {
      links.add(linkOf(a, b))
      meet(nodeOf(a), b, relation)
      meet(nodeOf(b), a, OPPOSITE[relation])
    },
    cut(a: string, b: string): void {
      links.delete(linkOf(a, b))
      nodeOf(a).exchange.close(b)
      nodeOf(b).exchange.close(a)
    },
    /** Lets time pass, and everything happen that happens then. */
    async pass(ms: number): Promise<void> {
      for (let passed = 0; passed < ms; passed += TICK_MS) {
        clock.advanceMs(TICK_MS)
        for (const { exchange } of nodes.values()) exchange.tick()
        await settle()
      }
    },
    /** The nodes that a packet passes from here on; `undefined` at the end when it does not arrive. */
    trace(from: string, destination: string): readonly (string | undefined)[] {
      const passed: (string | undefined)[] = [from]
      while (passed.length <= nodes.size + 1) {
        const here = passed.at(-1)
        const hop = here === undefined ? undefined : nodeOf(here).table.nextHop(destination)
        if (hop !== undefined && 'local' in hop) return passed
        if (hop === undefined || !links.has(linkOf(here ?? '', hop.peerId))) return [...passed, undefined]
        passed.push(hop.peerId)
      }
      return [...passed, undefined]
    },
  }
}

export type TestMesh = ReturnType<typeof testMesh>

const TICK_MS = 250

function meet(node: MeshNode, peerId: string, relation: PeerRelation): void {
  if (!node.peers.some(({ id }) => id === peerId)) node.peers.push({ id: peerId, relation })
  node.exchange.configure({ ownAddress: node.address, peers: node.peers, staticRoutes: [] })
  node.exchange.open({ id: peerId, relation, exchangesRoutes: true })
}

function linkOf(a: string, b: string): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`
}

/** Until no node has anything to do before the next tick: answers and pages follow each other in microtasks. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
