/**
 * Set reconciliation as a client does it (NIP-77, negentropy version 1), written for this suite alone: an independent
 * opinion on what a relay answers. It favours few lines over speed.
 */
import { createHash } from 'node:crypto'

export interface NegItem {
  /** `created_at`, seconds. */
  readonly time: number
  /** Hex. */
  readonly id: string
}

/** Where a range ends: everything before this time and id. */
interface Bound {
  /** Infinity for the end of everything. */
  readonly time: number
  /** As many digits of an id as it takes, hex. */
  readonly prefix: string
}

type Range =
  | { readonly mode: 'skip'; readonly end: Bound }
  | { readonly mode: 'fingerprint'; readonly end: Bound; readonly fingerprint: string }
  | { readonly mode: 'ids'; readonly end: Bound; readonly ids: readonly string[] }

const VERSION = '61'
const MODES = ['skip', 'fingerprint', 'ids'] as const
const END: Bound = { time: Number.POSITIVE_INFINITY, prefix: '' }
/** A range with fewer items is told whole. */
const TELL_BELOW = 32
const BUCKETS = 16

/** One side of an exchange that ends with both sides knowing what they do not share. */
export class Reconciliation {
  /** Ids that the relay lacks. */
  readonly have = new Set<string>()
  /** Ids that only the relay has. */
  readonly need = new Set<string>()
  readonly #items: readonly NegItem[]

  constructor(items: readonly NegItem[]) {
    this.#items = items.toSorted((a, b) => a.time - b.time || (a.id < b.id ? -1 : 1))
  }

  /** The first message, hex. */
  first(): string {
    return encodeMessage(this.#split(0, this.#items.length, END))
  }

  /** Takes an answer; the next message, or undefined when everything is known. Throws when it cannot be read. */
  next(message: string): string | undefined {
    let start = 0
    const ranges = decodeMessage(message).flatMap((range) => {
      const from = start
      start = this.#placeOf(range.end, from)
      return this.#answer(range, from, start)
    })
    return ranges.some(({ mode }) => mode !== 'skip') ? encodeMessage(ranges) : undefined
  }

  #answer(range: Range, from: number, to: number): readonly Range[] {
    const { end } = range
    if (range.mode === 'ids') this.#compare(range.ids, from, to)
    const isOpen = range.mode === 'fingerprint' && range.fingerprint !== this.#fingerprint(from, to)
    return isOpen ? this.#split(from, to, end) : [{ mode: 'skip', end }]
  }

