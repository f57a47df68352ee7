import { createZipf, type Random } from './random.ts'

/** Writes text whose lengths, word frequencies and odd characters resemble those of public notes. */
export interface Writer {
  /** About `characters` long: plain words, now and then a line break, a quote, a link, an emoji, another script. */
  text(characters: number): string
  hashtag(): string
}

const SYLLABLES =
  'ba be bi bo da de di do fa ka ke ki la le lo ma me mi na ne no pa ra re ri sa se so ta te to va ve zu'
const OTHER_SCRIPTS = [
  'привет',
  'мир',
  'свобода',
  '自由',
  '分散',
  '中継',
  'ビット',
  'مرحبا',
  'संदेश',
  'ελευθερία',
  'café',
  'größer',
]
const ODDITIES = [
  '🤙',
  '⚡',
  '🫂',
  '\n',
  '\n\n',
  '"so"',
  'https://example.com/image/4f2a9c.jpg',
  'C:\\notes',
  '—',
  '👩‍🚀',
]
const VOCABULARY = 3000

export function createWriter(random: Random): Writer {
  const syllables = SYLLABLES.split(' ')
  const word = () => Array.from({ length: 1 + random.below(4) }, () => random.pick(syllables)).join('')
  const words = Array.from({ length: VOCABULARY }, word)
  const rank = createZipf(VOCABULARY, 1, random)

  function nextPiece(): string {
    if (random.chance(0.03)) return random.pick(ODDITIES)
    if (random.chance(0.04)) return random.pick(OTHER_SCRIPTS)
    return words[rank()]!
  }

  return {
    text(characters) {
      let text = nextPiece()
      while (text.length < characters) text += ` ${nextPiece()}`
      return text
    },
    hashtag: () => words[rank()]!,
  }
}
