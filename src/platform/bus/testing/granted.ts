import type { BusOutcome } from '../bus.ts'

/** The value of an operation that a test expects to succeed. */
export async function granted<T>(asked: Promise<BusOutcome<T>>): Promise<T> {
  const outcome = await asked
  if (!outcome.ok) throw new TypeError(`refused: ${outcome.refusal.code} ${outcome.refusal.text}`)
  return outcome.value
}
