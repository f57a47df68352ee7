/**
 * What the model looks at in a text: short runs of characters, words and pairs of words, each hashed to one of
 * `SPAM_BUCKETS` places, and a few properties of the whole. Training and judging both go through here, so that they see
 * the same.
 */

/** Only the beginning of a long text is looked at, in UTF-16 units. */
const LOOKED_AT_UNITS = 4_096
/** Places of the table of weights; a power of two. */
export const SPAM_BUCKETS = 32_768
/** Runs of two characters are looked at, for scripts whose words are that long, and of three and four for the others. */
const LONGEST_RUN = 4
/** Longer ones are names of nothing: a script without spaces, or noise. */
const LONGEST_WORD_UNITS = 24

/** Three runs begin at each unit, and every second one at most ends a word and a pair. */
const MOST_FEATURES = (LOOKED_AT_UNITS + 2) * 4

/** Marks that stand for what is different in each text: a link, a mention, an invoice, a long run of letters and digits. */
const LINK_MARK = '\u0001'
const MENTION_MARK = '\u0002'
const INVOICE_MARK = '\u0003'
const NOISE_MARK = '\u0004'

/** Properties of the whole, each 0 … 1. */
export const SPAM_SHAPES = [
  'has a link',
  'links',
  'hashtags',
  'mentions',
  'only links',
  'long',
  'very long',
  'capitals',
  'digits',
  'pictograms',
  'hidden characters',
  'lines',
  'exclamation marks',
] as const

const DIFFERING =
  /https?:\/\/(?:www\.)?([^\s/?#]+)[^\s]*|(?:nostr:)?n(?:pub|profile|ote|event|addr)1[02-9ac-hj-np-z]{20,}|#\[\d+\]|\b(?:lnbc|lnurl1)[02-9a-z]{20,}|[a-z0-9+/=_-]{40,}/g
const MENTION_START = /^(?:nostr:)?n[a-z]+1/
// biome-ignore lint/suspicious/noControlCharactersInRegex: the mark was put there by us, and stands for a link.
const MARKED_LINK = /\u0001[^\s]+/g
const HASHTAG = /(?:^|\s)#[\p{L}\p{N}_]+/gu

/**
 * Reads the features of one text after the other, into the same memory: what it found stands in its fields until it reads
 * again. (Memory of its own for each text would take longer than everything else.)
 */
export class SpamFeatures {
  /** Lowered, without what differs in each text; digits are `0`, any white space is one space; a space at each end. */
  readonly codes = new Uint16Array(LOOKED_AT_UNITS + 2)
  units = 0
  /** In the order of `SPAM_SHAPES`. */
  readonly shapes = new Float64Array(SPAM_SHAPES.length)
  /** Places in the table, each once, since what repeats itself is no more spam; first runs, then words and pairs of words. */
  readonly buckets = new Uint16Array(MOST_FEATURES)
  /** Where in `codes` each begins and ends. */
  readonly starts = new Uint16Array(MOST_FEATURES)
  readonly ends = new Uint16Array(MOST_FEATURES)
  count = 0
  runCount = 0
  readonly #seen = new Uint32Array(SPAM_BUCKETS / 32)

  read(text: string): void {
    const lookedAt = text.slice(0, LOOKED_AT_UNITS)
    const plain = plainText(lookedAt)
    this.#readShapes(lookedAt, plain)
    this.#readCodes(plain.text)
    this.count = 0
    this.#seen.fill(0)
    this.#addRuns()
    this.runCount = this.count
    this.#addWords()
  }

  /** What a run weighs in this text. */
  get runValue(): number {
    return RUN_VALUE / Math.sqrt(this.units)
  }

  /** What a word, or a pair, weighs in this text. */
  get wordValue(): number {
    return WORD_VALUE / Math.sqrt(this.units)
  }

  #readShapes(text: string, { text: plain, links, mentions }: PlainText): void {
    const counts = countUnits(text)
    const hashtags = plain.includes('#') ? (plain.match(HASHTAG)?.length ?? 0) : 0
    const units = Math.max(1, text.length)
    const { shapes } = this
    shapes[0] = links > 0 ? 1 : 0
    shapes[1] = Math.min(1, links / 5)
    shapes[2] = Math.min(1, hashtags / 6)
    shapes[3] = Math.min(1, mentions / 10)
    shapes[4] = links > 0 && plain.replaceAll(MARKED_LINK, '').trim() === '' ? 1 : 0
    shapes[5] = Math.min(1, text.length / 300)
    shapes[6] = Math.min(1, text.length / 2_000)
    shapes[7] = counts.capitals / units
    shapes[8] = counts.digits / units
    shapes[9] = Math.min(1, counts.pictograms / 10)
    shapes[10] = Math.min(1, counts.hidden / 4)
    shapes[11] = Math.min(1, counts.lines / 10)
    shapes[12] = Math.min(1, counts.exclamations / 4)
  }

  #readCodes(text: string): void {
    const { codes } = this
    const length = Math.min(text.length, LOOKED_AT_UNITS)
    codes[0] = SPACE
    let count = 1
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at)
      if (isSpace(code)) {
        if (codes[count - 1] !== SPACE) codes[count++] = SPACE
      } else codes[count++] = code >= ZERO && code <= NINE ? ZERO : code
    }
    if (codes[count - 1] !== SPACE) codes[count++] = SPACE
    this.units = count
  }

  #addRuns(): void {
    const { codes, units } = this
    for (let start = 0; start < units - 1; start++) {
      const end = Math.min(units, start + LONGEST_RUN)
      let hash = Math.imul(RUN_SEED ^ codes[start]!, FNV_PRIME)
      for (let at = start + 1; at < end; at++) {
        hash = Math.imul(hash ^ codes[at]!, FNV_PRIME)
        this.#add(hash, start, at + 1)
      }
    }
  }

  #addWords(): void {
    const { codes, units } = this
    let previousHash = 0
    let previousStart = -1
    for (let start = 1; start < units; ) {
      let hash = WORD_SEED
      let end = start
      while (end < units && codes[end] !== SPACE) hash = Math.imul(hash ^ codes[end++]!, FNV_PRIME)
      if (end - start > LONGEST_WORD_UNITS) previousStart = -1
      else {
        this.#add(hash, start, end)
        if (previousStart >= 0) this.#add(Math.imul(previousHash, PAIR_FACTOR) ^ hash, previousStart, end)
        previousHash = hash
        previousStart = start
      }
      start = end + 1
    }
  }

  #add(hash: number, start: number, end: number): void {
    const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    const bucket = (mixed ^ (mixed >>> 13)) & (SPAM_BUCKETS - 1)
    const bit = 1 << (bucket & 31)
    const seen = this.#seen[bucket >>> 5]!
    if ((seen & bit) !== 0) return
    this.#seen[bucket >>> 5] = seen | bit
    const index = this.count++
    this.buckets[index] = bucket
    this.starts[index] = start
    this.ends[index] = end
  }
}

