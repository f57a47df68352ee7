/** The link of one peer, through all connections that it has one after another. */
import type { Link, LinkAnswer, LinkEvents } from '../link.ts'
import type { IlpPrepare } from '../packet/index.ts'
import type { BtpSession } from './session.ts'

export interface BtpLinkDeps {
  readonly events: Pick<LinkEvents, 'onOpen' | 'onClosed'>
  /** Ends what makes new connections. */
  readonly onClose: () => void | Promise<void>
}

export class BtpLink implements Link {
  readonly kind = 'btp'
  readonly #deps: BtpLinkDeps
  #session: BtpSession | undefined
  /** Takes the place of `#session` in the next round of the event loop. */
  #next: BtpSession | undefined
  #isClosed = false

  constructor(deps: BtpLinkDeps) {
    this.#deps = deps
  }

  get isConnected(): boolean {
    return this.#session !== undefined
  }

  send(prepare: IlpPrepare, encoded?: Buffer): Promise<LinkAnswer> {
    return this.#session?.send(prepare, encoded) ?? Promise.resolve({ type: 'unsent' })
  }

  ask(protocol: string, data: Buffer, timeoutMs: number): Promise<Buffer | undefined> {
    return this.#session?.ask(protocol, data, timeoutMs) ?? Promise.resolve(undefined)
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#deps.onClose()
    await Promise.all([this.#session?.end(), this.#next?.end()])
  }

  /**
   * Uses a new connection from now on; the one before is ended first, and nothing of it is read any more.
   *
   * @param greet called when it begins, before anything else is sent.
   */
  attach(session: BtpSession, greet: () => void): void {
    void this.#session?.end()
    void this.#next?.end()
    if (this.#isClosed) {
      void session.end()
      return
    }
    this.#next = session
    // Whoever waited on the old connection is told by then that his packet is lost, and has done what he does about it.
    setImmediate(() => this.#begin(session, greet))
  }

  #begin(session: BtpSession, greet: () => void): void {
    if (this.#next !== session) return
    this.#next = undefined
    if (session.isEnded) return
    this.#session = session
    session.onEnd = () => {
      this.#session = undefined
      this.#deps.events.onClosed()
    }
    greet()
    this.#deps.events.onOpen()
    session.start()
  }
}
