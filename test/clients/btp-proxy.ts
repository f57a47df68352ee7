/** A bad line between a BTP client and its server: it delays frames, loses some and breaks, and knows what it has lost. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { WebSocket, WebSocketServer } from 'ws'
import { type BtpFrame, decodeBtpFrame } from '../../src/interledger/btp/testing/index.ts'
import { decodeIlpPacket, type IlpPacket } from '../../src/interledger/packet/index.ts'

export type Side = 'client' | 'server'

/** `drop` loses the frame, `cut` loses it and ends the connection behind it. */
export type Fate = 'pass' | 'drop' | 'cut'

/** A packet with money, on its way to one side. */
export interface PassingPacket {
  readonly type: 'prepare' | 'fulfill'
  readonly to: Side
}

export interface BtpProxyOptions {
  /** `ws://127.0.0.1:…/btp`. */
  readonly server: string
  readonly fateOf: (packet: PassingPacket) => Fate
  /** How long a frame is under way; frames do not overtake each other. */
  readonly delayMs: () => number
}

/** Amounts of Prepares by what became of them, for those who receive the Fulfill. */
export interface ProxyTotals {
  /** Of Prepares that reached the other side. */
  forwarded: bigint
  /** Of those, whose Fulfill came as far as the proxy … */
  fulfilled: bigint
  /** … and was handed on to who had sent the Prepare. */
  told: bigint
}

export interface BtpProxy {
  readonly host: string
  /** By who pays. */
  readonly totals: Readonly<Record<Side, Readonly<ProxyTotals>>>
  readonly drops: number
  readonly cuts: number
  stop(): Promise<void>
}

export async function startBtpProxy({ server, fateOf, delayMs }: BtpProxyOptions): Promise<BtpProxy> {
  const listener = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
  await once(listener, 'listening')
  const sockets = new Set<WebSocket>()
  const totals = { client: noTotals(), server: noTotals() }
  const counts = { drops: 0, cuts: 0 }

  listener.on('connection', (toClient) => {
    const toServer = new WebSocket(server, { perMessageDeflate: false })
    const opened = once(toServer, 'open')
    opened.catch(() => undefined)
    const ends: Record<Side, WebSocket> = { client: toClient, server: toServer }
    const amounts = { client: new Map<number, bigint>(), server: new Map<number, bigint>() }
    let isCut = false
    const cut = (): void => {
      isCut = true
      for (const socket of Object.values(ends)) socket.close()
    }
    for (const from of ['client', 'server'] as const) {
      const to = from === 'client' ? 'server' : 'client'
      let last: Promise<unknown> = opened
      const take = async (data: Buffer): Promise<void> => {
        await Promise.all([last, delay(delayMs())])
        const packet = packetIn(data)
        if (packet?.type === 'fulfill') totals[to].fulfilled += amounts[to].get(packet.requestId) ?? 0n
        if (isCut || ends[to].readyState !== WebSocket.OPEN) return
        const fate = packet === undefined ? 'pass' : fateOf({ type: packet.type, to })
        if (fate === 'drop') counts.drops++
        if (fate === 'cut') {
          counts.cuts++
          cut()
        }
        if (fate !== 'pass') return
        if (packet?.type === 'prepare') {
          amounts[from].set(packet.requestId, packet.amount)
          totals[from].forwarded += packet.amount
        }
        if (packet?.type === 'fulfill') totals[to].told += amounts[to].get(packet.requestId) ?? 0n
        ends[to].send(data)
      }
      ends[from].on('message', (data: Buffer) => {
        last = take(data).catch(() => undefined)
      })
      ends[from].on('close', cut)
      // Closing follows.
      ends[from].on('error', () => undefined)
      sockets.add(ends[from])
    }
  })

  return {
    // A TCP server's address is an AddressInfo.
    host: `127.0.0.1:${(listener.address() as AddressInfo).port}`,
    totals,
    get drops() {
      return counts.drops
    },
    get cuts() {
      return counts.cuts
    },
    stop: async () => {
      for (const socket of sockets) socket.terminate()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}

function noTotals(): ProxyTotals {
  return { forwarded: 0n, fulfilled: 0n, told: 0n }
}

interface MoneyPacket {
  readonly type: 'prepare' | 'fulfill'
  readonly requestId: number
  readonly amount: bigint
}

/** A Prepare with money or a Fulfill; undefined for everything else. */
function packetIn(data: Buffer): MoneyPacket | undefined {
  const frame = decodeBtpFrame(data)
  const packet = frame.ok ? ilpPacketOf(frame.value) : undefined
  if (!frame.ok || packet === undefined) return undefined
  const { requestId } = frame.value
  if (packet.type === 'fulfill') return { type: 'fulfill', requestId, amount: 0n }
  if (packet.type !== 'prepare' || packet.amount === 0n) return undefined
  return { type: 'prepare', requestId, amount: packet.amount }
}

function ilpPacketOf({ protocols }: BtpFrame): IlpPacket | undefined {
  const data = protocols.find(({ name }) => name === 'ilp')?.data
  const packet = data && decodeIlpPacket(data)
  return packet?.ok ? packet.value : undefined
}
