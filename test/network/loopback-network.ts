/**
 * Relays of a network, all in this process on one port of the loopback, each at a path of its own: honest, of few words,
 * and quick. They hold what they are given and show it as NIP-01 says; who writes to them is refused.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'
import {
  encodeEvent,
  type Filter,
  isRelayInformationRequest,
  matchesAnyFilter,
  type NostrEvent,
  parseFilter,
} from '../../src/nostr/index.ts'

export interface LoopbackRelayFacts {
  /** What the network knows it as: `wss://relay.example`. */
  readonly url: string
  /** Its NIP-11 document. */
  readonly information?: Readonly<Record<string, unknown>>
  /** How long it thinks before it answers, pings too: as if it were so far away. */
  readonly latencyMs?: number
  /** The most events it shows for one filter. */
  readonly maxLimit?: number
}

export interface LoopbackNetwork {
  /** Where each relay really is. */
  readonly addresses: ReadonlyMap<string, string>
  /** Gives an event to these relays; those who listen there hear of it. */
  publish(event: NostrEvent, urls: readonly string[]): void
  /** Closes all connections of a relay, and refuses new ones while it is away. */
  setAway(url: string, isAway: boolean): void
  /** How many clients each relay has. */
  clientsOf(url: string): number
  stop(): Promise<void>
}

const DEFAULT_MAX_LIMIT = 500
const MAX_SUBSCRIPTIONS = 50
const MAX_MESSAGE_BYTES = 256 * 1024

interface Client {
  readonly socket: WebSocket
  readonly subscriptions: Map<string, readonly Filter[]>
}

class LoopbackRelay {
  readonly #facts: LoopbackRelayFacts
  readonly #events = new Map<string, { readonly event: NostrEvent; readonly json: string }>()
  /** Newest first; undefined when something was added since. */
  #sorted: readonly { readonly event: NostrEvent; readonly json: string }[] | undefined
  readonly #clients = new Set<Client>()
  isAway = false

  constructor(facts: LoopbackRelayFacts) {
    this.#facts = facts
  }

  get clients(): number {
    return this.#clients.size
  }

  get information(): Readonly<Record<string, unknown>> {
    return { name: new URL(this.#facts.url).hostname, supported_nips: [1, 11], ...this.#facts.information }
  }

  leave(): void {
    for (const { socket } of this.#clients) socket.terminate()
  }

  accept(socket: WebSocket): void {
    const client: Client = { socket, subscriptions: new Map() }
    this.#clients.add(client)
    socket.on('close', () => this.#clients.delete(client))
    socket.on('error', () => socket.terminate())
    socket.on('message', (data: Buffer) => this.#afterThinking(() => this.#answer(client, data)))
    socket.on('ping', (data: Buffer) => this.#afterThinking(() => socket.pong(data)))
  }

  publish(event: NostrEvent): void {
    if (this.#events.has(event.id)) return
    const json = encodeEvent(event)
    this.#events.set(event.id, { event, json })
    this.#sorted = undefined
    this.#afterThinking(() => {
      for (const { socket, subscriptions } of this.#clients) {
        for (const [id, filters] of subscriptions)
          if (matchesAnyFilter(filters, event)) socket.send(`["EVENT",${JSON.stringify(id)},${json}]`)
      }
    })
  }

  #afterThinking(act: () => void): void {
    const { latencyMs = 0 } = this.#facts
    if (latencyMs === 0) act()
    else setTimeout(act, latencyMs).unref()
  }

  #answer(client: Client, data: Buffer): void {
    const message: unknown = parsed(data)
    if (!Array.isArray(message)) return
    const [verb, id] = message as [unknown, unknown]
    if (typeof id !== 'string' && verb !== 'EVENT') return
    if (verb === 'CLOSE') client.subscriptions.delete(String(id))
    else if (verb === 'REQ') this.#request(client, String(id), message.slice(2))
    else if (verb === 'EVENT')
      client.socket.send(
        JSON.stringify(['OK', (id as { id?: string }).id ?? '', false, 'blocked: read only']),
      )
  }

  #request(client: Client, id: string, values: readonly unknown[]): void {
    const filters = values.flatMap((value) => {
      const filter = parseFilter(value)
      return filter.ok ? [filter.value] : []
    })
    const { socket, subscriptions } = client
    if (filters.length === 0 || subscriptions.size >= MAX_SUBSCRIPTIONS) {
      socket.send(JSON.stringify(['CLOSED', id, 'invalid: no such filter']))
      return
    }
    subscriptions.set(id, filters)
    for (const json of this.#matching(filters)) socket.send(`["EVENT",${JSON.stringify(id)},${json}]`)
    socket.send(JSON.stringify(['EOSE', id]))
  }

  #matching(filters: readonly Filter[]): ReadonlySet<string> {
    this.#sorted ??= [...this.#events.values()].toSorted(
      ({ event: a }, { event: b }) => b.created_at - a.created_at || (a.id < b.id ? -1 : 1),
    )
    const found = new Set<string>()
    for (const filter of filters) {
      let left = Math.min(filter.limit ?? Number.POSITIVE_INFINITY, this.#facts.maxLimit ?? DEFAULT_MAX_LIMIT)
      for (const { event, json } of this.#sorted) {
        if (left === 0) break
        if (!matchesAnyFilter([filter], event)) continue
        found.add(json)
        left--
      }
    }
    return found
  }
}

function parsed(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString())
  } catch {
    return undefined
  }
}

/** Starts the relays; each is reached by its address. */
export async function startLoopbackNetwork(relays: readonly LoopbackRelayFacts[]): Promise<LoopbackNetwork> {
  const byUrl = new Map(relays.map((facts) => [facts.url, new LoopbackRelay(facts)]))
  const byPath = new Map([...byUrl.values()].map((relay, index) => [`/${index}`, relay]))
  const server = createServer((request, response) => inform(byPath.get(request.url ?? ''), request, response))
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    // Pings are answered as late as everything else.
    autoPong: false,
  })
  server.on('upgrade', (request, socket, head) => {
    const relay = byPath.get(request.url ?? '')
    if (relay === undefined || relay.isAway) {
      socket.destroy()
      return
    }
    sockets.handleUpgrade(request, socket, head, (client) => relay.accept(client))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('It listens nowhere.')
  const relayOf = (url: string): LoopbackRelay => {
    const relay = byUrl.get(url)
    if (relay === undefined) throw new Error(`${url} is not in this network.`)
    return relay
  }
  return {
    addresses: new Map(relays.map(({ url }, index) => [url, `ws://127.0.0.1:${address.port}/${index}`])),
    publish: (event, urls) => {
      for (const url of urls) relayOf(url).publish(event)
    },
    setAway: (url, isAway) => {
      const relay = relayOf(url)
      relay.isAway = isAway
      if (isAway) relay.leave()
    },
    clientsOf: (url) => relayOf(url).clients,
    stop: async () => {
      for (const relay of byUrl.values()) relay.leave()
      sockets.close()
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

function inform(relay: LoopbackRelay | undefined, request: IncomingMessage, response: ServerResponse): void {
  if (relay === undefined || relay.isAway || !isRelayInformationRequest(request.headers.accept)) {
    response.writeHead(404).end()
    return
  }
  response.writeHead(200, { 'content-type': 'application/nostr+json' }).end(JSON.stringify(relay.information))
}
