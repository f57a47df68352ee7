/**
 * What the log may not say. A line is scrubbed by the names of its fields and by the look of its texts, so that a
 * careless `log.info({ request })` does not become a leak.
 */

const SECRET_NAME =
  /(secret|token|passw(or)?d|passphrase|authorization|cookie|private_?key|secret_?key|seed|mnemonic|preimage|nsec|api_?key)$/i

const SECRET_TEXT = /nsec1[02-9ac-hj-np-z]{58}|\b(?:Bearer|Basic|Nostr) [A-Za-z0-9+/=._~-]{8,}/g

/** Deeper than this a value is not looked at, and so not printed. */
const MAX_DEPTH = 8

const REDACTED = '[redacted]'

/** A copy of the fields of a log line in which nothing secret is left. Bytes are shown by their length only. */
export function scrubFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return scrubObject(fields, 0)
}

/** The same for a line that is JSON already. */
export function scrubLine(line: string): string {
  const fields: unknown = JSON.parse(line)
  if (typeof fields !== 'object' || fields === null) return scrubText(line)
  return `${JSON.stringify(scrubObject(fields, 0))}\n`
}

function scrubText(text: string): string {
  return text.replaceAll(SECRET_TEXT, REDACTED)
}

function scrubObject(fields: object, depth: number): Record<string, unknown> {
  const clean: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    clean[name] = SECRET_NAME.test(name) ? REDACTED : scrubValue(value, depth)
  }
  return clean
}

function scrubValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return scrubText(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (depth >= MAX_DEPTH) return '[too deep]'
  if (Array.isArray(value)) return value.map((item) => scrubValue(item, depth + 1))
  if (value instanceof Error) return scrubError(value, depth)
  if (value instanceof Date) return value.toISOString()
  return scrubObject(value, depth + 1)
}

/** Name, code, facts and causes of an error; the members that JSON would leave out. */
function scrubError(error: Error, depth: number): Record<string, unknown> {
  return {
    type: error.name,
    message: scrubText(error.message),
    stack: scrubText(error.stack ?? ''),
    ...scrubObject(error, depth + 1),
    ...(error.cause === undefined ? {} : { cause: scrubValue(error.cause, depth + 1) }),
  }
}
