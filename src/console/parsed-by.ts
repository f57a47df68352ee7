import type { z } from 'zod'
import { accepted, type Outcome, type Refusal, refused } from '../kernel/index.ts'

const MAX_SHOWN = 3

/** Reads a part of a request by the schema of the part that it is for. */
export function parsedBy<T>(schema: z.ZodType<T>, input: unknown): Outcome<T, Refusal> {
  const parsed = schema.safeParse(input)
  if (parsed.success) return accepted(parsed.data)
  const text = parsed.error.issues
    .slice(0, MAX_SHOWN)
    .map(({ path, message }) => `${path.join('.') || 'it'}: ${message}`)
    .join('; ')
  return refused({ code: 'INVALID', text })
}
