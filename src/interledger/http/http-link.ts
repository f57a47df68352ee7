/**
 * ILP-over-HTTP (RFC-0035), the side that sends: each Prepare is a POST, its answer the response's body. HTTP has no
 * connection to look at, so the link counts as connected from an answer of any kind until no connection can be made.
 */
import { AppError, type Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import { createBackOff } from '../back-off.ts'
import type { Link, LinkAnswer, LinkEvents } from '../link.ts'
import { decodeReplyPacket, encodeIlpPacket, type IlpPrepare } from '../packet/index.ts'
import type { Bearer } from './bearer.ts'
import { ASK_HEADER, ASK_MEDIA_TYPE, isMediaType, PACKET_MEDIA_TYPE } from './media.ts'
import { Poster, type PostOutcome } from './poster.ts'

export interface HttpLinkLimits {
  /** Requests that wait for their answer; beyond it nothing is sent. */
  readonly maxAsked: number
  /** Connections; requests beyond it wait for one. */
  readonly maxConnections: number
  readonly probeTimeoutMs: number
  /** The wait before a peer that cannot be reached is tried again: from this … */
  readonly minRetryMs: number
  /** … doubled up to this. */
  readonly maxRetryMs: number
}

const DEFAULT_LIMITS: HttpLinkLimits = {
  maxAsked: 2_000,
  maxConnections: 128,
  probeTimeoutMs: 10_000,
  minRetryMs: 250,
  maxRetryMs: 30_000,
}

export interface HttpLinkOptions {
  /** `http://` or `https://`, without a name or a token in it. */
  readonly url: string
  readonly bearer: Bearer
  /** What the peer sends comes by `createHttpReceiver`. */
  readonly events: Pick<LinkEvents, 'onOpen' | 'onClosed'>
  readonly clock: Clock
  readonly logger: Logger
  readonly limits?: Partial<HttpLinkLimits>
  /** From 0 to just below 1, for the waits between tries. */
  readonly random?: () => number
}

/** @throws AppError INTERNAL when the address is none of HTTP. */
export function createHttpLink(options: HttpLinkOptions): Link {
  const url = URL.parse(options.url)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new AppError('INTERNAL', 'the address of an ILP-over-HTTP peer was not checked')
  }
  return new HttpLink(url, options)
}

const UNSENT: LinkAnswer = { type: 'unsent' }
const LOST: LinkAnswer = { type: 'lost' }

class HttpLink implements Link {
  readonly kind = 'http'
  readonly #url: URL
  readonly #options: HttpLinkOptions
  readonly #limits: HttpLinkLimits
  readonly #poster: Poster
  readonly #backOff
  #isUp = false
  #isClosed = false
  #retry: NodeJS.Timeout | undefined

  constructor(url: URL, options: HttpLinkOptions) {
    this.#url = url
    this.#options = options
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    const { maxConnections, minRetryMs: minMs, maxRetryMs: maxMs } = this.#limits
    const onUnreachable = (problem: string): void => this.#goDown(problem)
    this.#poster = new Poster({ url, maxConnections, clock: options.clock, onUnreachable })
    this.#backOff = createBackOff({ minMs, maxMs, random: options.random ?? Math.random })
    this.#probeSoon(0)
  }

  get isConnected(): boolean {
    return this.#isUp
  }

  async send(prepare: IlpPrepare, encoded = encodeIlpPacket(prepare)): Promise<LinkAnswer> {
    if (!this.#mayAsk(prepare.expiresAtMs)) return UNSENT
    const headers = { 'content-type': PACKET_MEDIA_TYPE, accept: PACKET_MEDIA_TYPE }
    return linkAnswerOf(await this.#post(headers, encoded, prepare.expiresAtMs))
  }

  async ask(protocol: string, data: Buffer, timeoutMs: number): Promise<Buffer | undefined> {
    const untilMs = this.#options.clock.nowMs() + timeoutMs
    if (!this.#mayAsk(untilMs)) return undefined
    const headers = { 'content-type': ASK_MEDIA_TYPE, accept: ASK_MEDIA_TYPE, [ASK_HEADER]: protocol }
    const outcome = await this.#post(headers, data, untilMs)
    if (outcome.kind !== 'answer' || outcome.status !== 200) return undefined
    return isMediaType(outcome.type, ASK_MEDIA_TYPE) ? outcome.body : undefined
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#retry)
    this.#poster.close()
    this.#leave()
  }

  #mayAsk(untilMs: number): boolean {
    return this.#isUp && untilMs > this.#options.clock.nowMs() && this.#poster.size < this.#limits.maxAsked
  }

  async #post(headers: Record<string, string>, body: Buffer, untilMs: number): Promise<PostOutcome> {
    const token = await this.#options.bearer()
    // Others were asking for it at the same time, and it may have taken a while.
    if (!this.#mayAsk(untilMs)) return { kind: 'unsent' }
    return this.#poster.post({ ...headers, authorization: `Bearer ${token}` }, body, untilMs)
  }

  #goDown(problem: string): void {
    if (!this.#isUp) return
    this.#options.logger.warn({ server: this.#url.host, problem }, 'ilp-http.unreachable')
    // One that cannot be made says nothing of those that stand: their answers still come, or their expiry does.
    this.#leave()
    this.#probeSoon(this.#backOff.nextMs())
  }

  #leave(): void {
    if (!this.#isUp) return
    this.#isUp = false
    this.#options.events.onClosed()
  }

  #probeSoon(waitMs: number): void {
    this.#retry = setTimeout(() => void this.#probe(), waitMs)
  }

  async #probe(): Promise<void> {
    const { clock, logger, events } = this.#options
    const isReachable = await this.#poster.probe(clock.nowMs() + this.#limits.probeTimeoutMs)
    if (this.#isClosed) return
    if (!isReachable) {
      this.#probeSoon(this.#backOff.nextMs())
      return
    }
    // When it is open, packets of before are answered or lost.
    await this.#poster.whenIdle()
    if (this.#isClosed) return
    this.#backOff.reset()
    this.#isUp = true
    logger.info({ server: this.#url.host }, 'ilp-http.reachable')
    events.onOpen()
  }
}

/**
 * 4xx says that the peer did not take the request. After 5xx nobody knows: a proxy may answer so for a peer that has
 * fulfilled, and an answer without a readable packet says nothing either.
 */
function linkAnswerOf(outcome: PostOutcome): LinkAnswer {
  if (outcome.kind !== 'answer') return outcome.kind === 'unsent' ? UNSENT : LOST
  if (outcome.status >= 400 && outcome.status < 500) return UNSENT
  const reply = outcome.status === 200 ? decodeReplyPacket(outcome.body) : undefined
  return reply?.ok ? reply.value : LOST
}
