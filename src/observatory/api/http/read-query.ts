import { accepted, type Outcome, type Refusal, refused } from '../../../kernel/index.ts'
import { MAX_VALUE_LENGTH, type Parameter } from './parameters.ts'

export type Parameters = Readonly<Record<string, Parameter<unknown>>>

export type ValuesOf<P extends Parameters> = {
  readonly [K in keyof P]: P[K] extends Parameter<infer T> ? T : never
}

/** Characters of a wrong value that its refusal repeats. */
const MAX_QUOTED = 40

/** Reads a query; the refusal names the parameter that is wrong and says what is allowed. */
export function readQuery<P extends Parameters>(
  parameters: P,
  given: unknown,
): Outcome<ValuesOf<P>, Refusal> {
  const query = new Map(Object.entries(given ?? {}))
  const names = Object.keys(parameters)
  const unknown = [...query.keys()].find((name) => !names.includes(name))
  if (unknown !== undefined) return refuseUnknown(unknown, names)
  const values: Record<string, unknown> = {}
  for (const [name, parameter] of Object.entries(parameters)) {
    const one = query.get(name)
    if (one === undefined && parameter.fallback !== undefined) values[name] = parameter.fallback.value
    else {
      const value = readOne(parameter, one)
      if (value === undefined) return refuseValue(name, parameter, one)
      values[name] = value
    }
  }
  // Each member was read by the parameter of its name, which is what `ValuesOf` says.
  return accepted(values as ValuesOf<P>)
}

function readOne(parameter: Parameter<unknown>, given: unknown): unknown {
  return typeof given === 'string' && given.length <= MAX_VALUE_LENGTH ? parameter.read(given) : undefined
}

function refuseUnknown(name: string, names: readonly string[]) {
  const allowed = names.length === 0 ? 'none is allowed here' : `allowed are ${names.join(', ')}`
  return refused({
    code: 'BAD_PARAMETER',
    text: `the query parameter ${quoted(name)} is not known; ${allowed}`,
  })
}

function refuseValue(name: string, { allowed }: Parameter<unknown>, given: unknown) {
  const what = Array.isArray(given)
    ? 'and be given once'
    : given === undefined
      ? 'and is missing'
      : `, not ${quoted(typeof given === 'string' ? given : JSON.stringify(given))}`
  return refused({
    code: 'BAD_PARAMETER',
    text: `the query parameter ${name} must be ${allowed}${what.startsWith(',') ? '' : ' '}${what}`,
  })
}

function quoted(text: string): string {
  return JSON.stringify(text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text)
}
