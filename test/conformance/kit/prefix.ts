import { check, fail } from './verdict.ts'

/** The machine-readable prefixes of section 5 of the checklist. */
const KNOWN_PREFIXES: ReadonlySet<string> = new Set([
  'duplicate',
  'pow',
  'blocked',
  'rate-limited',
  'invalid',
  'restricted',
  'mute',
  'error',
  'auth-required',
  'unsupported',
  'info',
  'closed',
])

/** The word before `: `, or undefined when the text has no such form. */
export function prefixOf(text: string): string | undefined {
  return /^([a-z-]+): ./.exec(text)?.[1]
}

/** Fails unless `text` is `prefix: words` with one of `allowed`; any known prefix when none is given. */
export function checkPrefix(text: string, allowed: readonly string[], what: string): void {
  const prefix = prefixOf(text)
  if (prefix === undefined)
    fail(`${what}: the reason ${JSON.stringify(text)} is not of the form "prefix: text"`)
  check(KNOWN_PREFIXES.has(prefix), `${what}: the prefix "${prefix}" is not a standard one`)
  if (allowed.length === 0 || allowed.includes(prefix)) return
  fail(`${what}: expected the prefix ${allowed.join(' or ')}, got ${JSON.stringify(text)}`)
}
