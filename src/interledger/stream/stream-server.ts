/**
 * The receiving end of STREAM (RFC-0029). It decides about Prepares and moves no money: whoever asks it books what it
 * accepts, and says so.
 */
import type { Asset, Clock } from '../../kernel/index.ts'
import type { AccountId } from '../../ledger/index.ts'
import { ilpAssetOf } from '../ilp-asset.ts'
import type { LocalDecision } from '../local-receiver.ts'
import { ILP_ERRORS, type IlpPrepare, type IlpReject, isInPrefix } from '../packet/index.ts'
import {
  type ConnectionState,
  type ConnectionTable,
  createConnectionTable,
  DEFAULT_MAX_CONNECTIONS,
} from './connections.ts'
import {
  type ConnectionTerms,
  deriveServerKeys,
  type ServerKeys,
  type StreamCredentials,
  sealToken,
  sharedSecretOf,
} from './credentials.ts'
import type { StreamFrame } from './frames.ts'
import { type AcceptedPacket, DATA_WINDOW_BYTES, judgePacket } from './judge-prepare.ts'
import { conditionOf, fulfillmentFor, IV_BYTES, IvSource, seal, unseal } from './keys.ts'
import { createReplayMemory, type ReplayMemory } from './replays.ts'
import { fulfilFrames, hold } from './settling.ts'
import { decodeStreamPacket, encodeStreamPacket, type StreamPacket } from './stream-packet.ts'

/** Money that has been booked. */
export interface StreamMoney {
  /** As it was given to `credentials`. */
  readonly tag: Buffer
  readonly streamId: number
  /** In the server's asset. */
  readonly amount: bigint
  /** Of this stream, as far as the server remembers: it begins at zero after a restart or ten minutes of silence. */
  readonly total: bigint
}

/** Bytes of one stream, in order and without gaps. */
export interface StreamBytes {
  readonly tag: Buffer
  readonly streamId: number
  readonly offset: number
  /** A view; to be copied by whoever keeps it. */
  readonly data: Buffer
}

export interface StreamServerDeps {
  /** The ILP address that Prepares for this server begin with. It may change; credentials stay good. */
  readonly serverAddress: () => string
  /** 32 bytes. Whoever knows it can fulfil what is sent to this server; with another one old credentials are void. */
  readonly secret: Buffer
  /** What amounts are counted in; Prepares are converted to it before they come here. */
  readonly asset: Asset
  readonly clock: Clock
  /** Whose money a payment with this tag is; undefined when there is no such account any more. */
  readonly accountOf: (tag: Buffer) => AccountId | undefined
  /** Connections whose totals are remembered; default 10 000. */
  readonly maxConnections?: number
  /** Told before the Fulfill leaves. Must not throw, and neither may `onData`. */
  readonly onMoney?: (money: StreamMoney) => void
  /** Without it the first 64 KiB of a connection are acknowledged and passed over, and more is refused. */
  readonly onData?: (bytes: StreamBytes) => void
}

export interface StreamServer {
  readonly asset: Asset
  /** Connections that are remembered at this moment. */
  readonly connections: number
  /** For one payer; different each time. @throws AppError INTERNAL when a part has not its length. */
  credentials(terms: ConnectionTerms): StreamCredentials
  /** @param prepare not expired, in this server's asset, to an address that begins with its own. */
  decide(prepare: IlpPrepare): LocalDecision
}

/** Sealed packets that were accepted lately: each is good once. By IV, since no two packets have the same. */
const REPLAYS_PER_GENERATION = 65_536

export function createStreamServer(deps: StreamServerDeps): StreamServer {
  return new Server(deps)
}

class Server implements StreamServer {
  readonly asset: Asset
  readonly #deps: StreamServerDeps
  readonly #keys: ServerKeys
  readonly #table: ConnectionTable
  readonly #ivs = new IvSource()
  readonly #replays: ReplayMemory = createReplayMemory(REPLAYS_PER_GENERATION)

