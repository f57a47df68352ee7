import { createDurations, noteDuration } from '../../kernel/index.ts'
import { ILP_ERRORS, type IlpReply } from '../packet/index.ts'
import { createPacketCounts, type LivePeer, type PacketCounts } from './live-peer.ts'

const KNOWN_CODES: ReadonlySet<string> = new Set(Object.values(ILP_ERRORS))
/** For Rejects of others: whoever answers a packet chooses the code, and could make as many counters as there are. */
const OTHER_CODE = 'other'

/** What a packet holds of its peers' limits while it is under way. */
export interface Held {
  readonly peer: LivePeer | undefined
  readonly next: LivePeer | undefined
  /** What `peer` will owe us, and we `next`. */
  readonly incoming: bigint
  readonly outgoing: bigint
}

/** Packets under way, and what became of those that were. */
export class Traffic {
  readonly counts = createPacketCounts()
  readonly answering = createDurations()
  inFlight = 0
  #onIdle: (() => void) | undefined

  begin({ peer, next, incoming, outgoing }: Held): void {
    this.inFlight++
    peer?.incoming.begin(incoming)
    next?.outgoing.begin(outgoing)
  }

  end({ peer, next, incoming, outgoing }: Held): void {
    this.inFlight--
    peer?.incoming.end(incoming)
    next?.outgoing.end(outgoing)
    if (this.inFlight === 0) this.#onIdle?.()
  }

  noteSent(next: LivePeer): void {
    this.counts.outgoing++
    next.counts.outgoing++
  }

  note(next: LivePeer, what: 'lost' | 'wrong' | 'late'): void {
    this.counts[what]++
    next.counts[what]++
  }

  noteArrival(peer: LivePeer): void {
    this.counts.incoming++
    peer.counts.incoming++
  }

  noteReply(peer: LivePeer, reply: IlpReply, tookMs: number): void {
    noteReply(peer.counts, reply)
    noteReply(this.counts, reply)
    noteDuration(this.answering, tookMs)
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    if (this.inFlight === 0) return
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
    })
  }
}

function noteReply(counts: PacketCounts, reply: IlpReply): void {
  if (reply.type === 'fulfill') {
    counts.fulfilled++
    return
  }
  const code = KNOWN_CODES.has(reply.code) ? reply.code : OTHER_CODE
  counts.rejected[code] = (counts.rejected[code] ?? 0) + 1
}
