/** Relays that lie, dawdle or know little: of those there are none of ours. */
import { once } from 'node:events'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Filter, matchesFilter, type NostrEvent, parseFilter } from '../../nostr/index.ts'

export type Say = (...message: readonly unknown[]) => void

export interface FakeRelay {
  readonly url: string
  /** Verbs in the order in which they came. */
  readonly heard: readonly string[]
  stop(): void
}

/** A relay that answers each message as it is told. */
export async function startFakeRelay(
  answer: (message: readonly unknown[], say: Say, socket: WebSocket) => void,
): Promise<FakeRelay> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  const heard: string[] = []
  server.on('connection', (socket) => {
    const say: Say = (...message) => socket.send(JSON.stringify(message))
    socket.on('message', (data: Buffer) => {
      const message: unknown = JSON.parse(data.toString())
      if (!Array.isArray(message)) return
      heard.push(String(message[0]))
      answer(message, say, socket)
    })
  })
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('It listens nowhere.')
  return {
    url: `ws://127.0.0.1:${address.port}`,
    heard,
    stop: () => {
      for (const socket of server.clients) socket.terminate()
      server.close()
    },
  }
}

/** Of these events those that a REQ gets: newest first, lowest id first, at most `cap` and at most its limit. */
export function answerTo(
  request: readonly unknown[],
  events: readonly NostrEvent[],
  cap: number,
): readonly NostrEvent[] {
  const filters = request.slice(2).map(filterOf)
  const matching = events.filter((event) => filters.some((filter) => matchesFilter(filter, event)))
  const limit = Math.min(cap, ...filters.map((filter) => filter.limit ?? cap))
  return matching.toSorted((a, b) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1)).slice(0, limit)
}

export function filterOf(value: unknown): Filter {
  const filter = parseFilter(value)
  if (!filter.ok) throw new Error(filter.refusal.text)
  return filter.value
}