interface PlainText {
  readonly text: string
  readonly links: number
  readonly mentions: number
}

function plainText(text: string): PlainText {
  let links = 0
  let mentions = 0
  const lowered = text.toLowerCase()
  const plain = lowered.replaceAll(DIFFERING, (found: string, host: string | undefined) => {
    if (host !== undefined) {
      links++
      return ` ${LINK_MARK}${host} `
    }
    if (found.startsWith('lnbc') || found.startsWith('lnurl')) return INVOICE_MARK
    if (found.startsWith('#') || MENTION_START.test(found)) {
      mentions++
      return MENTION_MARK
    }
    return NOISE_MARK
  })
  return { text: plain, links, mentions }
}

/** What a run and a word weigh in a text of one unit; both fall with the root of its length. */
const RUN_VALUE = 0.6
const WORD_VALUE = 2.4

const SPACE = 0x20
const ZERO = 0x30
const NINE = 0x39
const FNV_PRIME = 0x01000193
const RUN_SEED = 0x811c9dc5 | 0
const WORD_SEED = 0x2f0b4c47
const PAIR_FACTOR = 0x85ebca6b | 0

/** Punctuation of the Chinese script ends words too, which otherwise has no spaces. */
function isSpace(code: number): boolean {
  return (
    code === SPACE ||
    (code >= 0x09 && code <= 0x0d) ||
    code === 0xa0 ||
    (code >= 0x3000 && code <= 0x3002) ||
    code === 0xff0c ||
    code === 0xff01
  )
}

interface UnitCounts {
  readonly capitals: number
  readonly digits: number
  readonly pictograms: number
  readonly hidden: number
  readonly lines: number
  readonly exclamations: number
}

function countUnits(text: string): UnitCounts {
  let capitals = 0
  let digits = 0
  let pictograms = 0
  let hidden = 0
  let lines = 0
  let exclamations = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code >= 0x41 && code <= 0x5a) capitals++
    else if (code >= ZERO && code <= NINE) digits++
    else if (code === 0x0a) lines++
    else if (code === 0x21 || code === 0xff01) exclamations++
    else if (code >= 0xd83c && code <= 0xd83e) pictograms++
    else if (code === 0x200b || (code >= 0x2060 && code <= 0x2064) || (code >= 0x202a && code <= 0x202e))
      hidden++
  }
  return { capitals, digits, pictograms, hidden, lines, exclamations }
}
