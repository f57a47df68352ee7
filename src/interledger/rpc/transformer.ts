/**
 * Values on the wire. JSON, with two things that JSON does not have: `{ "$bigint": "-12" }` is a bigint, `{ "$bytes": "00ff" }`
 * a Buffer. So that no object can be taken for one of these, a key that begins with `$` is written with one `$` more. What
 * is neither JSON nor one of these is a bug of ours on the way out, and an unreadable message on the way in.
 */

/** 2^256 has 78 digits; reading many more costs more than their share. */
const MAX_DIGITS = 100
const BIGINT = new RegExp(`^-?(0|[1-9]\\d{0,${MAX_DIGITS - 1}})$`)
const HEX = /^(?:[0-9a-f]{2})*$/
/** Deeper than anything that is said here; a bound on the stack. */
const MAX_DEPTH = 64

/** For both ends, as tRPC wants it. */
export const transformer = {
  serialize: (value: unknown): unknown => toJson(value, 0),
  deserialize: (value: unknown): unknown => fromJson(value, 0),
}

function toJson(value: unknown, depth: number): unknown {
  if (value === null || value === undefined) return value
  if (typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return value
  if (typeof value === 'bigint') return { $bigint: digitsOf(value) }
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('hex') }
  assertShallow(depth)
  if (Array.isArray(value)) return value.map((item) => toJson(item, depth + 1))
  if (!isPlainObject(value)) throw new TypeError(`a ${typeof value} cannot be sent`)
  return mapObject(value, (key, item) => [key.startsWith('$') ? `$${key}` : key, toJson(item, depth + 1)])
}

function fromJson(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  assertShallow(depth)
  if (Array.isArray(value)) return value.map((item) => fromJson(item, depth + 1))
  const tagged = untag(value)
  if (tagged !== undefined) return tagged
  return mapObject(value, (key, item) => [unescapeKey(key), fromJson(item, depth + 1)])
}

function untag(value: object): bigint | Buffer | undefined {
  if (Object.keys(value).length !== 1) return undefined
  if ('$bigint' in value && typeof value.$bigint === 'string' && BIGINT.test(value.$bigint)) {
    return BigInt(value.$bigint)
  }
  if ('$bytes' in value && typeof value.$bytes === 'string' && HEX.test(value.$bytes)) {
    return Buffer.from(value.$bytes, 'hex')
  }
  return undefined
}

function unescapeKey(key: string): string {
  if (!key.startsWith('$')) return key
  if (!key.startsWith('$$')) throw new TypeError('a key that begins with $ is reserved')
  return key.slice(1)
}

/** Without undefined, which JSON would leave out too. `fromEntries` makes `__proto__` a key like any other. */
function mapObject(value: object, map: (key: string, item: unknown) => [string, unknown]): object {
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  return Object.fromEntries(entries.map(([key, item]) => map(key, item)))
}

function digitsOf(value: bigint): string {
  const digits = value.toString()
  if (!BIGINT.test(digits)) throw new RangeError(`a number of more than ${MAX_DIGITS} digits cannot be sent`)
  return digits
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function assertShallow(depth: number): void {
  if (depth >= MAX_DEPTH) throw new RangeError(`more than ${MAX_DEPTH} levels of lists and objects`)
}
