import { BroadcastChannel } from 'node:worker_threads'
import type { NostrEvent } from '../nostr/index.ts'
import type { LiveEvent } from './event-frames.ts'
import type { LiveBus, LiveListener } from './live-bus.ts'

interface Parcel {
  readonly json: Uint8Array
  readonly seq: number
}

/** Carries new events between the I/O threads of one process; those of one turn travel together. */
export function createThreadBus(name: string): LiveBus & { close(): void } {
  const channel = new BroadcastChannel(name)
  channel.unref()
  let outgoing: Parcel[] = []
  const flush = () => {
    const parcels = outgoing
    outgoing = []
    channel.postMessage(parcels)
  }
  return {
    publish: (live: LiveEvent) => {
      if (outgoing.length === 0) setImmediate(flush)
      outgoing.push({ json: live.json, seq: live.seq })
    },
    subscribe: (listener, { isWanted }) => {
      channel.onmessage = (message) => {
        // Only other threads of this same program hold the channel's name.
        const { data } = message as { readonly data: readonly Parcel[] }
        if (isWanted()) for (const parcel of data) deliver(parcel, listener)
      }
      return () => {
        channel.onmessage = () => {}
      }
    },
    close: () => channel.close(),
  }
}

function deliver({ json, seq }: Parcel, listener: LiveListener): void {
  const bytes = Buffer.from(json.buffer, json.byteOffset, json.byteLength)
  // Canonical JSON, written by the thread that checked the event.
  listener(JSON.parse(bytes.toString()) as NostrEvent, bytes, seq)
}