  #compare(ids: readonly string[], from: number, to: number): void {
    const [ours, theirs] = [new Set(this.#ids(from, to)), new Set(ids)]
    for (const id of ours) if (!theirs.has(id)) this.have.add(id)
    for (const id of theirs) if (!ours.has(id)) this.need.add(id)
  }

  #split(from: number, to: number, end: Bound): readonly Range[] {
    const count = to - from
    if (count < TELL_BELOW) return [{ mode: 'ids', end, ids: this.#ids(from, to) }]
    const [size, larger] = [Math.floor(count / BUCKETS), count % BUCKETS]
    let start = from
    return Array.from({ length: BUCKETS }, (_, bucket) => {
      const first = start
      start += size + (bucket < larger ? 1 : 0)
      const bound = bucket === BUCKETS - 1 ? end : shortestBound(this.#items[start - 1], this.#items[start])
      return { mode: 'fingerprint', end: bound, fingerprint: this.#fingerprint(first, start) }
    })
  }

  #ids(from: number, to: number): readonly string[] {
    return this.#items.slice(from, to).map(({ id }) => id)
  }

  #fingerprint(from: number, to: number): string {
    const sum = this.#ids(from, to).reduce((total, id) => total + littleEndian(id), 0n)
    const hex = (sum % (1n << 256n)).toString(16).padStart(64, '0')
    const preimage = Buffer.concat([Buffer.from(hex, 'hex').reverse(), varint(to - from)])
    return createHash('sha256').update(preimage).digest('hex').slice(0, 32)
  }

  /** How many items lie before the bound; those before `from` do. */
  #placeOf(bound: Bound, from: number): number {
    const at = this.#items.findIndex((item, index) => index >= from && !isBefore(item, bound))
    return at < 0 ? this.#items.length : at
  }
}

/** Base 128, most significant first, the high bit on all bytes but the last. Beyond 2^53 hand in a bigint. */
export function varint(value: number | bigint): Buffer {
  let rest = BigInt(value)
  const bytes = [Number(rest & 127n)]
  for (rest >>= 7n; rest > 0n; rest >>= 7n) bytes.unshift(Number(rest & 127n) | 128)
  return Buffer.from(bytes)
}

function littleEndian(id: string): bigint {
  return BigInt(`0x${Buffer.from(id, 'hex').reverse().toString('hex')}`)
}

function isBefore({ time, id }: NegItem, bound: Bound): boolean {
  return time < bound.time || (time === bound.time && id < bound.prefix.padEnd(64, '0'))
}

/** Between two neighbours: the time alone where that differs, else as many bytes of the id as tell them apart. */
function shortestBound(last: NegItem | undefined, next: NegItem | undefined): Bound {
  if (last === undefined || next === undefined) return END
  if (last.time !== next.time) return { time: next.time, prefix: '' }
  let bytes = 1
  while (last.id.slice(0, bytes * 2) === next.id.slice(0, bytes * 2)) bytes += 1
  return { time: next.time, prefix: next.id.slice(0, bytes * 2) }
}

function encodeMessage(ranges: readonly Range[]): string {
  // A skip is left out where another one, or nothing, follows: its bound says nothing new.
  const lastOpen = ranges.findLastIndex(({ mode }) => mode !== 'skip')
  const said = ranges.filter(
    ({ mode }, index) => index <= lastOpen && (mode !== 'skip' || ranges[index + 1]?.mode !== 'skip'),
  )
  let time = 0
  const parts = said.map((range) => {
    const { end } = range
    const isEnd = end.time === Number.POSITIVE_INFINITY
    const head = Buffer.concat([isEnd ? varint(0) : varint(end.time - time + 1), prefixBytes(end.prefix)])
    if (!isEnd) time = end.time
    return head.toString('hex') + varint(MODES.indexOf(range.mode)).toString('hex') + payloadOf(range)
  })
  return VERSION + parts.join('')
}

function prefixBytes(prefix: string): Buffer {
  return Buffer.concat([varint(prefix.length / 2), Buffer.from(prefix, 'hex')])
}

function payloadOf(range: Range): string {
  if (range.mode === 'fingerprint') return range.fingerprint
  return range.mode === 'ids' ? varint(range.ids.length).toString('hex') + range.ids.join('') : ''
}

function decodeMessage(hex: string): readonly Range[] {
  if (!/^61([0-9a-f]{2})*$/.test(hex)) throw new Error(`no message of version 1: ${hex.slice(0, 40)}`)
  const reader = new Reader(Buffer.from(hex, 'hex').subarray(1))
  const ranges: Range[] = []
  let time = 0
  while (!reader.isAtEnd) {
    const delta = reader.varint()
    time = delta === 0 ? Number.POSITIVE_INFINITY : time + delta - 1
    const end = { time, prefix: reader.hex(reader.varint()) }
    const mode = MODES[reader.varint()]
    if (mode === undefined) throw new Error('a range of an unknown mode')
    if (mode === 'skip') ranges.push({ mode, end })
    else if (mode === 'fingerprint') ranges.push({ mode, end, fingerprint: reader.hex(16) })
    else ranges.push({ mode, end, ids: Array.from({ length: reader.varint() }, () => reader.hex(32)) })
  }
  return ranges
}

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  varint(): number {
    let value = 0
    for (;;) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new Error('the message ends within a number')
      value = value * 128 + (byte & 127)
      if (byte < 128) return value
    }
  }

  hex(bytes: number): string {
    const end = this.#at + bytes
    if (end > this.#bytes.length) throw new Error('the message ends too early')
    const hex = this.#bytes.toString('hex', this.#at, end)
    this.#at = end
    return hex
  }
}
