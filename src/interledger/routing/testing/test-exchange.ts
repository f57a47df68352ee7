/** One node whose neighbours are the test itself: it says what they say, and sees what they are sent. */
import { pino } from 'pino'
import { createManualClock } from '../../../kernel/index.ts'
import { peerAnswer, peerRequest } from '../../ildcp/index.ts'
import type { LinkAnswer } from '../../link.ts'
import { type IlpPrepare, type IlpReply, MAX_DATA_BYTES } from '../../packet/index.ts'
import type { PeerRelation } from '../../peer.ts'
import {
  CCP_CONTROL,
  CCP_UPDATE,
  type CcpControl,
  type CcpRoute,
  type CcpUpdate,
  decodeCcpControl,
  decodeCcpUpdate,
  encodeCcpControl,
  encodeCcpUpdate,
  NO_TABLE,
} from '../ccp-packet.ts'
import type { LocalRouting } from '../local-routing.ts'
import { createRouteExchange } from '../route-exchange.ts'
import { RouteTable, type RouteTableLimits } from '../route-table.ts'

const OWN = 'g.us'
export const SECRET = Buffer.alloc(32, 7)
export const TABLE = 'ab'.repeat(16)

export interface TestExchangeOptions {
  readonly relations?: Readonly<Record<string, PeerRelation>>
  readonly local?: Partial<LocalRouting>
  readonly limits?: RouteTableLimits
  readonly holdDownMs?: number
}

/** @returns our node at `g.us`, with a neighbour `peer`, unless told otherwise. */
export function testExchange(options: TestExchangeOptions = {}) {
  const { relations = { peer: 'peer' }, local = {}, limits = {}, holdDownMs = 45_000 } = options
  const clock = createManualClock(Date.UTC(2026, 0, 1))
  const table = new RouteTable(limits)
  const controls: { readonly to: string; readonly control: CcpControl }[] = []
  const updates: { readonly to: string; readonly update: CcpUpdate }[] = []
  let answer: (to: string) => LinkAnswer = () => peerAnswer()
  let tables = 0

  const note = (to: string, { destination, data }: IlpPrepare): void => {
    if (data.length > MAX_DATA_BYTES) throw new Error(`${data.length} bytes do not fit into a packet`)
    const control = decodeCcpControl(data)
    const update = decodeCcpUpdate(data)
    if (destination === CCP_CONTROL && control.ok) controls.push({ to, control: control.value })
    else if (destination === CCP_UPDATE && update.ok) updates.push({ to, update: update.value })
    else throw new Error(`nobody can read what was sent to ${destination}`)
  }
  const exchange = createRouteExchange({
    table,
    send: async (to, prepare) => {
      note(to, prepare)
      return answer(to)
    },
    clock,
    logger: pino({ level: 'silent' }),
    secret: SECRET,
    holdDownMs,
    newTableId: () => (++tables).toString(16).padStart(32, '0'),
  })
  const peers = Object.entries(relations).map(([id, relation]) => ({ id, relation }))
  const configure = (changed: Partial<LocalRouting> = {}) =>
    exchange.configure({ ownAddress: OWN, peers, staticRoutes: [], ...local, ...changed })
  configure()
  for (const peer of peers) exchange.open({ ...peer, exchangesRoutes: true })

  const ask = (from: string, destination: string, data: Buffer): IlpReply =>
    exchange.onPrepare(from, peerRequest({ destination, data, nowMs: clock.nowMs(), waitMs: 10_000 }))

  return {
    clock,
    table,
    exchange,
    configure,
    controls,
    updates,
    /** From now on neighbours answer like this. */
    answerWith(reply: (to: string) => LinkAnswer): void {
      answer = reply
    },
    tell: (update: Partial<CcpUpdate>, from = 'peer') =>
      ask(from, CCP_UPDATE, encodeCcpUpdate({ ...FIRST_UPDATE, ...update })),
    control: (control: Partial<CcpControl> = {}, from = 'peer') =>
      ask(
        from,
        CCP_CONTROL,
        encodeCcpControl({ mode: 'sync', tableId: NO_TABLE, epoch: 0, features: [], ...control }),
      ),
    ask,
    async pass(ms: number): Promise<void> {
      for (let passed = 0; passed < ms; passed += TICK_MS) {
        clock.advanceMs(TICK_MS)
        exchange.tick()
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}

const TICK_MS = 250

/** The first words of a neighbour at `g.peer`, without routes. */
export const FIRST_UPDATE: CcpUpdate = {
  tableId: TABLE,
  currentEpoch: 1,
  fromEpoch: 0,
  toEpoch: 1,
  holdDownMs: 45_000,
  speaker: 'g.peer',
  newRoutes: [],
  withdrawn: [],
}

/** @param path from the speaker on; the speaker alone when not said. */
export function routeTo(prefix: string, path: readonly string[] = ['g.peer']): CcpRoute {
  return { prefix, path, auth: Buffer.alloc(32, 9), properties: [] }
}
