import type { SearchableEvent } from '../../search/index.ts'
import { EventView } from '../event-bytes.ts'
import { type JsonRange, locate, type Segment } from '../segment.ts'

/**
 * An event of a segment as far as search looks at it; its members are read from the bytes when asked for. One object
 * for all: it shows the event of the last call.
 */
export class EventText implements SearchableEvent {
  readonly #view = new EventView()
  readonly #range: JsonRange = { start: 0, end: 0 }

  /** Shows the event at `ordinal`; reading it may bring its bytes from disk. */
  of(segment: Segment, ordinal: number): this {
    locate(segment, ordinal, this.#range)
    this.#view.read(segment.bytes.buffer, this.#range.start, this.#range.end)
    return this
  }

  get kind(): number {
    return this.#view.kind
  }

  get tags(): readonly (readonly string[])[] {
    return this.#view.tags()
  }

  get content(): string {
    const { bytes, contentStart, contentEnd } = this.#view
    const text = bytes.toString('utf8', contentStart, contentEnd)
    // Canonical JSON of a string is a string; most have nothing to unescape.
    return text.includes('\\') ? (JSON.parse(`"${text}"`) as string) : text
  }
}
