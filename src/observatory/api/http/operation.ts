/** What can be asked: one entry for each path. It is routed, checked, limited and documented by what stands in it. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import type { Outcome } from '../../../kernel/index.ts'
import type { Range } from '../../ranges.ts'
import type { SourcedSnapshot } from '../../snapshot.ts'
import type { ApiContext } from '../api-context.ts'
import type { Caller } from '../limits/callers.ts'
import type { Parameters, ValuesOf } from './read-query.ts'
import type { TimedRefusal } from './refuse.ts'

interface Described<P extends Parameters> {
  readonly method?: 'GET' | 'POST'
  /** Behind `/api/v1`; `:range` and such are read by the parameter of that name in `path`. */
  readonly url: string
  readonly says: string
  readonly tag: string
  readonly parameters: P
  /** Names of parameters that stand in the path. */
  readonly inPath?: readonly (keyof P & string)[]
  readonly body?: TSchema
  readonly output: TSchema
  readonly contentType?: string
}

/** Figures of a range: a pure function of them, so that an answer is made once for all who ask the same. */
export interface FiguresOperation<P extends Parameters = Parameters> extends Described<P> {
  readonly is: 'figures'
  readonly rangeOf: (values: ValuesOf<P>) => Range
  readonly show: (asked: FiguresAsked<P>) => ShownOutcome | Promise<ShownOutcome>
}

export interface FiguresAsked<P extends Parameters> {
  readonly context: ApiContext
  readonly sourced: SourcedSnapshot
  readonly values: ValuesOf<P>
  /** Path and query. */
  readonly url: string
}

export interface Shown {
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export type ShownOutcome = Outcome<Shown, TimedRefusal>

/** Anything else: runs for each request. */
export interface PlainOperation<P extends Parameters = Parameters> extends Described<P> {
  readonly is: 'plain'
  /** How many requests it counts as; 0: it is not limited. */
  readonly cost: number
  /** So many requests of an address in 15 minutes, counted apart from all others; whoever has a key gains nothing by it. */
  readonly ownLimit?: number
  readonly run: (asked: PlainAsked<P>) => Promise<FastifyReply>
}

export interface PlainAsked<P extends Parameters> {
  readonly context: ApiContext
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly values: ValuesOf<P>
  readonly caller: Caller
}

/** Once it stands in a list, only its own functions know what its parameters are. */
export type Operation = FiguresOperation<never> | PlainOperation<never>

export function figures<const P extends Parameters>(operation: Omit<FiguresOperation<P>, 'is'>): Operation {
  return { is: 'figures', ...operation } as FiguresOperation<P> as unknown as Operation
}

export function plain<const P extends Parameters>(operation: Omit<PlainOperation<P>, 'is'>): Operation {
  return { is: 'plain', ...operation } as PlainOperation<P> as unknown as Operation
}
