/** How a row ends: it returns (pass), fails or is skipped. Both other endings travel as exceptions. */

/** The relay did something else than the checklist expects. */
export class RowFailure extends Error {}

/** The row does not apply to this relay, or to its configuration; the message says why. */
export class RowSkip extends Error {}

export function fail(reason: string): never {
  throw new RowFailure(reason)
}

export function skip(reason: string): never {
  throw new RowSkip(reason)
}

/** Fails the row with `reason` unless `holds`. */
export function check(holds: boolean, reason: string): asserts holds {
  if (!holds) fail(reason)
}

/** Compares two JSON-like values by their printed form and fails with both when they differ. */
export function checkSame(actual: unknown, expected: unknown, what: string): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)]
  check(got === wanted, `${what}: expected ${shorten(wanted, 300)}, got ${shorten(got, 300)}`)
}

export function shorten(text: string | undefined, max: number): string {
  if (text === undefined) return 'undefined'
  return text.length <= max ? text : `${text.slice(0, max)}… (${text.length} characters)`
}

/** Resolves after `ms` milliseconds. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
