/** A way to one peer: BTP, HTTP, or within the process. */
import type { IlpPrepare, IlpReply } from './packet/index.ts'

/**
 * The answer to a Prepare as a link sees it. `lost`: the packet may have arrived, and no answer came before its expiry
 * or before the connection broke; whether it was fulfilled only the peer knows. `unsent`: it certainly did not leave, or the
 * peer's end of the link refused it unread.
 */
export type LinkAnswer = IlpReply | { readonly type: 'lost' } | { readonly type: 'unsent' }

export interface Link {
  /** For logs and the console: `btp`, `http`, `local`. */
  readonly kind: string
  readonly isConnected: boolean
  /**
   * Sends a Prepare and waits for its answer, until the packet's expiry at most. Never rejects.
   *
   * @param encoded the packet's bytes (`encodeIlpPacket`), where they are known: then they need not be made again.
   */
  send(prepare: IlpPrepare, encoded?: Buffer): Promise<LinkAnswer>
  /**
   * Asks the peer something beside packets (a BTP sub-protocol). Resolves to its answer; undefined when the peer does not
   * know the protocol, or when none came in time.
   */
  ask(protocol: string, data: Buffer, timeoutMs: number): Promise<Buffer | undefined>
  /** Ends it for good; what is waiting becomes `lost`. */
  close(): Promise<void>
}

/** What a link hands to the node. */
export interface LinkEvents {
  /** A Prepare of the peer. Never rejects. `size` is the packet's length in bytes as it came. */
  onPrepare(prepare: IlpPrepare, size: number): Promise<IlpReply>
  /** Something beside packets; undefined when the protocol is not known. */
  onAsk(protocol: string, data: Buffer): Promise<Buffer | undefined>
  /** It can be used, for the first time or again. Packets of an earlier connection are lost by then. */
  onOpen(): void
  onClosed(): void
}
