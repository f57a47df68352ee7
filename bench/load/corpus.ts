import { readFileSync } from 'node:fs'
import type { NostrEvent } from '../../src/nostr/index.ts'
import { clientHeaderBytes, OPCODE, writeClientHeader } from './frames.ts'
import { idPrefixAt } from './relay-reply.ts'

const LINE_FEED = 0x0a
const BEFORE = Buffer.from('["EVENT",')
const AFTER = Buffer.from(']')
const ID_MEMBER = Buffer.from('"id":"')

/** The events of an NDJSON file as ready frames, end to end in one buffer, so that a run of them is one write. */
export class Corpus {
  readonly #lines: Buffer
  readonly #lineEnds: readonly number[]
  readonly #frames: Buffer
  readonly #frameStarts: readonly number[]

  private constructor(
    lines: Buffer,
    lineEnds: readonly number[],
    frames: Buffer,
    frameStarts: readonly number[],
  ) {
    this.#lines = lines
    this.#lineEnds = lineEnds
    this.#frames = frames
    this.#frameStarts = frameStarts
  }

  /** Reads a file whose every line is one event and ends with a line feed. */
  static read(path: string): Corpus {
    const lines = readFileSync(path)
    const lineEnds: number[] = []
    let bytes = 0
    for (
      let start = 0, end = lines.indexOf(LINE_FEED);
      end >= 0;
      start = end + 1, end = lines.indexOf(LINE_FEED, start)
    ) {
      lineEnds.push(end)
      const payload = BEFORE.length + end - start + AFTER.length
      bytes += clientHeaderBytes(payload) + payload
    }
    const frames = Buffer.allocUnsafe(bytes)
    const frameStarts = [0]
    let start = 0
    for (const end of lineEnds) {
      frameStarts.push(writeEventFrame(frames, frameStarts.at(-1)!, lines, start, end))
      start = end + 1
    }
    return new Corpus(lines, lineEnds, frames, frameStarts)
  }

  get count(): number {
    return this.#lineEnds.length
  }

  /** The EVENT frames of events `first` up to but without `end`. */
  frames(first: number, end: number): Buffer {
    return this.#frames.subarray(this.#frameStarts[first], this.#frameStarts[end])
  }

  /** See `idPrefixAt`. */
  idPrefix(index: number): number {
    return idPrefixAt(this.#lines, this.#lines.indexOf(ID_MEMBER, this.#lineStart(index)) + ID_MEMBER.length)
  }

  event(index: number): NostrEvent {
    return JSON.parse(this.#lines.toString('utf8', this.#lineStart(index), this.#lineEnds[index]))
  }

  #lineStart(index: number): number {
    return index === 0 ? 0 : this.#lineEnds[index - 1]! + 1
  }
}

function writeEventFrame(frames: Buffer, at: number, lines: Buffer, start: number, end: number): number {
  const payload = BEFORE.length + end - start + AFTER.length
  let next = writeClientHeader(frames, at, payload, OPCODE.text)
  next += BEFORE.copy(frames, next)
  next += lines.copy(frames, next, start, end)
  return next + AFTER.copy(frames, next)
}
