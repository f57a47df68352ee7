/** A peer over a real BTP connection of which every frame is in the test's hands. */
import { createHash, randomBytes } from 'node:crypto'
import { WebSocket } from 'ws'
import {
  authMessage,
  type BtpFrame,
  connectRaw,
  encodeBtpFrame,
  type RawPeer,
  type SubProtocol,
} from '../../src/interledger/btp/testing/index.ts'
import { peerAnswer } from '../../src/interledger/ildcp/index.ts'
import {
  decodePreparePacket,
  decodeReplyPacket,
  encodeIlpPacket,
  type IlpFulfill,
  type IlpPrepare,
  type IlpReply,
} from '../../src/interledger/packet/index.ts'

/** `silence`: no answer at all. */
export type PeerAnswer = IlpReply | 'silence'
export type AnswerPrepare = (prepare: IlpPrepare) => PeerAnswer | Promise<PeerAnswer>

export interface HostilePeerOptions {
  /** `ws://127.0.0.1:…/btp`. */
  readonly url: string
  readonly token: string
  /** What it does with packets that come to it; as `fulfilling` unless told otherwise. */
  readonly answer?: AnswerPrepare
  /** What it says when it is asked by `stoa.reconcile`; nothing, unless told otherwise. */
  readonly answerAsk?: (data: Buffer) => Buffer | undefined
}

const EMPTY = Buffer.alloc(0)
const FIRST_ID = 100

/** Receivers of these tests fulfil with what a packet carries: its first 32 bytes are the fulfilment. */
export function preparePaying(destination: string, changes: Partial<IlpPrepare> = {}): IlpPrepare {
  const fulfillment = randomBytes(32)
  return {
    type: 'prepare',
    amount: 1_000n,
    expiresAtMs: Date.now() + 10_000,
    executionCondition: createHash('sha256').update(fulfillment).digest(),
    destination,
    data: fulfillment,
    ...changes,
  }
}

export function fulfilling({ data }: Pick<IlpPrepare, 'data'>): IlpFulfill {
  return { type: 'fulfill', fulfillment: Buffer.from(data.subarray(0, 32)), data: EMPTY }
}

export class HostilePeer {
  readonly raw: RawPeer
  /** Prepares with which it was asked, in their order; those between neighbours are not among them. */
  readonly heard: IlpPrepare[] = []
  readonly #waiting = new Map<number, (frame: BtpFrame) => void>()
  readonly #options: HostilePeerOptions
  #lastId = FIRST_ID

  private constructor(raw: RawPeer, options: HostilePeerOptions) {
    this.raw = raw
    this.#options = options
  }

  /** Connects and says who it is. */
  static async connect(options: HostilePeerOptions): Promise<HostilePeer> {
    const raw = await connectRaw(options.url)
    raw.send(authMessage(1, { token: options.token, username: '' }))
    const answer = await raw.next()
    if (answer.type !== 'response') throw new Error(`the node refuses the connection: ${answer.type}`)
    const peer = new HostilePeer(raw, options)
    void peer.#listen()
    return peer
  }

  /** Sends a Prepare; undefined when the connection ends before it is answered. */
  async pay(prepare: IlpPrepare): Promise<IlpReply | undefined> {
    return this.sendIlp(encodeIlpPacket(prepare))
  }

  /** Sends these bytes as an ILP packet. */
  async sendIlp(packet: Buffer): Promise<IlpReply | undefined> {
    const frame = await this.ask('ilp', packet)
    const data = frame === undefined ? undefined : dataIn(frame, 'ilp')
    if (data === undefined) return undefined
    const reply = decodeReplyPacket(data)
    if (!reply.ok) throw new Error(reply.refusal)
    return reply.value
  }

  /** Asks by a sub-protocol; resolves to the whole frame, undefined when the connection ends before. */
  ask(name: string, data: Buffer): Promise<BtpFrame | undefined> {
    const requestId = ++this.#lastId
    return this.request({
      type: 'message',
      requestId,
      protocols: [{ name, contentType: 0, data }],
    })
  }

  request(frame: BtpFrame): Promise<BtpFrame | undefined> {
    if (this.raw.socket.readyState !== WebSocket.OPEN) return Promise.resolve(undefined)
    const { promise, resolve } = Promise.withResolvers<BtpFrame | undefined>()
    this.#waiting.set(frame.requestId, resolve)
    void this.raw.closed.then(() => resolve(undefined))
    this.raw.send(frame)
    return promise
  }

  /** Sends what is no frame. */
  sendRaw(bytes: Buffer): void {
    this.raw.socket.send(bytes)
  }

  async close(): Promise<void> {
    this.raw.socket.terminate()
    await this.raw.closed
  }

  async #listen(): Promise<void> {
    for (;;) {
      const frame = await this.raw.next()
      if (frame.type === 'message') void this.#serve(frame.requestId, frame.protocols[0])
      else {
        this.#waiting.get(frame.requestId)?.(frame)
        this.#waiting.delete(frame.requestId)
      }
    }
  }

  async #serve(requestId: number, protocol: SubProtocol | undefined): Promise<void> {
    if (protocol === undefined) return
    const { name, data } = protocol
    if (name !== 'ilp') {
      const answer = this.#options.answerAsk?.(data)
      if (answer !== undefined) this.#respond(requestId, name, answer)
      return
    }
    const prepare = decodePreparePacket(data)
    if (!prepare.ok) throw new Error(prepare.refusal)
    const reply = await this.#answer(prepare.value)
    if (reply !== 'silence') this.#respond(requestId, name, encodeIlpPacket(reply))
  }

  #answer(prepare: IlpPrepare): PeerAnswer | Promise<PeerAnswer> {
    // What neighbours say to each other it takes and does not care about.
    if (prepare.destination.startsWith('peer.')) return peerAnswer()
    this.heard.push(prepare)
    return (this.#options.answer ?? fulfilling)(prepare)
  }

  #respond(requestId: number, name: string, data: Buffer): void {
    const { socket } = this.raw
    if (socket.readyState !== WebSocket.OPEN) return
    socket.send(encodeBtpFrame({ type: 'response', requestId, protocols: [{ name, contentType: 0, data }] }))
  }
}

/** What a node answers to a POST: a reply, or the status with which it takes none. */
export type HttpReply = IlpReply | { readonly type: 'http'; readonly status: number }

/** A peer that pays over ILP-over-HTTP and cannot be paid. */
export class HostileHttpPeer {
  readonly #url: string
  readonly #token: string

  /** @param url `http://127.0.0.1:…/ilp`. */
  constructor(url: string, token: string) {
    this.#url = url
    this.#token = token
  }

  pay(prepare: IlpPrepare): Promise<HttpReply> {
    return this.post(encodeIlpPacket(prepare))
  }

  /** @throws Error when the node says what cannot be read. */
  async post(body: Buffer, headers: Readonly<Record<string, string>> = {}): Promise<HttpReply> {
    const authorization = `Bearer ${this.#token}`
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/octet-stream', ...headers },
      body: Uint8Array.from(body),
    })
    const answer = Buffer.from(await response.arrayBuffer())
    if (response.status !== 200) return { type: 'http', status: response.status }
    const reply = decodeReplyPacket(answer)
    if (!reply.ok) throw new Error(reply.refusal)
    return reply.value
  }
}

/** What a frame says by this sub-protocol. */
export function dataIn({ protocols }: BtpFrame, name: string): Buffer | undefined {
  return protocols.find((protocol) => protocol.name === name)?.data
}
