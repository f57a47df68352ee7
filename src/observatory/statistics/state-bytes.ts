/** Writing the engine down and reading it again: words, numbers and texts one after the other, little-endian. */
import { AppError } from '../../kernel/index.ts'

export interface StateWriter {
  u32(value: number): void
  f64(value: number): void
  text(value: string): void
  bytes(value: Uint8Array): void
}

/** Runs through `pieces` twice, to measure and to write: with tens of megabytes there must not be a second copy of them. */
export function encodeState(pieces: (writer: StateWriter) => Iterable<void>): Uint8Array {
  const measure = new Measure()
  for (const _ of pieces(measure));
  const bytes = new Uint8Array(measure.length)
  for (const _ of pieces(new Pen(bytes)));
  return bytes
}

/**
 * The same, piece by piece: `giveWay` is called after each, and what it answers is waited for. What is written must not change
 * until this resolves.
 */
export async function encodeStateInTurns(
  pieces: (writer: StateWriter) => Iterable<void>,
  giveWay: GiveWay,
): Promise<Uint8Array> {
  const measure = new Measure()
  for (const _ of pieces(measure)) await giveWay()
  const bytes = new Uint8Array(measure.length)
  for (const _ of pieces(new Pen(bytes))) await giveWay()
  return bytes
}

/** Lets others have their turn when it is time for that; undefined when it is not. */
export type GiveWay = () => Promise<void> | undefined

class Measure implements StateWriter {
  length = 0
  u32(): void {
    this.length += 4
  }
  f64(): void {
    this.length += 8
  }
  text(value: string): void {
    this.length += 4 + Buffer.byteLength(value, 'utf8')
  }
  bytes(value: Uint8Array): void {
    this.length += 4 + value.length
  }
}

class Pen implements StateWriter {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }
  u32(value: number): void {
    this.#view.setUint32(this.#at, value, true)
    this.#at += 4
  }
  f64(value: number): void {
    this.#view.setFloat64(this.#at, value, true)
    this.#at += 8
  }
  text(value: string): void {
    this.bytes(Buffer.from(value, 'utf8'))
  }
  bytes(value: Uint8Array): void {
    this.u32(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
  }
}

/** Reads in the order in which it was written. @throws AppError OBSERVATORY_STATE_DAMAGED where it ends too early. */
export class StateReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true)
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true)
  }

  text(): string {
    return Buffer.from(this.bytes()).toString('utf8')
  }

  bytes(): Uint8Array {
    const length = this.u32()
    const at = this.#take(length)
    return this.#bytes.slice(at, at + length)
  }

  /** As many as a count that was written before them says, each of at least `bytesEach`. */
  times(bytesEach: number): number {
    const count = this.u32()
    if (count * bytesEach > this.#bytes.length - this.#at) throw damaged('it counts more than it has')
    return count
  }

  #take(length: number): number {
    const at = this.#at
    if (at + length > this.#bytes.length) throw damaged('it ends too early')
    this.#at += length
    return at
  }
}

export function damaged(why: string): AppError {
  return new AppError('OBSERVATORY_STATE_DAMAGED', `A checkpoint of the statistics cannot be read: ${why}.`)
}
