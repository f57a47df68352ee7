/** The paying end of a STREAM connection: makes Prepares, opens their answers, counts the packets. */
import { randomBytes } from 'node:crypto'
import { type Clock, type Outcome, refused } from '../../kernel/index.ts'
import { ILP_ERRORS, type IlpPrepare, type IlpReject, type IlpReply } from '../packet/index.ts'
import type { StreamFrame } from './frames.ts'
import { conditionOf, deriveStreamKeys, fulfillmentFor, type StreamKeys, seal, unseal } from './keys.ts'
import { decodeStreamPacket, encodeStreamPacket, type StreamPacket } from './stream-packet.ts'

export interface PayerConnectionDeps {
  /** Hands a Prepare to the network, in the payer's asset. Resolves when it is answered, at its expiry at the latest. */
  readonly send: (prepare: IlpPrepare) => Promise<IlpReply>
  readonly destinationAddress: string
  /** 32 bytes. */
  readonly sharedSecret: Buffer
  readonly clock: Clock
  /** How long a packet may be under way. */
  readonly packetTimeoutMs: number
}

export interface PacketRequest {
  /** In the payer's units. */
  readonly amount: bigint
  /** The least that may arrive. */
  readonly minimum: bigint
  readonly frames: readonly StreamFrame[]
  /** False: it only asks what would arrive, and moves nothing. */
  readonly isFulfillable: boolean
}

export type PathAnswer =
  /** The money is there. `packet` is undefined when what the receiver said got lost on the way. */
  | { readonly kind: 'fulfilled'; readonly packet: StreamPacket | undefined }
  /** The receiver itself refused, and says why. */
  | { readonly kind: 'refused'; readonly packet: StreamPacket }
  /** Somebody refused. */
  | { readonly kind: 'rejected'; readonly reject: IlpReject }

/** RFC-0029, 5.1.3: more packets of one key would not be safe. */
const MAX_PACKETS = 2n ** 31n

export class PayerConnection {
  readonly #deps: PayerConnectionDeps
  readonly #keys: StreamKeys
  #sequence = 0n

  constructor(deps: PayerConnectionDeps) {
    this.#deps = deps
    this.#keys = deriveStreamKeys(deps.sharedSecret)
  }

  /** Of the packet that was sent last; 0 before the first. */
  get sequence(): bigint {
    return this.#sequence
  }

  get isUsedUp(): boolean {
    return this.#sequence >= MAX_PACKETS
  }

  async exchange({ amount, minimum, frames, isFulfillable }: PacketRequest): Promise<PathAnswer> {
    const sequence = ++this.#sequence
    const bytes = encodeStreamPacket({ ilpType: 'prepare', sequence, amount: minimum, frames })
    const data = seal(this.#keys.encryption, bytes)
    const fulfillment = fulfillmentFor(this.#keys, data)
    const reply = await this.#deps.send({
      type: 'prepare',
      amount,
      expiresAtMs: this.#deps.clock.nowMs() + this.#deps.packetTimeoutMs,
      executionCondition: isFulfillable ? conditionOf(fulfillment) : randomBytes(32),
      destination: this.#deps.destinationAddress,
      data,
    })
    const said = this.#open(reply, sequence)
    if (reply.type === 'fulfill') {
      const isRight = isFulfillable && reply.fulfillment.equals(fulfillment)
      return isRight ? { kind: 'fulfilled', packet: said.ok ? said.value : undefined } : wrongFulfillment()
    }
    return said.ok ? { kind: 'refused', packet: said.value } : { kind: 'rejected', reject: reply }
  }

  /** What the receiver says in an answer to this packet, if it is the receiver who says it. */
  #open({ type, data }: IlpReply, sequence: bigint): Outcome<StreamPacket, string> {
    const bytes = unseal(this.#keys.encryption, data)
    if (bytes === undefined) return refused('it is not sealed with the key of the connection')
    const packet = decodeStreamPacket(bytes)
    if (!packet.ok) return packet
    const isAnswer = packet.value.sequence === sequence && packet.value.ilpType === type
    return isAnswer ? packet : refused('it answers another packet')
  }
}

/** Nobody may pay for this: whoever handed it on has to bear it. */
function wrongFulfillment(): PathAnswer {
  const reject = { code: ILP_ERRORS.WRONG_CONDITION, triggeredBy: '', data: Buffer.alloc(0) }
  return { kind: 'rejected', reject: { type: 'reject', ...reject, message: 'the fulfilment is wrong' } }
}
