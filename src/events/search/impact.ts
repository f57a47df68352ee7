/**
 * How much one word says about one event, in one byte: how often it occurs there (four bits) and how long the text is
 * (four bits). An index that keeps this byte beside the event knows the word's score without reading the event.
 *
 * After BM25: occurrences count less and less, and less in a long text. How rare a word is in the whole store is left
 * out on purpose: scores would then differ from engine to engine and from day to day, and they must not.
 */

/** More occurrences than this say nothing new. */
const MAX_OCCURRENCES = 15
const MAX_LENGTH_CLASS = 15

/** The most that one word can bring. */
export const MAX_TERM_SCORE = 1_000

/** What the words of a query bring when they stand side by side as they were typed. */
export const PHRASE_SCORE = 300

/** @param words how many there are in the text; each class holds texts twice as long as the one below. */
export function lengthClassOf(words: number): number {
  return Math.min(MAX_LENGTH_CLASS, 31 - Math.clz32(words + 1))
}

/** @param occurrences weighted; at least 1. */
export function impactOf(occurrences: number, lengthClass: number): number {
  return (Math.min(occurrences, MAX_OCCURRENCES) << 4) | lengthClass
}

/** The occurrences in an impact, `MAX_OCCURRENCES` for as many or more. */
export function occurrencesIn(impact: number): number {
  return impact >>> 4
}

/** The score of a word by its impact: a whole number from 1 to `MAX_TERM_SCORE`. */
export function termScore(impact: number): number {
  return SCORES[impact]!
}

const SCORES = Uint16Array.from({ length: 256 }, (_, impact) => {
  const occurrences = impact >>> 4
  const lengthClass = impact & 15
  return Math.floor((occurrences * 1_000 * MAX_TERM_SCORE) / (occurrences * 1_000 + 600 + 150 * lengthClass))
})
