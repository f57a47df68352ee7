/** Refusals as errors of tRPC, and what of any error a caller is shown: a stable code, a sentence, nothing from inside. */
import { TRPCError } from '@trpc/server'
import type { DefaultErrorShape } from '@trpc/server/unstable-core-do-not-import'
import { ZodError } from 'zod'
import { type Outcome, type Refusal, RefusedError } from '../../kernel/index.ts'

type TrpcCode = TRPCError['code']

/** Codes of refusals that say something to tRPC; others are UNPROCESSABLE_CONTENT. */
const TRPC_CODES: ReadonlyMap<string, TrpcCode> = new Map([
  ['NOT_FOUND', 'NOT_FOUND'],
  ['UNKNOWN_CHANNEL', 'NOT_FOUND'],
  ['UNKNOWN_PARTY', 'NOT_FOUND'],
  ['CONFLICT', 'CONFLICT'],
  ['KEY_REUSED', 'CONFLICT'],
  ['UNDER_WAY', 'CONFLICT'],
  ['INVALID', 'BAD_REQUEST'],
  ['OUT_OF_RANGE', 'BAD_REQUEST'],
  ['BUSY', 'TOO_MANY_REQUESTS'],
  ['TOO_SLOW', 'TOO_MANY_REQUESTS'],
  ['UNAUTHORIZED', 'UNAUTHORIZED'],
])

/** What tRPC says itself, in words that repeat nothing of what the caller sent. */
const OWN_WORDS: Partial<Record<TrpcCode, Refusal>> = {
  NOT_FOUND: { code: 'NO_PROCEDURE', text: 'there is no procedure of this name' },
  METHOD_NOT_SUPPORTED: { code: 'NO_PROCEDURE', text: 'the procedure is not called this way' },
  PARSE_ERROR: { code: 'UNREADABLE', text: 'the message cannot be read' },
  BAD_REQUEST: { code: 'INVALID', text: 'the request is not as it must be' },
}
const FAULT: Refusal = { code: 'INTERNAL', text: 'the node could not do it; its log says why' }
/** What is wrong with an input is told so often, and so long. */
const MAX_ISSUES = 3
const MAX_TEXT_LENGTH = 300

/** The caller should have expected it. */
export class RefusedCall extends TRPCError {
  readonly refusal: Refusal

  constructor(refusal: Refusal, cause?: unknown) {
    super({ code: TRPC_CODES.get(refusal.code) ?? 'UNPROCESSABLE_CONTENT', message: refusal.text, cause })
    this.refusal = refusal
  }
}

/** @throws RefusedCall when it was not done. */
export function granted<T>(outcome: Outcome<T, Refusal>): T {
  if (outcome.ok) return outcome.value
  throw new RefusedCall(outcome.refusal)
}

/** Is there something in the error that the operator should read? */
export function isFault(error: TRPCError): boolean {
  if (error instanceof RefusedCall) return error.cause !== undefined
  return error.code === 'INTERNAL_SERVER_ERROR' && !(error.cause instanceof RefusedError)
}

/** The formatter of the router: `data.refusal` is there in every error. */
export function errorShape({ shape, error }: { shape: DefaultErrorShape; error: TRPCError }) {
  const { code, text } = refusalIn(error)
  return {
    code: shape.code,
    message: text,
    data: { code: error.code, httpStatus: shape.data.httpStatus, refusal: { code, text } },
  }
}

function refusalIn(error: TRPCError): Refusal {
  if (error instanceof RefusedCall) return error.refusal
  if (error.cause instanceof RefusedError) return error.cause.refusal
  if (error.cause instanceof ZodError && error.code === 'BAD_REQUEST') {
    return { code: 'INVALID', text: textOf(error.cause) }
  }
  return OWN_WORDS[error.code] ?? FAULT
}

function textOf({ issues }: ZodError): string {
  const sentences = issues.slice(0, MAX_ISSUES).map(({ path, message }) => `${path.join('.')}: ${message}`)
  return sentences.join('; ').slice(0, MAX_TEXT_LENGTH)
}
