/**
 * Regular expressions whose cost is bounded by (length of the text) × (length of the pattern). Operators write patterns
 * and strangers write texts, so an engine that tries one way after the other could be kept busy for minutes by a text
 * made for it. This one walks all ways at once; what would need memory of the past (back references, look-around) is refused.
 *
 * Known: characters, `.`, `\d \w \s \D \W \S \b`, `\n \t \r`, `\uXXXX`, `\u{X}`, sets, groups, `|`, `* + ? {m,n}`, `^`, `$`.
 * No distinction between upper and lower case is made.
 */
import { accepted, type Outcome, refused } from '../../kernel/index.ts'

/** Steps that a pattern may compile to; what repeats is written out. */
const MAX_STEPS = 2_000

export interface LinearPattern {
  /** Is there a match anywhere in the text? */
  test(text: string): boolean
}

type Accepts = (character: string) => boolean
type Step =
  | { readonly is: 'take'; readonly accepts: Accepts; readonly next: number }
  | { is: 'split'; a: number; b: number }
  | { readonly is: 'assert'; readonly what: Assertion; readonly next: number }
  | { readonly is: 'match' }
type Assertion = 'start' | 'end' | 'boundary'

type Node =
  | { readonly is: 'take'; readonly accepts: Accepts }
  | { readonly is: 'assert'; readonly what: Assertion }
  | { readonly is: 'all'; readonly parts: readonly Node[] }
  | { readonly is: 'any'; readonly parts: readonly Node[] }
  | { readonly is: 'repeat'; readonly part: Node; readonly min: number; readonly max: number }

/** Compiles a pattern, or says what about it is not possible. */
export function compileLinearPattern(source: string): Outcome<LinearPattern> {
  try {
    const node = new PatternParser(source).parse()
    const program = new Program(node)
    return accepted({ test: (text) => program.run(text) })
  } catch (error) {
    if (!(error instanceof PatternRefused)) throw error
    return refused({ code: 'PATTERN_REFUSED', text: `/${source}/: ${error.message}` })
  }
}

class PatternRefused extends Error {}

/** Reads a pattern by recursive descent. */
class PatternParser {
  readonly #characters: readonly string[]
  #at = 0
  #depth = 0

  constructor(source: string) {
    // Behind a backslash, the upper case of a class means the opposite; everywhere else it means the same.
    const lowered = source.replaceAll(/\\.|./gsu, (part) =>
      /^\\[DWS]$/.test(part) ? part : part.toLowerCase(),
    )
    this.#characters = Array.from(lowered)
  }

