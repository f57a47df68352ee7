/** What a node is opened with, and what it offers to the program. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Kysely } from 'kysely'
import type { Clock, Outcome } from '../../kernel/index.ts'
import type { Ledger } from '../../ledger/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { LeaderTerm } from '../../platform/leadership/index.ts'
import type { DurablePacketBooks } from '../books/index.ts'
import type { BtpLimits } from '../btp/index.ts'
import type { ConnectorStats } from '../connector/index.ts'
import type { HttpAnswer, HttpRequest } from '../http/index.ts'
import type { PeerTerms } from '../peer.ts'
import type { SpspRequest, SpspResponse } from '../spsp/index.ts'
import type { IlpNode } from './ilp-node.ts'
import type { RecordChange, TokenSeal } from './node-store.ts'
import type { NodeSettings } from './settings.ts'

/** Answers what a peer asks by a BTP sub-protocol (or its like over HTTP). */
export type PeerAsk = (peerId: string, data: Buffer) => Promise<Buffer | undefined>

/** Undefined when it is not known. */
export type AddressOf = (request: IncomingMessage) => string | undefined

export interface NodeSecret extends TokenSeal {
  /** 32 bytes, the same for the same text. */
  derive(info: string): Buffer
}

export interface OpenNodeDeps {
  readonly db: Kysely<Tables>
  readonly ledger: Ledger
  readonly clock: Clock
  readonly logger: Logger
  readonly settings: NodeSettings
  /** When neither the operator nor a parent gives an address. */
  readonly fallbackAddress: string
  readonly secret: NodeSecret
  readonly record: RecordChange
  /** What is written is written while it is held. */
  readonly term: LeaderTerm
  /** The public key (hex) that a name of `/pay/<name>` stands for. */
  readonly keyOfName: (name: string) => Promise<string | undefined>
  /** By the name of the protocol. */
  readonly asks: ReadonlyMap<string, PeerAsk>
  /** The balance of a peer may have changed by packets. Cheap, and called for each. */
  readonly onFulfilled?: (peerId: string) => void
  readonly fetch: typeof fetch
  /** The client's address, as limits count it; unless given, nobody is held back for wrong tokens. */
  readonly addressOf?: AddressOf
  /** Where they are to be others than `DEFAULT_BTP_LIMITS`. */
  readonly btpLimits?: Partial<BtpLimits>
  /** The node cannot write any more: its owner ends it, and another run goes on. */
  readonly onFailed: (error: unknown) => void
}

/** A node that runs. */
export interface OpenedNode {
  readonly node: IlpNode
  /** Of BTP, at its path. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** `POST /ilp`. */
  receiveHttp(request: HttpRequest): Promise<HttpAnswer>
  /** `GET /.well-known/pay` and `GET /pay/<name>`. */
  answerSpsp(request: SpspRequest): Promise<SpspResponse>
  /** Terms of peers that packets are exchanged with: all that are not closed. */
  peers(): readonly PeerTerms[]
  /** Of one of them. Cheap: it may be asked for each packet. */
  peerTermsOf(peerId: string): PeerTerms | undefined
  /** Asks a peer by a protocol beside packets. */
  askPeer(peerId: string, protocol: string, data: Buffer, timeoutMs: number): Promise<Buffer | undefined>
  /** Somebody else has booked on a peer's account: by so much it owes us more. */
  noteBooked(peerId: string, change: bigint): void
  /** Takes over rates and spread. The refusal names the setting that cannot be. */
  configure(settings: NodeSettings): Outcome<undefined, string>
  figures(): NodeFigures
  /** Ends links, lets packets come to their end, closes the books; for some seconds at most, even without the database. */
  stop(): Promise<void>
}

/** What `/metrics` shows beside the desk. */
export interface NodeFigures {
  readonly connector: ConnectorStats
  readonly books: DurablePacketBooks['stats']
  readonly packetsPerSecond: number
  readonly unresolved: number
  readonly peers: number
  readonly connectedPeers: number
  readonly routes: number
}
