/** POSTs to one address, over connections that are kept, and knows of each request whether it may have left. */
import { Agent, type IncomingMessage, request } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Clock } from '../../kernel/index.ts'
import { MAX_BODY_BYTES } from './media.ts'

/** `unsent`: no connection came about. `lost`: it may have arrived. */
export type PostOutcome =
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly type: string | undefined
      readonly body: Buffer
    }
  | { readonly kind: 'unsent' }
  | { readonly kind: 'lost' }

export interface PosterOptions {
  readonly url: URL
  readonly maxConnections: number
  readonly clock: Clock
  /** A connection could not be made. */
  readonly onUnreachable: (problem: string) => void
}

interface Posting {
  readonly untilMs: number
  /** Ends it at once, also while it waits for a connection. */
  readonly giveUp: () => void
  /** It has a connection that has not come about yet. */
  readonly isConnecting: () => boolean
}

/** How often requests are looked through for those whose time is over. */
const SWEEP_INTERVAL_MS = 100

export class Poster {
  readonly #options: PosterOptions
  readonly #agent: Agent
  readonly #postings = new Set<Posting>()
  readonly #sweeps: NodeJS.Timeout
  /** Resolves when the next request has ended. */
  #ended = Promise.withResolvers<void>()

  constructor(options: PosterOptions) {
    this.#options = options
    const agentOptions = { keepAlive: true, maxSockets: options.maxConnections }
    this.#agent = isTls(options.url) ? new TlsAgent(agentOptions) : new Agent(agentOptions)
    this.#sweeps = setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS)
    this.#sweeps.unref()
  }

  /** Requests under way. */
  get size(): number {
    return this.#postings.size
  }

  /** @param untilMs Unix time at which an answer is not waited for any more. */
  post(headers: Readonly<Record<string, string>>, body: Buffer, untilMs: number): Promise<PostOutcome> {
    return this.#request('POST', headers, body, untilMs)
  }

  /** Does the server answer, whatever? */
  async probe(untilMs: number): Promise<boolean> {
    const outcome = await this.#request('HEAD', {}, undefined, untilMs)
    return outcome.kind === 'answer'
  }

  /** Resolves when nothing is under way, which is soon: everything has its `untilMs`. */
  async whenIdle(): Promise<void> {
    while (this.#postings.size > 0) await this.#ended.promise
  }

  /** Gives up what is under way: what may have left is lost. */
  close(): void {
    clearInterval(this.#sweeps)
    for (const { giveUp } of this.#postings) giveUp()
    this.#agent.destroy()
  }

  #sweep(): void {
    const nowMs = this.#options.clock.nowMs()
    for (const { untilMs, giveUp, isConnecting } of this.#postings) {
      if (untilMs > nowMs) continue
      // Where connections are neither made nor refused, nothing else would tell.
      if (isConnecting()) this.#options.onUnreachable('no connection came about in time')
      giveUp()
    }
  }

  #request(
    method: string,
    headers: Readonly<Record<string, string>>,
    body: Buffer | undefined,
    untilMs: number,
  ): Promise<PostOutcome> {
    const { url, onUnreachable } = this.#options
    const length = body === undefined ? {} : { 'content-length': body.length }
    const options = { method, agent: this.#agent, headers: { ...headers, ...length } }
    const sent = isTls(url) ? tlsRequest(url, options) : request(url, options)
    const { promise, resolve } = Promise.withResolvers<PostOutcome>()
    let hasSocket = false
    let mayHaveLeft = false
    const settle = (outcome: PostOutcome = { kind: mayHaveLeft ? 'lost' : 'unsent' }): void => {
      this.#postings.delete(posting)
      resolve(outcome)
      this.#ended.resolve()
      this.#ended = Promise.withResolvers()
    }
    const giveUp = (): void => {
      settle()
      sent.destroy()
    }
    const posting: Posting = { untilMs, giveUp, isConnecting: () => hasSocket && !mayHaveLeft }
    this.#postings.add(posting)
    sent.on('socket', (socket) => {
      hasSocket = true
      whenConnected(socket, () => {
        mayHaveLeft = true
      })
    })
    sent.on('response', (response) => readAnswer(response, settle))
    sent.on('error', (error) => {
      if (!mayHaveLeft && this.#postings.has(posting)) onUnreachable(error.message)
    })
    sent.on('close', () => settle())
    sent.end(body)
    return promise
  }
}

/** An answer that breaks off or is too long is none: then `close` follows. */
function readAnswer(response: IncomingMessage, settle: (outcome: PostOutcome) => void): void {
  const chunks: Buffer[] = []
  let length = 0
  response.on('data', (chunk: Buffer) => {
    length += chunk.length
    if (length > MAX_BODY_BYTES) response.destroy()
    else chunks.push(chunk)
  })
  response.on('error', () => undefined)
  response.on('end', () => {
    const { statusCode: status = 0, headers } = response
    settle({ kind: 'answer', status, type: headers['content-type'], body: Buffer.concat(chunks) })
  })
}

/** Nothing is written before that. One that is not connecting was used before (`reusedSocket` does not tell of all). */
function whenConnected(socket: Socket, connected: () => void): void {
  if (!socket.connecting) connected()
  else socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', connected)
}

function isTls(url: URL): boolean {
  return url.protocol === 'https:'
}
