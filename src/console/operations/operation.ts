import type { Static, TSchema } from 'typebox'
import { accepted, type Outcome, type Refusal, refused } from '../../kernel/index.ts'
import type { Actor, Desks, Operator } from '../operator.ts'
import { outcomeOf, UNAVAILABLE } from '../refusals.ts'
import type { Need } from '../rights.ts'
import { bodyReader, queryReader } from '../shape.ts'

/** One thing that can be done over HTTP: a `GET` that shows something, or a `POST` with a JSON body that changes it. */
export interface Operation {
  readonly path: string
  readonly isChange: boolean
  /** What it takes at least, whatever is asked: it is compared before the request is read closely. */
  readonly need: Need
  readonly says: string
  readonly group: string
  readonly input: TSchema
  readonly output: TSchema
  /** What this very input takes and does; refused when it is not as `input` describes. */
  prepare(input: unknown): Outcome<PreparedOperation, string>
}

export interface PreparedOperation {
  readonly need: Need
  /** Keys that are judged: a moderator may not judge those who are above them. */
  readonly judged: readonly string[]
  run(operator: Operator, by: Actor): Promise<Outcome<unknown, Refusal>>
}

interface Described<D extends keyof Desks, I extends TSchema> {
  readonly path: string
  readonly says: string
  readonly need: Need
  readonly desk: D
  readonly input: I
  readonly output: TSchema
  /** @param operator the other desks, for what one of them has to be asked on the way. */
  readonly run: (
    desk: Desks[D],
    input: Static<I>,
    by: Actor,
    operator: Operator,
  ) => Promise<Outcome<unknown, Refusal>>
}

interface DescribedChange<D extends keyof Desks, I extends TSchema> extends Described<D, I> {
  /** When what it takes depends on what is asked; never less than `need`. */
  readonly needFor?: (input: Static<I>) => Need
  readonly judged?: (input: Static<I>) => readonly string[]
}

/** Something to look at. */
export function showing<D extends keyof Desks, I extends TSchema>(described: Described<D, I>): Operation {
  return operationOf(described, { isChange: false, read: queryReader(described.input) })
}

/** Something to do. */
export function changing<D extends keyof Desks, I extends TSchema>(
  described: DescribedChange<D, I>,
): Operation {
  return operationOf(described, { isChange: true, read: bodyReader(described.input) })
}

/** For what a desk lists without a refusal. */
export async function listed<T>(list: Promise<T>): Promise<Outcome<T, Refusal>> {
  return accepted(await list)
}

/** For changes whose answer says nothing but that they were made. */
export async function done(answer: Promise<Outcome<unknown, Refusal>>): Promise<Outcome<unknown, Refusal>> {
  const outcome = await answer
  return outcome.ok ? accepted({ done: true }) : outcome
}

function operationOf<D extends keyof Desks, I extends TSchema>(
  { path, says, need, desk, input, output, run, needFor, judged }: DescribedChange<D, I>,
  {
    isChange,
    read,
  }: { readonly isChange: boolean; readonly read: (value: unknown) => Outcome<Static<I>, string> },
): Operation {
  return {
    path: `/dashboard/${path}`,
    isChange,
    need,
    says,
    group: path.split('/')[0] ?? path,
    input,
    output,
    prepare: (value) => {
      const asked = read(value)
      if (!asked.ok) return asked
      return accepted({
        need: needFor?.(asked.value) ?? need,
        judged: judged?.(asked.value) ?? [],
        run: (operator: Operator, by: Actor) => {
          const carryOut = async () => {
            // A door that knows why its desk is not there throws a refusal that says so.
            const found = operator[desk]()
            return found === undefined ? refused(UNAVAILABLE) : run(found, asked.value, by, operator)
          }
          return outcomeOf(carryOut())
        },
      })
    },
  }
}
