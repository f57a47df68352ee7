/**
 * What a server remembers of connections while they are used. It may forget any of them at any time: the token in the
 * address brings everything back but the totals.
 */
import type { Clock } from '../../kernel/index.ts'
import { type ServerKeys, sharedSecretOf, type UnsealedTerms, unsealToken } from './credentials.ts'
import { deriveStreamKeys, type StreamKeys } from './keys.ts'

export interface StreamState {
  readonly id: number
  /** Booked, in the receiver's units. */
  received: bigint
  /** Bytes received, in order, from the first on. */
  dataReceived: number
  isClosed: boolean
}

export interface ConnectionState {
  readonly token: string
  readonly terms: UnsealedTerms
  readonly keys: StreamKeys
  /** Streams that money or data was booked for, closed ones too. */
  readonly streams: Map<number, StreamState>
  /** The highest id that the payer may use; grows as streams are closed. */
  maxStreamId: number
  received: bigint
  /** Accepted and not booked yet. */
  held: bigint
  /** Bytes of all streams. */
  dataReceived: number
  hasToldAsset: boolean
  usedAtMs: number
}

/** Connections that are remembered unless it is said otherwise; 1.5 KB of heap each, 5 KB with all their streams. */
export const DEFAULT_MAX_CONNECTIONS = 10_000
/** A payer that comes back after this finds its totals at zero, and its closed streams open again. */
const IDLE_MS = 600_000
/** Ten streams of the payer (odd ids) at once: RFC-0029, 3.3. */
const FIRST_MAX_STREAM_ID = 20
/** Thirty streams in all: bounds what is remembered of those that were closed. A payment needs one. */
const LAST_MAX_STREAM_ID = 60

export interface ConnectionTable {
  readonly size: number
  /** The connection of a token; undefined when the token is none of ours. It is not remembered before `keep`. */
  open(token: string): ConnectionState | undefined
  /** To be called for whoever has shown that it knows the secret. */
  keep(connection: ConnectionState): void
  forget(connection: ConnectionState): void
}

/** @param maxConnections the one that was not used for longest is forgotten for one more. */
export function createConnectionTable(
  serverKeys: ServerKeys,
  clock: Clock,
  maxConnections: number,
): ConnectionTable {
  /** By token, the one that was used last at the end. */
  const connections = new Map<string, ConnectionState>()

  function remembered(token: string): ConnectionState | undefined {
    const connection = connections.get(token)
    if (connection === undefined || clock.nowMs() - connection.usedAtMs <= IDLE_MS) return connection
    connections.delete(token)
    return undefined
  }

  return {
    get size() {
      return connections.size
    },
    open: (token) => remembered(token) ?? newConnection(serverKeys, token),
    keep: (connection) => {
      connection.usedAtMs = clock.nowMs()
      connections.delete(connection.token)
      connections.set(connection.token, connection)
      if (connections.size > maxConnections) connections.delete(connections.keys().next().value!)
    },
    forget: ({ token }) => connections.delete(token),
  }
}

function newConnection(serverKeys: ServerKeys, token: string): ConnectionState | undefined {
  const terms = unsealToken(serverKeys, token)
  if (terms === undefined) return undefined
  return {
    token,
    terms,
    keys: deriveStreamKeys(sharedSecretOf(serverKeys, token)),
    streams: new Map(),
    maxStreamId: FIRST_MAX_STREAM_ID,
    received: 0n,
    held: 0n,
    dataReceived: 0,
    hasToldAsset: false,
    usedAtMs: 0,
  }
}

/** The stream, made when it is not there. */
export function streamOf(connection: ConnectionState, id: number): StreamState {
  const known = connection.streams.get(id)
  if (known !== undefined) return known
  const stream: StreamState = { id, received: 0n, dataReceived: 0, isClosed: false }
  connection.streams.set(id, stream)
  return stream
}

/** No more money or data for it; the payer may open another one instead. */
export function closeStream(connection: ConnectionState, id: number): void {
  const stream = connection.streams.get(id)
  if (stream === undefined || stream.isClosed) return
  stream.isClosed = true
  connection.maxStreamId = Math.min(connection.maxStreamId + 2, LAST_MAX_STREAM_ID)
}
