/** What the model learns from: each text once, however often it was sent, and campaigns held down. */

import type { Side, SplitNote } from './labelled-notes.ts'
import type { Example } from './logistic-regression.ts'

/**
 * Nine in ten notes of the data that are written with Chinese characters are spam, which says something of that week and
 * nothing of those who write so: honest ones count double.
 */
const HONEST_HAN_WEIGHT = 2
const HAN = /\p{Script=Han}/u

/** Each text that differs in more than links and numbers, once for each label that it has. */
export function distinctNotes(notes: readonly SplitNote[]): readonly SplitNote[] {
  return [...new Map(notes.map((note) => [`${note.isSpam}${note.skeleton}`, note])).values()]
}

export function examplesOf(notes: readonly SplitNote[], sides: readonly Side[]): readonly Example[] {
  const distinct = distinctNotes(notes.filter(({ side }) => sides.includes(side)))
  const variants = Map.groupBy(distinct, ({ cluster }) => cluster)
  return distinct.map(({ text, isSpam, cluster }) => ({
    text,
    isSpam,
    weight: (!isSpam && HAN.test(text) ? HONEST_HAN_WEIGHT : 1) / Math.sqrt(variants.get(cluster)!.length),
  }))
}