  constructor(deps: StreamServerDeps) {
    this.asset = deps.asset
    this.#deps = deps
    this.#keys = deriveServerKeys(deps.secret)
    this.#table = createConnectionTable(
      this.#keys,
      deps.clock,
      deps.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
    )
  }

  get connections(): number {
    return this.#table.size
  }

  credentials(terms: ConnectionTerms): StreamCredentials {
    const token = sealToken(this.#keys, terms)
    const destinationAddress = `${this.#deps.serverAddress()}.${token}`
    return { destinationAddress, sharedSecret: sharedSecretOf(this.#keys, token) }
  }

  decide(prepare: IlpPrepare): LocalDecision {
    const connection = this.#connectionFor(prepare.destination)
    const creditTo = connection && this.#deps.accountOf(connection.terms.tag)
    if (creditTo === undefined) return this.#refuse('UNREACHABLE', 'nobody receives at this address')
    const packet = openPrepare(connection!, prepare.data)
    if (packet === undefined) return this.#refuse('UNEXPECTED_PAYMENT', '')
    return this.#decideOn({ connection: connection!, packet, prepare, creditTo })
  }

  #decideOn({ connection, packet, prepare, creditTo }: Known): LocalDecision {
    this.#table.keep(connection)
    // Before the judgement: payers send it in packets that cannot be fulfilled.
    if (packet.frames.some(({ type }) => type === 'connectionClose')) this.#table.forget(connection)
    const fulfillment = fulfillmentFor(connection.keys, prepare.data)
    const id = prepare.data.toString('latin1', 0, IV_BYTES)
    // A condition of another kind asks what would arrive, and is answered just that (RFC-0029, 6.1).
    const isMeant = conditionOf(fulfillment).equals(prepare.executionCondition) && !this.#replays.has(id)
    if (!isMeant) return this.#refuseSealed(connection, packet, prepare, [])
    const verdict = judgePacket(connection, packet, prepare.amount, this.#maxData(connection))
    if (!verdict.ok) return this.#refuseSealed(connection, packet, prepare, verdict.refusal)
    this.#replays.add(id)
    const settle = hold(connection, packet, verdict.value)
    return {
      isAccepted: true,
      creditTo,
      fulfillment,
      booked: () => {
        const received = settle.booked()
        const frames = [...fulfilFrames(connection, received)]
        const data = this.#sealReply(connection, packet, prepare.amount, 'fulfill', frames)
        this.#tell(connection, received)
        return { type: 'fulfill', fulfillment, data }
      },
      notBooked: () => {
        settle.notBooked()
        this.#replays.delete(id)
      },
    }
  }

  #connectionFor(destination: string): ConnectionState | undefined {
    const address = this.#deps.serverAddress()
    if (!isInPrefix(destination, address)) return undefined
    const [token = ''] = destination.slice(address.length + 1).split('.', 1)
    return this.#table.open(token)
  }

  #maxData({ dataReceived }: ConnectionState): number {
    return DATA_WINDOW_BYTES + (this.#deps.onData === undefined ? 0 : dataReceived)
  }

  #refuse(error: 'UNREACHABLE' | 'UNEXPECTED_PAYMENT', message: string): LocalDecision {
    return { isAccepted: false, reply: this.#reject(ILP_ERRORS[error], message, Buffer.alloc(0)) }
  }

  #refuseSealed(
    connection: ConnectionState,
    packet: StreamPacket,
    { amount }: IlpPrepare,
    frames: readonly StreamFrame[],
  ): LocalDecision {
    const data = this.#sealReply(connection, packet, amount, 'reject', frames)
    return { isAccepted: false, reply: this.#reject(ILP_ERRORS.FINAL_APPLICATION_ERROR, '', data) }
  }

  #reject(code: string, message: string, data: Buffer): IlpReject {
    return { type: 'reject', code, triggeredBy: this.#deps.serverAddress(), message, data }
  }

  #sealReply(
    connection: ConnectionState,
    { sequence, frames: asked }: StreamPacket,
    amount: bigint,
    ilpType: 'fulfill' | 'reject',
    frames: readonly StreamFrame[],
  ): Buffer {
    const asksAsset = asked.some(({ type }) => type === 'connectionNewAddress')
    const all: StreamFrame[] = [
      { type: 'connectionMaxData', maxOffset: BigInt(this.#maxData(connection)) },
      ...(asksAsset || !connection.hasToldAsset ? this.#introduction(connection) : []),
      ...frames,
    ]
    connection.hasToldAsset = true
    const bytes = encodeStreamPacket({ ilpType, sequence, amount, frames: all })
    return seal(connection.keys.encryption, bytes, this.#ivs.next())
  }

  #introduction({ maxStreamId }: ConnectionState): readonly StreamFrame[] {
    const { code, scale } = ilpAssetOf(this.asset)
    return [
      { type: 'connectionMaxStreamId', maxStreamId: BigInt(maxStreamId) },
      { type: 'connectionAssetDetails', assetCode: code, assetScale: scale },
    ]
  }

  #tell({ terms: { tag }, streams }: ConnectionState, { money, data }: AcceptedPacket): void {
    for (const [streamId, amount] of money) {
      this.#deps.onMoney?.({ tag, streamId, amount, total: streams.get(streamId)!.received })
    }
    for (const { streamId, offset, data: bytes } of data) {
      this.#deps.onData?.({ tag, streamId, offset, data: bytes })
    }
  }
}

interface Known {
  readonly connection: ConnectionState
  readonly packet: StreamPacket
  readonly prepare: IlpPrepare
  readonly creditTo: AccountId
}

/** Undefined for what the payer of this connection has not sealed for a Prepare. */
function openPrepare({ keys }: ConnectionState, data: Buffer): StreamPacket | undefined {
  const bytes = unseal(keys.encryption, data)
  const packet = bytes && decodeStreamPacket(bytes)
  return packet?.ok && packet.value.ilpType === 'prepare' ? packet.value : undefined
}
