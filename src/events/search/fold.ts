/**
 * Writes text in the form in which words are compared: compatibility forms, upper case, accents and marks that only
 * help pronunciation are gone. `Ｓtraße`, `STRASSE` and `strasse` come out the same, as do `Łódź` and `lodz`.
 *
 * A word means the same to a stored index and to a later query only as long as this function stays as it is: a change
 * here needs another version of the index files.
 */
export function foldText(text: string): string {
  const lower = text.toLowerCase()
  // Most text is mostly ASCII, which is done by now.
  return FOREIGN.test(lower) ? lower.replace(FOREIGN_RUNS, foldRun) : lower
}

const FOREIGN = /[\u0080-\uFFFF]/
const FOREIGN_RUNS = /[\u0080-\uFFFF]+/g

/**
 * A run without ASCII can be folded by itself: whatever of it combines with a letter before it is dropped. Upper case
 * is looked for again, since a compatibility form may hide it.
 */
function foldRun(run: string): string {
  return (
    run
      .normalize('NFKD')
      .toLowerCase()
      .replace(MARKS, '')
      .replace(VARIANTS, (letter) => PLAIN.get(letter) ?? letter)
      // What the first step took apart beyond accents (Hangul syllables, voiced kana) is one character again.
      .normalize('NFC')
  )
}

/**
 * Accents of Latin, Greek and Cyrillic, Hebrew points, Arabic vowels, enclosures of symbols,
 * and what is invisible (joiners, variation selectors, soft hyphens). Vowel signs of Indic scripts stay: without them
 * these would be other words.
 */
const MARKS =
  /[\u0300-\u036F]|[\u0591-\u05C7]|[\u064B-\u065F]|\u0670|[\u20D0-\u20FF]|\p{Default_Ignorable_Code_Point}/gu

/** Letters that Unicode does not take apart, by what people type instead. */
const PLAIN: ReadonlyMap<string, string> = new Map([
  ['ß', 'ss'],
  ['æ', 'ae'],
  ['œ', 'oe'],
  ['þ', 'th'],
  ['ð', 'd'],
  ['đ', 'd'],
  ['ħ', 'h'],
  ['ı', 'i'],
  ['ł', 'l'],
  ['ø', 'o'],
  // The same Greek letter at the end of a word.
  ['ς', 'σ'],
  // Only stretches an Arabic word.
  ['\u0640', ''],
  // Persian and Arabic keyboards have a yeh and a kaf each.
  ['ی', 'ي'],
  ['ى', 'ي'],
  ['ک', 'ك'],
])

const VARIANTS = new RegExp(`[${[...PLAIN.keys()].join('')}]`, 'gu')
