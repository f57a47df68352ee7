import { shorten } from './verdict.ts'

/** Most frames kept for one row; beyond it the oldest are forgotten. */
const MAX_LINES = 400

/** Every frame of one row in the order of sending and arrival, over all of its connections. */
export class Transcript {
  readonly #lines: string[] = []
  #forgotten = 0

  sent(connection: string, text: string): void {
    this.#add(`C ${connection}  ${text}`)
  }

  received(connection: string, text: string): void {
    this.#add(`R ${connection}  ${text}`)
  }

  /** Something that is not a frame: a close code, an HTTP answer, a pause. */
  remark(connection: string, text: string): void {
    this.#add(`- ${connection}  ${text}`)
  }

  /** The last `max` lines, long ones shortened. */
  tail(max: number): string[] {
    const hidden = this.#forgotten + Math.max(0, this.#lines.length - max)
    const lines = this.#lines.slice(-max)
    return hidden === 0 ? lines : [`… ${hidden} earlier frames`, ...lines]
  }

  #add(line: string): void {
    this.#lines.push(shorten(printable(line), 360))
    if (this.#lines.length <= MAX_LINES) return
    this.#lines.shift()
    this.#forgotten += 1
  }
}

/** Control characters from a relay must not reach the terminal of whoever reads the report. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to replace.
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')
}
