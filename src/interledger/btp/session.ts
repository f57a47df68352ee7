/**
 * One authenticated connection, from its first frame to its end: requests of ours by their id, requests of the peer by
 * who answers them. Both ends of a connection are alike here.
 */
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import type { Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { LinkAnswer, LinkEvents } from '../link.ts'
import {
  decodePreparePacket,
  decodeReplyPacket,
  encodeIlpPacket,
  ILP_ERRORS,
  type IlpPrepare,
  type IlpReply,
} from '../packet/index.ts'
import { type BTP_ERRORS, btpError } from './errors.ts'
import {
  type BtpError,
  type BtpFrame,
  type BtpMessage,
  type BtpResponse,
  CONTENT_TYPE,
  decodeBtpFrame,
  encodeBtpFrame,
  type SubProtocol,
} from './frames.ts'
import { GroupedWrites } from './grouped-writes.ts'
import { type BtpLimits, CLOSE_TIMEOUT_MS, SWEEP_INTERVAL_MS } from './limits.ts'

export interface SessionDeps {
  /** Open and authenticated. */
  readonly socket: WebSocket
  /** What `socket` writes to. */
  readonly stream: Duplex
  readonly events: Pick<LinkEvents, 'onPrepare' | 'onAsk'>
  readonly clock: Clock
  readonly logger: Logger
  readonly limits: BtpLimits
}

/** A request of ours. `undefined` says that there will be no answer. */
interface Asked {
  readonly untilMs: number
  readonly answer: (frame: BtpResponse | BtpError | undefined) => void
}

const ILP = 'ilp'
const MAX_REQUEST_ID = 0xffff_ffff
const LOST: LinkAnswer = { type: 'lost' }
const UNSENT: LinkAnswer = { type: 'unsent' }
const CLOSE_NORMAL = 1000
const CLOSE_BROKEN = 1002

export class BtpSession {
  /** Called once, when it has ended for any reason, after everything that waited was answered. */
  onEnd: () => void = () => undefined
  readonly #deps: SessionDeps
  readonly #writes: GroupedWrites
  readonly #asked = new Map<number, Asked>()
  /** Frames that came before `start`. */
  #early: Buffer[] | undefined = []
  #lastId = 0
  #served = 0
  #broken = 0
  #isAlive = true
  #isEnded = false
  #sweepsToPing: number
  readonly #sweeps: NodeJS.Timeout

  /** Takes the socket over: from here on its frames come to this session, and wait for `start`. */
  constructor(deps: SessionDeps) {
    this.#deps = deps
    this.#writes = new GroupedWrites(deps.stream)
    this.#sweepsToPing = this.#sweepsPerPing()
    this.#sweeps = setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS)
    this.#sweeps.unref()
    const { socket } = deps
    socket.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary))
    socket.on('pong', () => {
      this.#isAlive = true
    })
    // Closing follows, and that is what is acted on.
    socket.on('error', (error) => deps.logger.debug({ problem: error.message }, 'btp.socket'))
    socket.on('close', () => this.#finish())
    // Until it is started, no more comes than what is on this side of the socket.
    socket.pause()
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** Begins with what came and what comes. */
  start(): void {
    const early = this.#early ?? []
    this.#early = undefined
    for (const data of early) this.#handle(data)
    if (!this.#isEnded) this.#deps.socket.resume()
  }

  /** As `Link.send`. */
  send(prepare: IlpPrepare, encoded = encodeIlpPacket(prepare)): Promise<LinkAnswer> {
    if (!this.#mayAsk(prepare.expiresAtMs)) return Promise.resolve(UNSENT)
    return new Promise((resolve) => {
      const answer: Asked['answer'] = (frame) => resolve(linkAnswerOf(frame))
      this.#ask(ilpProtocol(encoded), { untilMs: prepare.expiresAtMs, answer })
    })
  }

  /** As `Link.ask`. */
  ask(name: string, data: Buffer, timeoutMs: number): Promise<Buffer | undefined> {
    const untilMs = this.#deps.clock.nowMs() + timeoutMs
    if (!this.#mayAsk(untilMs)) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const answer: Asked['answer'] = (frame) => {
        resolve(frame?.type === 'response' ? dataOf(frame, name) : undefined)
      }
      this.#ask({ name, contentType: CONTENT_TYPE.octets, data }, { untilMs, answer })
    })
  }

  /** Sends a frame that is no request of ours. */
  write(frame: BtpFrame): void {
    if (this.#isEnded) return
    if (this.#deps.socket.bufferedAmount > 2 * this.#deps.limits.maxUnreadBytes) {
      this.#break('it does not read')
      return
    }
    this.#writes.hold()
    this.#deps.socket.send(encodeBtpFrame(frame))
  }

  /** Ends it: what waits is lost, what still comes is not read. Resolves when the socket is closed. */
  end(): Promise<void> {
    return this.#close(CLOSE_NORMAL)
  }

  #close(code: number): Promise<void> {
    const { socket } = this.#deps
    this.#finish()
    if (socket.readyState === WebSocket.CLOSED) return Promise.resolve()
    const closed = Promise.withResolvers<void>()
    const timer = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS)
    socket.once('close', () => {
      clearTimeout(timer)
      closed.resolve()
    })
    socket.resume()
    socket.close(code)
    return closed.promise
  }

  #break(why: string): void {
    this.#deps.logger.warn({ why }, 'btp.broken')
    this.#finish()
    this.#deps.socket.terminate()
  }

  #finish(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    clearInterval(this.#sweeps)
    const asked = [...this.#asked.values()]
    this.#asked.clear()
    for (const { answer } of asked) answer(undefined)
    this.onEnd()
  }

  #sweepsPerPing(): number {
    return Math.ceil(this.#deps.limits.pingIntervalMs / SWEEP_INTERVAL_MS)
  }

  #sweep(): void {
    const nowMs = this.#deps.clock.nowMs()
    for (const [id, { untilMs, answer }] of this.#asked) {
      if (untilMs > nowMs) continue
      this.#asked.delete(id)
      answer(undefined)
    }
    this.#sweepsToPing--
    if (this.#sweepsToPing === 0) this.#ping()
  }

  #ping(): void {
    this.#sweepsToPing = this.#sweepsPerPing()
    if (!this.#isAlive) {
      this.#break('it gives no sign of life')
      return
    }
    this.#isAlive = false
    this.#deps.socket.ping()
  }

  #mayAsk(untilMs: number): boolean {
    const { clock, limits, socket } = this.#deps
    // When the peer has said that it closes, nothing leaves any more, though the connection has not ended yet.
    if (this.#isEnded || socket.readyState !== WebSocket.OPEN) return false
    if (untilMs <= clock.nowMs() || this.#asked.size >= limits.maxAsked) return false
    return socket.bufferedAmount <= limits.maxUnreadBytes
  }

  #ask(protocol: SubProtocol, asked: Asked): void {
    const requestId = this.#nextId()
    this.#asked.set(requestId, asked)
    this.write({ type: 'message', requestId, protocols: [protocol] })
  }

  /** In sequence, so that a late answer does not meet another request; those still waiting are stepped over. */
  #nextId(): number {
    do {
      this.#lastId = this.#lastId === MAX_REQUEST_ID ? 0 : this.#lastId + 1
    } while (this.#asked.has(this.#lastId))
    return this.#lastId
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#isEnded) return
    this.#isAlive = true
    if (!isBinary) this.#passOver('it is text')
    else if (this.#early === undefined) this.#handle(data)
    else this.#early.push(data)
  }

  #handle(data: Buffer): void {
    if (this.#isEnded) return
    const frame = decodeBtpFrame(data)
    if (!frame.ok) this.#passOver(frame.refusal)
    else if (frame.value.type === 'message') this.#serve(frame.value)
    else if (frame.value.type === 'transfer') {
      this.#refuse(frame.value.requestId, 'notAccepted', 'settlements do not come this way')
    } else this.#settle(frame.value)
  }

  /** An unreadable frame gets no answer, or two that do not understand each other would never end (RFC-0023, "Flow"). */
  #passOver(why: string): void {
    this.#broken++
    if (this.#broken === 1) this.#deps.logger.warn({ why }, 'btp.unreadable')
    if (this.#broken <= this.#deps.limits.maxBrokenFrames) return
    this.#deps.logger.warn({ frames: this.#broken }, 'btp.garbage')
    void this.#close(CLOSE_BROKEN)
  }

  /** An answer that nobody waits for (any more) is passed over. */
  #settle(frame: BtpResponse | BtpError): void {
    const asked = this.#asked.get(frame.requestId)
    if (asked === undefined) return
    this.#asked.delete(frame.requestId)
    asked.answer(frame)
  }

  #serve({ requestId, protocols }: BtpMessage): void {
    const [primary] = protocols
    if (primary === undefined) {
      this.#respond(requestId, undefined)
      return
    }
    if (this.#served >= this.#deps.limits.maxServed) {
      this.#refuse(requestId, 'unreachable', `${this.#served} requests are being worked on`)
      return
    }
    this.#served++
    this.#answerTo(primary).then(
      (protocol) => {
        this.#served--
        this.#respond(requestId, protocol)
      },
      (error: unknown) => {
        this.#served--
        this.#deps.logger.error({ err: error }, 'btp.fault')
        this.#refuse(requestId, 'unreachable', 'the request failed here')
      },
    )
  }

  async #answerTo({ name, data }: SubProtocol): Promise<SubProtocol | undefined> {
    const { events } = this.#deps
    if (name !== ILP) {
      const answer = await events.onAsk(name, data)
      return answer && { name, contentType: CONTENT_TYPE.octets, data: answer }
    }
    const prepare = decodePreparePacket(data)
    if (!prepare.ok) return ilpProtocol(encodeIlpPacket(invalidPacket(prepare.refusal)))
    return ilpProtocol(encodeIlpPacket(await events.onPrepare(prepare.value, data.length)))
  }

  #respond(requestId: number, protocol: SubProtocol | undefined): void {
    this.write({ type: 'response', requestId, protocols: protocol === undefined ? [] : [protocol] })
  }

  #refuse(requestId: number, kind: keyof typeof BTP_ERRORS, text: string): void {
    this.write(btpError(requestId, kind, text, this.#deps.clock))
  }
}

function ilpProtocol(packet: Buffer): SubProtocol {
  return { name: ILP, contentType: CONTENT_TYPE.octets, data: packet }
}

/** A link has no address of its own to sign with. */
function invalidPacket(message: string): IlpReply {
  return { type: 'reject', code: ILP_ERRORS.INVALID_PACKET, triggeredBy: '', message, data: Buffer.alloc(0) }
}

/**
 * A BTP error says that the peer did not take the request at all, as if it had not left. An answer without a packet, or
 * with one that cannot be read, says nothing of what the peer did: it counts as none.
 */
function linkAnswerOf(frame: BtpResponse | BtpError | undefined): LinkAnswer {
  if (frame?.type === 'error') return UNSENT
  const data = frame && dataOf(frame, ILP)
  const reply = data && decodeReplyPacket(data)
  return reply?.ok ? reply.value : LOST
}

function dataOf({ protocols }: BtpResponse, name: string): Buffer | undefined {
  return protocols.find((protocol) => protocol.name === name)?.data
}
