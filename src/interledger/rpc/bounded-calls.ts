/** A link in front of the others, on the caller's side: calls are bounded in number and time, and end with the client. */
import { TRPCClientError, type TRPCLink } from '@trpc/client'
import { observable } from '@trpc/server/observable'
import { TRPC_ERROR_CODES_BY_KEY } from '@trpc/server/rpc'
import type { Refusal } from '../../kernel/index.ts'
import type { IlpRouter } from './router.ts'

export interface BoundedCallsOptions {
  readonly maxCalls: number
  readonly timeoutMs: number
  readonly paymentTimeoutMs: number
  /** Aborted when the client is closed. */
  readonly closing: AbortSignal
}

const CLOSED: Refusal = { code: 'CLOSED', text: 'this client was closed' }

export function boundedCalls(options: BoundedCallsOptions): TRPCLink<IlpRouter> {
  const { maxCalls, timeoutMs, paymentTimeoutMs, closing } = options
  return () => {
    let calls = 0
    return ({ op, next }) =>
      observable((observer) => {
        const fail = (refusal: Refusal): void => observer.error(clientError(refusal))
        if (closing.aborted) {
          fail(CLOSED)
          return
        }
        const isCall = op.type !== 'subscription'
        if (isCall && calls >= maxCalls) {
          fail({ code: 'BUSY', text: `${maxCalls} calls wait for their answer already` })
          return
        }
        const waitMs = op.path === 'payment.pay' ? paymentTimeoutMs : timeoutMs
        const timeout = isCall
          ? setTimeout(() => fail({ code: 'TIMEOUT', text: `no answer within ${waitMs} ms` }), waitMs)
          : undefined
        const onClosing = (): void => (isCall ? fail(CLOSED) : observer.complete())
        closing.addEventListener('abort', onClosing)
        if (isCall) calls++
        const inner = next(op).subscribe(observer)
        return () => {
          if (isCall) calls--
          clearTimeout(timeout)
          closing.removeEventListener('abort', onClosing)
          inner.unsubscribe()
        }
      })
  }
}

function clientError(refusal: Refusal): TRPCClientError<IlpRouter> {
  const { code, text } = refusal
  return TRPCClientError.from<IlpRouter>({
    error: {
      code: TRPC_ERROR_CODES_BY_KEY.TIMEOUT,
      message: text,
      data: { code: 'TIMEOUT', httpStatus: 408, refusal: { code, text } },
    },
  })
}
