import { isUtf8 } from 'node:buffer'

export interface Line {
  /** Without its line break; undefined when it was longer than allowed, and so was not kept. */
  readonly bytes: Buffer | undefined
  /** Where the next line begins, in bytes from the start of what was read. */
  readonly endOffset: number
}

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d

/**
 * Cuts bytes into lines, those of one chunk together. Never holds more than `maxLineBytes` and one chunk: what is
 * longer is passed over up to its end.
 *
 * @param startOffset where the first chunk begins, for `endOffset`.
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
  { maxLineBytes, startOffset = 0 }: { readonly maxLineBytes: number; readonly startOffset?: number },
): AsyncGenerator<readonly Line[]> {
  let parts: Buffer[] = []
  let heldBytes = 0
  let offset = startOffset
  const hold = (part: Buffer): void => {
    heldBytes += part.length
    if (heldBytes <= maxLineBytes) parts.push(part)
    else parts = []
  }
  const release = (): Line => {
    const bytes = heldBytes > maxLineBytes ? undefined : withoutReturn(joined(parts))
    parts = []
    heldBytes = 0
    return { bytes, endOffset: offset }
  }
  for await (const data of chunks) {
    const chunk = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    const lines: Line[] = []
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      hold(chunk.subarray(start, end))
      offset += end + 1 - start
      start = end + 1
      lines.push(release())
    }
    hold(chunk.subarray(start))
    offset += chunk.length - start
    if (lines.length > 0) yield lines
  }
  if (heldBytes > 0) yield [release()]
}

/** The text of a line, or undefined when it is not UTF-8: replacing what is broken would change what was signed. */
export function lineText(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}

function joined(parts: readonly Buffer[]): Buffer {
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts)
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line
}
