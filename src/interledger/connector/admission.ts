/** What a peer's Prepare must be before anybody asks where it goes. Decides; changes nothing but the peer's counters. */
import type { IlpPrepare } from '../packet/index.ts'
import { MAX_EXPIRY_AHEAD_MS } from '../packet-times.ts'
import type { PeerState } from '../peer.ts'
import type { LivePeer } from './live-peer.ts'
import { amountTooLarge, type PacketRefusal, REFUSALS } from './refusals.ts'

const STATE_REFUSALS: Readonly<Record<Exclude<PeerState, 'active'>, PacketRefusal>> = {
  paused: { error: 'CONNECTOR_BUSY', message: 'packets of this peer are paused' },
  closing: { error: 'BAD_REQUEST', message: 'this peer is being closed' },
  closed: { error: 'BAD_REQUEST', message: 'this peer is closed' },
}

/** Undefined when the packet may go on. */
export function refusePacket(peer: LivePeer, prepare: IlpPrepare, nowMs: number): PacketRefusal | undefined {
  if (peer.state !== 'active') return STATE_REFUSALS[peer.state]
  if (prepare.expiresAtMs <= nowMs) return REFUSALS.expired
  if (prepare.expiresAtMs - nowMs > MAX_EXPIRY_AHEAD_MS) return REFUSALS.expiresTooLate
  const { maxPacketAmount, maxPacketsPerSecond, maxInFlight } = peer.terms.limits
  if (prepare.amount > maxPacketAmount) return amountTooLarge(prepare.amount, maxPacketAmount)
  if (!peer.bucket.take(maxPacketsPerSecond, nowMs))
    return { error: 'RATE_LIMITED', message: `more than ${maxPacketsPerSecond} packets a second` }
  if (peer.incoming.packets >= maxInFlight)
    return { error: 'CONNECTOR_BUSY', message: `${maxInFlight} packets wait for their answer already` }
  return undefined
}
