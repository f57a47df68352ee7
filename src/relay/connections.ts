import type { Filter } from '../nostr/index.ts'
import type { AuthLevel } from './auth-level.ts'
import type { Connection } from './session.ts'

/** What can be told of an open connection (document 003's registry). */
export interface ConnectionFacts {
  readonly id: string
  readonly address: string
  /** Keys that it proved to hold, hex. */
  readonly pubkeys: readonly string[]
  readonly level: AuthLevel
  /** Ids of the AUTH events that proved them. */
  readonly authenticatorIds: readonly string[]
  readonly subscriptions: readonly { readonly id: string; readonly filters: readonly Filter[] }[]
  /** Messages it has sent. */
  readonly requests: number
  readonly bytesIn: number
  readonly bytesOut: number
  readonly startedAtMs: number
}

/** Which connections an operator means: exactly one of these. */
export type ConnectionSelector =
  | { readonly id: string }
  | { readonly pubkey: string }
  | { readonly address: string }

/** A connection was closed by an operator (document 003). */
export const CLOSED_BY_OPERATOR = 3502

/** The open connections of one thread. */
export class Connections {
  readonly #open = new Set<Connection>()
  readonly #prefix: string

  /** @param prefix begins the ids of connections, so that they are unique among threads and processes. */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  get size(): number {
    return this.#open.size
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#open.values()
  }

  add(connection: Connection): void {
    this.#open.add(connection)
  }

  /** False when it was not there any more. */
  delete(connection: Connection): boolean {
    return this.#open.delete(connection)
  }

  /** Everything that is known of every connection; made when somebody wants to see it. */
  facts(levelOf: (pubkeys: readonly string[]) => AuthLevel): readonly ConnectionFacts[] {
    return Array.from(this.#open, (connection) => {
      const { session, bytesIn, bytesOut } = connection
      return {
        id: this.#prefix + session.number,
        address: session.address,
        pubkeys: session.pubkeys,
        level: levelOf(session.pubkeys),
        authenticatorIds: session.authenticatorIds,
        subscriptions: Array.from(session.subscriptions?.values() ?? [], ({ id, filters }) => ({
          id,
          filters,
        })),
        requests: session.requests,
        bytesIn,
        bytesOut,
        startedAtMs: session.startedAtMs,
      }
    })
  }

  /** Closes those that are meant; returns how many. */
  close(selector: ConnectionSelector, text: string): number {
    const meant = Array.from(this.#open).filter(({ session }) => {
      if ('id' in selector) return selector.id === this.#prefix + session.number
      if ('pubkey' in selector) return session.pubkeys.includes(selector.pubkey)
      return session.address === selector.address
    })
    for (const connection of meant) connection.close(CLOSED_BY_OPERATOR, text)
    return meant.length
  }

  /** Closes every connection whose address is of a kind that is not wanted any more. */
  closeWhere(isUnwanted: (connection: Connection) => boolean, text: string): number {
    const meant = Array.from(this.#open).filter(isUnwanted)
    for (const connection of meant) connection.close(CLOSED_BY_OPERATOR, text)
    return meant.length
  }
}
