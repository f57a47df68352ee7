import { CHARACTER_CLASS, type CharacterClass, characterClass } from './character-class.ts'
import { foldText } from './fold.ts'

/** Longer words are what their first characters are (UTF-16 units): enough for an `npub` or the id of an `nevent`. */
export const MAX_WORD_UNITS = 64

/** Of one piece of text no more is read (UTF-16 units), so that none costs much. */
export const MAX_READABLE_UNITS = 64 * 1024

/**
 * What announces a link says nothing about it, and half of all notes have a link: the rest of it is read as words.
 */
const LINK_SCHEME = /\b(?:https?|wss?):\/\/|\bnostr:(?=n(?:pub|profile|event|ote|addr)1)/g

/** Folds text and takes from it what is no word to anybody. Words are read from what this returns. */
export function readableText(text: string): string {
  // Folding can write a single character as eighteen.
  const folded = foldText(text).slice(0, MAX_READABLE_UNITS)
  return folded.includes(':') ? folded.replace(LINK_SCHEME, ' ') : folded
}

/**
 * Reads the words of folded text one after the other: runs of letters and digits, single pictures, and runs of a
 * script without spaces as a whole. Nothing is allocated for a word; it is `text.slice(start, end)`.
 */
export class WordReader {
  text = ''
  start = 0
  end = 0
  /** Is it a run of a script without spaces, in which words are to be looked for? */
  isUnspaced = false
  #at = 0

  /** @param text from `readableText`. */
  open(text: string): void {
    this.text = text
    this.#at = 0
  }

  /** Steps to the next word; false when there is none. */
  next(): boolean {
    const { text } = this
    const start = skip(text, this.#at, CHARACTER_CLASS.separator)
    this.#at = start
    if (start === text.length) return false
    const found = classAt(text, start)
    const first = start + widthAt(text, start)
    const end = found === CHARACTER_CLASS.picture ? first : skip(text, first, found)
    this.#at = end
    this.start = start
    this.isUnspaced = found === CHARACTER_CLASS.unspaced
    this.end = this.isUnspaced ? end : Math.min(end, start + MAX_WORD_UNITS)
    return true
  }
}

/** The first place from `from` on whose character is not of this class, or the end. */
function skip(text: string, from: number, wanted: CharacterClass): number {
  let at = from
  for (; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    // A look into a small array, since most characters are ASCII: three times as fast as asking for each.
    if (unit < ASCII_CLASSES.length) {
      if (ASCII_CLASSES[unit] !== wanted) return at
    } else {
      if (classAt(text, at) !== wanted) return at
      at += widthAt(text, at) - 1
    }
  }
  return at
}

function classAt(text: string, at: number): CharacterClass {
  return characterClass(text.codePointAt(at)!)
}

function widthAt(text: string, at: number): number {
  return text.codePointAt(at)! > 0xffff ? 2 : 1
}

const ASCII_CLASSES = Uint8Array.from({ length: 128 }, (_, unit) => characterClass(unit))