  parse(): Node {
    const node = this.#alternatives()
    if (this.#at < this.#characters.length) throw new PatternRefused('a ")" closes nothing')
    return node
  }

  #alternatives(): Node {
    const parts = [this.#sequence()]
    while (this.#skip('|')) parts.push(this.#sequence())
    return parts.length === 1 ? parts[0]! : { is: 'any', parts }
  }

  #sequence(): Node {
    const parts: Node[] = []
    while (this.#at < this.#characters.length && !this.#isAt('|') && !this.#isAt(')'))
      parts.push(this.#repeated())
    return { is: 'all', parts }
  }

  #repeated(): Node {
    const part = this.#atom()
    const bounds = this.#bounds()
    if (bounds === undefined) return part
    // A match is a match, so whether it is sought lazily or greedily makes no difference here.
    this.#skip('?')
    if (this.#isAt('*') || this.#isAt('+') || this.#isAt('?'))
      throw new PatternRefused('a repetition of a repetition')
    return { is: 'repeat', part, ...bounds }
  }

  #bounds(): { readonly min: number; readonly max: number } | undefined {
    if (this.#skip('*')) return { min: 0, max: Number.POSITIVE_INFINITY }
    if (this.#skip('+')) return { min: 1, max: Number.POSITIVE_INFINITY }
    if (this.#skip('?')) return { min: 0, max: 1 }
    if (!this.#isAt('{')) return undefined
    const found = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.#characters.slice(this.#at, this.#at + 12).join(''))
    if (found === null) throw new PatternRefused('a "{" that is no repetition; write \\{')
    this.#at += found[0].length
    const min = Number(found[1])
    const max = found[2] === undefined ? min : found[3] === '' ? Number.POSITIVE_INFINITY : Number(found[3])
    if (max < min) throw new PatternRefused(`a repetition from ${min} to ${max}`)
    return { min, max }
  }

  #atom(): Node {
    const character = this.#take()
    switch (character) {
      case '(':
        return this.#group()
      case '[':
        return { is: 'take', accepts: this.#set() }
      case '.':
        return { is: 'take', accepts: (given) => given !== '\n' && given !== '\r' }
      case '^':
        return { is: 'assert', what: 'start' }
      case '$':
        return { is: 'assert', what: 'end' }
      case '\\':
        return this.#escaped()
      case '*':
      case '+':
      case '?':
      case '{':
        throw new PatternRefused(`a "${character}" that repeats nothing`)
      default:
        return { is: 'take', accepts: (given) => given === character }
    }
  }

  #group(): Node {
    if (++this.#depth > 50) throw new PatternRefused('groups more than 50 deep')
    if (this.#skip('?') && !this.#skip(':'))
      throw new PatternRefused('look-around and named groups are not possible')
    const node = this.#alternatives()
    if (!this.#skip(')')) throw new PatternRefused('a group that is not closed')
    this.#depth--
    return node
  }

  #escaped(): Node {
    if (this.#skip('b')) return { is: 'assert', what: 'boundary' }
    return { is: 'take', accepts: this.#class() }
  }

  /** What stands behind a backslash, as a set of characters. */
  #class(): Accepts {
    const name = this.#take()
    const known = CLASSES.get(name)
    if (known !== undefined) return known
    const literal = this.#literal(name)
    return (given) => given === literal
  }

  #literal(name: string): string {
    const control = CONTROLS.get(name)
    if (control !== undefined) return control
    if (name === 'u') return this.#codePoint()
    if (/[a-z0-9]/.test(name)) throw new PatternRefused(`"\\${name}" is not possible`)
    return name
  }

  #codePoint(): string {
    const rest = this.#characters.slice(this.#at, this.#at + 8).join('')
    const found = /^(?:([0-9a-f]{4})|\{([0-9a-f]{1,6})\})/.exec(rest)
    const value = Number.parseInt(found?.[1] ?? found?.[2] ?? '', 16)
    if (found === null || !(value <= 0x10_ffff)) throw new PatternRefused('"\\u" without a code point')
    this.#at += found[0].length
    return String.fromCodePoint(value).toLowerCase()
  }

  #set(): Accepts {
    const isNegated = this.#skip('^')
    const members: Accepts[] = []
    while (!this.#skip(']')) members.push(this.#member())
    const isMember: Accepts = (given) => members.some((accepts) => accepts(given))
    return isNegated ? (given) => !isMember(given) : isMember
  }

  #member(): Accepts {
    const first = this.#setCharacter()
    if (typeof first !== 'string') return first
    const isRange = this.#isAt('-') && this.#characters[this.#at + 1] !== ']'
    if (!isRange) return (given) => given === first
    this.#at++
    const last = this.#setCharacter()
    if (typeof last !== 'string') throw new PatternRefused('a range that ends in a class')
    const [from, to] = [first.codePointAt(0)!, last.codePointAt(0)!]
    if (from > to) throw new PatternRefused(`a range from ${first} to ${last}`)
    return (given) => {
      const code = given.codePointAt(0)!
      return code >= from && code <= to
    }
  }

  #setCharacter(): string | Accepts {
    const character = this.#take()
    if (character !== '\\') return character
    const name = this.#take()
    return CLASSES.get(name) ?? this.#literal(name)
  }

  #take(): string {
    const character = this.#characters[this.#at++]
    if (character === undefined) throw new PatternRefused('it ends too early')
    return character
  }

  #skip(character: string): boolean {
    if (!this.#isAt(character)) return false
    this.#at++
    return true
  }

  #isAt(character: string): boolean {
    return this.#characters[this.#at] === character
  }
}

const isWord: Accepts = (given) => /^[\p{L}\p{N}_]$/u.test(given)
const isDigit: Accepts = (given) => given >= '0' && given <= '9'
const isSpace: Accepts = (given) => /^\s$/u.test(given)
const not =
  (accepts: Accepts): Accepts =>
  (given) =>
    !accepts(given)
const CLASSES: ReadonlyMap<string, Accepts> = new Map([
  ['d', isDigit],
  ['w', isWord],
  ['s', isSpace],
  ['D', not(isDigit)],
  ['W', not(isWord)],
  ['S', not(isSpace)],
])
const CONTROLS: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
])

