/** One parameter of a query: what it may be, in words and as a schema, and how it is read. */
import Type, { type TSchema } from 'typebox'

export interface Parameter<T> {
  /** What is allowed, so that it ends the sentence "… must be". */
  readonly allowed: string
  readonly schema: TSchema
  /** Undefined for a text that is not allowed. */
  readonly read: (text: string) => T | undefined
  /** When it is not given; absent: it must be. */
  readonly fallback?: { readonly value: T }
}

/** Characters of one value; nothing that is asked for is longer. */
export const MAX_VALUE_LENGTH = 1_024
/** Values of one parameter, divided by commas. */
const MAX_LISTED = 20

/** May be left out, and then is undefined. */
export function optional<T>(parameter: Parameter<T>): Parameter<T | undefined> {
  return { ...parameter, fallback: { value: undefined } }
}

export function orElse<T>(parameter: Parameter<T>, value: NoInfer<T>): Parameter<T> {
  return { ...parameter, fallback: { value } }
}

export function word<const W extends string>(words: readonly W[]): Parameter<W> {
  return {
    allowed: `one of ${words.join(', ')}`,
    schema: Type.Enum([...words]),
    read: (text) => words.find((one) => one === text),
  }
}

export function text(maxLength: number): Parameter<string> {
  return {
    allowed: `a text of 1 to ${maxLength} characters`,
    schema: Type.String({ minLength: 1, maxLength }),
    read: (given) => (given.length >= 1 && given.length <= maxLength ? given : undefined),
  }
}

export function pattern(shape: RegExp, allowed: string): Parameter<string> {
  return {
    allowed,
    schema: Type.String({ pattern: shape.source, description: allowed }),
    read: (given) => (shape.test(given) ? given : undefined),
  }
}

export function wholeNumber(minimum: number, maximum: number): Parameter<number> {
  return {
    allowed: `a whole number from ${minimum} to ${maximum}`,
    schema: Type.Integer({ minimum, maximum }),
    read: (given) => {
      const value = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN
      return value >= minimum && value <= maximum ? value : undefined
    },
  }
}

export function decimal(minimum: number, maximum: number): Parameter<number> {
  return {
    allowed: `a number from ${minimum} to ${maximum}`,
    schema: Type.Number({ minimum, maximum }),
    read: (given) => {
      const value = /^\d{1,12}(\.\d{1,9})?$/.test(given) ? Number(given) : Number.NaN
      return value >= minimum && value <= maximum ? value : undefined
    },
  }
}

/** Several, divided by commas; each once, in an order of its own, so that the same wish is the same text. */
export function listOf<T extends string | number>(item: Parameter<T>): Parameter<readonly T[]> {
  return {
    allowed: `up to ${MAX_LISTED} values divided by commas, each ${item.allowed}`,
    schema: Type.String({ description: `Divided by commas; each ${item.allowed}.` }),
    read: (given) => {
      const parts = given.split(',', MAX_LISTED + 1)
      const values = parts.map((part) => item.read(part)).filter((value) => value !== undefined)
      return parts.length > MAX_LISTED || values.length < parts.length
        ? undefined
        : [...new Set(values)].toSorted((a, b) => (a < b ? -1 : 1))
    },
  }
}

/** `events` or, the other way round, `-events`. */
export function sorting<const K extends string>(
  keys: readonly K[],
): Parameter<{ readonly by: K; readonly isDescending: boolean }> {
  return {
    allowed: `one of ${keys.join(', ')}, with a "-" before it for the largest first`,
    schema: Type.Enum(keys.flatMap((key) => [key, `-${key}`])),
    read: (given) => {
      const isDescending = given.startsWith('-')
      const by = keys.find((key) => key === (isDescending ? given.slice(1) : given))
      return by === undefined ? undefined : { by, isDescending }
    },
  }
}

/** The first day of Nostr, and the end of what a page of dates can show. */
const FIRST_SECOND = Date.parse('2020-11-07') / 1_000
const LAST_SECOND = Date.parse('2100-01-01') / 1_000

/** Seconds since 1970, or ISO 8601: `2026-11-21`, `2026-11-21T14:00:00Z`. */
export const moment: Parameter<number> = {
  allowed:
    'a time from 2020-11-07 to 2100-01-01: Unix seconds, or ISO 8601 like 2026-11-21 or 2026-11-21T14:00:00Z',
  schema: Type.String({ description: 'Unix seconds, or ISO 8601: 2026-11-21, 2026-11-21T14:00:00Z.' }),
  read: (given) => {
    const seconds = secondsOf(given)
    return seconds >= FIRST_SECOND && seconds <= LAST_SECOND ? seconds : undefined
  },
}

const ISO = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?$/

function secondsOf(given: string): number {
  if (/^\d{1,12}$/.test(given)) return Number(given)
  return ISO.test(given) ? Date.parse(given) / 1_000 : Number.NaN
}
