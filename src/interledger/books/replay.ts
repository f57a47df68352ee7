import type { PacketIntent } from '../books.ts'
import type { JournalEntry } from './journal-codec.ts'
import { type Party, packetKey } from './parties.ts'

/** A packet of an earlier run whose fate is not known. */
export interface ReplayedPacket {
  readonly intent: PacketIntent
  readonly from: Party
  readonly to: Party
  readonly isGivenUp: boolean
  /** Of the row that tells of it. */
  readonly seq: bigint
}

/** Takes the entries of a row into what is known from the rows before it. */
export function replayRow(
  packets: Map<string, ReplayedPacket>,
  seq: bigint,
  entries: readonly JournalEntry[],
): void {
  for (const entry of entries) {
    switch (entry.kind) {
      case 'intent': {
        const { intent, from, to } = entry
        packets.set(packetKey(intent.id, from, to), { intent, from, to, isGivenUp: false, seq })
        break
      }
      case 'fulfilled':
        packets.delete(packetKey(entry.id, entry.from, entry.to))
        break
      case 'ended':
        packets.delete(entry.to.key + entry.id)
        break
      case 'given-up': {
        const key = entry.to.key + entry.id
        const packet = packets.get(key)
        if (packet !== undefined) packets.set(key, { ...packet, isGivenUp: true })
        break
      }
      case 'written-off':
        break
    }
  }
}