/** A pattern as steps, and the walk through all of its ways at once (Thompson's construction). */
class Program {
  readonly #steps: Step[] = []
  readonly #start: number

  constructor(node: Node) {
    const end = this.#add({ is: 'match' })
    this.#start = this.#compile(node, end)
  }

  run(text: string): boolean {
    const characters = Array.from(text.toLowerCase())
    // `seen[step] === generation` means that the step is already among those of this place.
    const seen = new Int32Array(this.#steps.length).fill(-1)
    let current: number[] = []
    for (let at = 0; at <= characters.length; at++) {
      // A match may begin anywhere.
      if (this.#enter(this.#start, at, characters, current, seen)) return true
      const character = characters[at]
      if (character === undefined) return false
      const next: number[] = []
      for (const index of current) {
        const step = this.#steps[index]!
        if (
          step.is === 'take' &&
          step.accepts(character) &&
          this.#enter(step.next, at + 1, characters, next, seen)
        ) {
          return true
        }
      }
      current = next
    }
    return false
  }

  /** Follows what takes no character; true when the end is reached. Without recursion, since patterns may be long. */
  #enter(
    first: number,
    at: number,
    characters: readonly string[],
    into: number[],
    seen: Int32Array,
  ): boolean {
    const open = [first]
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      if (seen[index] === at) continue
      seen[index] = at
      const step = this.#steps[index]!
      if (step.is === 'match') return true
      if (step.is === 'take') into.push(index)
      else if (step.is === 'split') open.push(step.b, step.a)
      else if (holds(step.what, at, characters)) open.push(step.next)
    }
    return false
  }

  #add(step: Step): number {
    if (this.#steps.length >= MAX_STEPS) throw new PatternRefused(`it has more than ${MAX_STEPS} steps`)
    this.#steps.push(step)
    return this.#steps.length - 1
  }

  /** The first step of what matches `node` and then goes on at `next`. */
  #compile(node: Node, next: number): number {
    switch (node.is) {
      case 'take':
        return this.#add({ is: 'take', accepts: node.accepts, next })
      case 'assert':
        return this.#add({ is: 'assert', what: node.what, next })
      case 'all':
        return node.parts.reduceRight((after, part) => this.#compile(part, after), next)
      case 'any':
        return node.parts
          .map((part) => this.#compile(part, next))
          .reduceRight((b, a) => this.#add({ is: 'split', a, b }))
      case 'repeat':
        return this.#repeat(node.part, node.min, node.max, next)
    }
  }

  #repeat(part: Node, min: number, max: number, next: number): number {
    let start = next
    if (max === Number.POSITIVE_INFINITY) {
      const loop: Step = { is: 'split', a: next, b: next }
      start = this.#add(loop)
      loop.a = this.#compile(part, start)
    } else {
      for (let count = min; count < max; count++) {
        start = this.#add({ is: 'split', a: this.#compile(part, start), b: next })
      }
    }
    for (let count = 0; count < min; count++) start = this.#compile(part, start)
    return start
  }
}

function holds(what: Assertion, at: number, characters: readonly string[]): boolean {
  if (what === 'start') return at === 0
  if (what === 'end') return at === characters.length
  const before = at > 0 && isWord(characters[at - 1]!)
  const after = at < characters.length && isWord(characters[at]!)
  return before !== after
}
