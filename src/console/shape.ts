import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import Value from 'typebox/value'
import { accepted, type Outcome, refused } from '../kernel/index.ts'

/** Reads an unknown value as what a schema describes. The refusal is a sentence for whoever sent it. */
export type Reader<T> = (value: unknown) => Outcome<T, string>

/** Of a body: every member must be there as it is described, and no other. */
export function bodyReader<S extends TSchema>(schema: S): Reader<Static<S>> {
  return readerOf(schema, (value) => value)
}

/** Of a query, in which everything is text: `limit=10` is a number when the schema asks for one. */
export function queryReader<S extends TSchema>(schema: S): Reader<Static<S>> {
  return readerOf(schema, (value) => Value.Convert(schema, value))
}

function readerOf<S extends TSchema>(schema: S, prepare: (value: unknown) => unknown): Reader<Static<S>> {
  // Compiled when it is first needed: most of them never are.
  let check: ReturnType<typeof Compile> | undefined
  return (value) => {
    check ??= Compile(schema)
    const prepared = prepare(value)
    // What passes the check is what the schema describes, which is what `Static` says.
    if (check.Check(prepared)) return accepted(prepared as Static<S>)
    return refused(mistakesIn(check.Errors(prepared)))
  }
}

interface Mistake {
  readonly keyword: string
  /** `/changes/0/do` */
  readonly instancePath: string
  readonly schemaPath: string
  readonly message: string
}

const MAX_SHOWN = 3

function mistakesIn(mistakes: readonly Mistake[]): string {
  // Where one of several shapes is asked for, what each of them misses says less than that none fits.
  const unfit = mistakes.filter(
    ({ schemaPath, keyword }) => schemaPath.includes('/anyOf/') || keyword === 'anyOf',
  )
  const outermost = unfit.toSorted((a, b) => a.instancePath.length - b.instancePath.length)[0]
  if (outermost !== undefined) {
    return `${placeOf(outermost)} is none of what it may be (see /api/v1/docs)`
  }
  return mistakes
    .filter(({ keyword }) => keyword !== 'boolean')
    .slice(0, MAX_SHOWN)
    .map((mistake) => `${placeOf(mistake)} ${mistake.message}`)
    .join('; ')
}

function placeOf({ instancePath }: Mistake): string {
  return instancePath.slice(1).replaceAll('/', '.') || 'the request'
}
