/** The one client of the node, in this process and from another: the same calls, the same refusals. */
import {
  createTRPCClient,
  createWSClient,
  localLink,
  type TRPCClient,
  TRPCClientError,
  type TRPCLink,
  wsLink,
} from '@trpc/client'
import { WebSocket } from 'ws'
import type { Refusal } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { IlpActor } from '../node/index.ts'
import { boundedCalls } from './bounded-calls.ts'
import type { RpcDesk } from './builder.ts'
import {
  CALL_TIMEOUT_MS,
  DEFAULT_RPC_LIMITS,
  HANDSHAKE_TIMEOUT_MS,
  MAX_ANSWER_BYTES,
  MAX_IN_PROCESS_SUBSCRIPTIONS,
  MAX_RECONNECT_MS,
  MIN_RECONNECT_MS,
  PAYMENT_TIMEOUT_MS,
} from './limits.ts'
import { Quota } from './quota.ts'
import { isFault } from './refused-call.ts'
import { createIlpRouter, type IlpRouter } from './router.ts'
import { transformer } from './transformer.ts'

/** Calls reject with an error that `refusalOf` reads. */
export type IlpClient = Pick<
  TRPCClient<IlpRouter>,
  'payment' | 'ledger' | 'settlement' | 'peers' | 'routes'
> & {
  /** Ends subscriptions, refuses what waits for an answer, and everything from now on. */
  close(): Promise<void>
}

export interface ConnectIlpOptions {
  /** `ws://` or `wss://`, with the path. */
  readonly url: string
  readonly token: string
  readonly callTimeoutMs?: number
  /** A connection came up, or is lost. A lost one is tried again until the client is closed. */
  readonly onConnection?: (isUp: boolean) => void
}

/**
 * Connects, and again whenever the connection is lost. Calls wait for the connection as long as for their answer; calls
 * that were under way when it broke are refused (`UNREACHABLE`) and may have happened; subscriptions go on where they were.
 */
export function connectIlp({ url, token, callTimeoutMs, onConnection }: ConnectIlpOptions): IlpClient {
  const connection = createWSClient({
    url,
    connectionParams: { token },
    // The class has what tRPC uses of a browser's, and bounds that one has not.
    WebSocket: BoundedWebSocket as unknown as typeof globalThis.WebSocket,
    keepAlive: {
      enabled: true,
      intervalMs: DEFAULT_RPC_LIMITS.pingIntervalMs,
      pongTimeoutMs: DEFAULT_RPC_LIMITS.pongTimeoutMs,
    },
    retryDelayMs: (attempt) => Math.min(MIN_RECONNECT_MS * 2 ** Math.min(attempt, 20), MAX_RECONNECT_MS),
    onOpen: () => onConnection?.(true),
    onClose: () => onConnection?.(false),
  })
  return clientOver(wsLink({ client: connection, transformer }), {
    callTimeoutMs,
    end: () => connection.close(),
  })
}

export interface InProcessOptions {
  readonly desk: RpcDesk
  readonly actor: IlpActor
  readonly logger: Logger
}

/** The same without a wire: values are handed over as they are. */
export function callInProcess({ desk, actor, logger }: InProcessOptions): IlpClient {
  const quota = new Quota({
    calls: DEFAULT_RPC_LIMITS.maxCalls,
    subscriptions: MAX_IN_PROCESS_SUBSCRIPTIONS,
  })
  const link = localLink<IlpRouter>({
    router: createIlpRouter(),
    createContext: async () => ({ ...desk, actor, quota }),
    onError: ({ error, path }) => {
      if (isFault(error)) logger.error({ err: error.cause ?? error, path }, 'rpc.failed')
    },
    transformer,
  })
  return clientOver(link, { end: async () => {} })
}

/** Why a call was refused. A connection that broke, and anything else that is not the node's word, is `UNREACHABLE`. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof TRPCClientError) {
    const refusal: unknown = error.data?.refusal
    if (isRefusal(refusal)) return refusal
  }
  return { code: 'UNREACHABLE', text: 'the connection to the Interledger node is lost' }
}

function isRefusal(value: unknown): value is Refusal {
  if (typeof value !== 'object' || value === null) return false
  return (
    'code' in value && typeof value.code === 'string' && 'text' in value && typeof value.text === 'string'
  )
}

function clientOver(
  link: TRPCLink<IlpRouter>,
  { callTimeoutMs, end }: { callTimeoutMs?: number | undefined; end: () => Promise<void> },
): IlpClient {
  const closing = new AbortController()
  const bounds = boundedCalls({
    maxCalls: DEFAULT_RPC_LIMITS.maxCalls,
    timeoutMs: callTimeoutMs ?? CALL_TIMEOUT_MS,
    paymentTimeoutMs: PAYMENT_TIMEOUT_MS,
    closing: closing.signal,
  })
  const { payment, ledger, settlement, peers, routes } = createTRPCClient<IlpRouter>({
    links: [bounds, link],
  })
  const close = async (): Promise<void> => {
    closing.abort()
    await end()
  }
  return { payment, ledger, settlement, peers, routes, close }
}

class BoundedWebSocket extends WebSocket {
  constructor(url: string) {
    super(url, {
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MAX_ANSWER_BYTES,
      perMessageDeflate: false,
    })
  }
}
