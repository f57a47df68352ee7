/** What a character is to a reader of words. */
export const CHARACTER_CLASS = {
  /** Between words. */
  separator: 0,
  /** Letters, digits and their marks: a run of them is a word. */
  letter: 1,
  /** Of a script that puts no spaces between words, or glues too much to them. */
  unspaced: 2,
  /** A picture; a word by itself. */
  picture: 3,
} as const

export type CharacterClass = (typeof CHARACTER_CLASS)[keyof typeof CHARACTER_CLASS]

const BLOCK_CHARACTERS = 256
const BASIC_PLANE = 0x10000

/** Classes of the basic plane, a block at a time as text asks for them: all at once would slow down every start. */
const blocks: (Uint8Array | undefined)[] = Array.from({ length: BASIC_PLANE / BLOCK_CHARACTERS })

/** The class of a code point. */
export function characterClass(codePoint: number): CharacterClass {
  if (codePoint >= BASIC_PLANE) return classify(codePoint)
  const number = codePoint >>> 8
  blocks[number] ??= classifyBlock(number * BLOCK_CHARACTERS)
  // Filled by `classify` alone.
  return blocks[number][codePoint & (BLOCK_CHARACTERS - 1)] as CharacterClass
}

function classifyBlock(first: number): Uint8Array {
  return Uint8Array.from({ length: BLOCK_CHARACTERS }, (_, index) => classify(first + index))
}

function classify(codePoint: number): CharacterClass {
  const character = String.fromCodePoint(codePoint)
  if (!LETTER.test(character)) {
    return PICTURE.test(character) ? CHARACTER_CLASS.picture : CHARACTER_CLASS.separator
  }
  return UNSPACED.test(character) ? CHARACTER_CLASS.unspaced : CHARACTER_CLASS.letter
}

const LETTER = /[\p{L}\p{N}\p{M}]/u
const PICTURE = /\p{Extended_Pictographic}/u

/** Korean has spaces, but its particles stick to the words: with them, few searches would find anything. */
const UNSPACED =
  /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Bopo}\p{sc=Hang}\p{sc=Thai}\p{sc=Laoo}\p{sc=Khmr}\p{sc=Mymr}\p{sc=Tibt}]/u
