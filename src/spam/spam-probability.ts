/**
 * How likely a text is spam, by a linear model learnt from 10,000 notes that people have labelled (February 2023). It knows
 * words and campaigns of that time; what it has never seen it mostly lets pass. See README.md for how often it is right.
 */
import { SPAM_SHAPES, SpamFeatures } from './features.ts'
import { BIAS, BUCKET_WEIGHTS, SHAPE_WEIGHTS, WEIGHT_STEP } from './learnt-weights.ts'

const weights = new Int8Array(Buffer.from(BUCKET_WEIGHTS, 'base64'))
const features = new SpamFeatures()

/** From here on nothing honest was called spam on the part for tuning; README.md says how it did on the part held out. */
export const SURELY_SPAM = 0.6

/** Features that an explanation names at most. */
const EXPLAINED_FEATURES = 20

/** What one feature of a text adds to its score (a logit: 0 says nothing, ±1 is odds of e to one). */
export interface SpamFeature {
  /** A run of characters or words, digits as `0`, or a property of the whole, such as `has a link`. */
  readonly feature: string
  readonly weight: number
}

/** 0 … 1. The first 4,096 UTF-16 units are looked at. */
export function spamProbability(text: string): number {
  features.read(text)
  const { buckets, runCount, count, shapes } = features
  let runs = 0
  for (let index = 0; index < runCount; index++) runs += weights[buckets[index]!]!
  let words = 0
  for (let index = runCount; index < count; index++) words += weights[buckets[index]!]!
  let logit = BIAS + (runs * features.runValue + words * features.wordValue) * WEIGHT_STEP
  for (let index = 0; index < shapes.length; index++) logit += SHAPE_WEIGHTS[index]! * shapes[index]!
  return 1 / (1 + Math.exp(-logit))
}

/** The features that weigh most in a text, either way, the heaviest first; at most twenty. */
export function explainSpam(text: string): readonly SpamFeature[] {
  features.read(text)
  const { buckets, starts, ends, codes, count, runCount, shapes } = features
  const found: SpamFeature[] = []
  for (let index = 0; index < count; index++) {
    const value = index < runCount ? features.runValue : features.wordValue
    const feature = readable(codes.subarray(starts[index], ends[index]))
    found.push({ feature, weight: weights[buckets[index]!]! * value * WEIGHT_STEP })
  }
  for (const [index, feature] of SPAM_SHAPES.entries())
    found.push({ feature, weight: shapes[index]! * SHAPE_WEIGHTS[index]! })
  return found
    .filter(({ weight }) => weight !== 0)
    .toSorted((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
    .slice(0, EXPLAINED_FEATURES)
}

const MARKS: Readonly<Record<string, string>> = {
  '\u0001': '[link]',
  '\u0002': '[mention]',
  '\u0003': '[invoice]',
  '\u0004': '[noise]',
}

function readable(codes: Uint16Array): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are our marks; others a text may have as it likes.
  return String.fromCharCode(...codes).replaceAll(/[\u0001-\u0004]/g, (mark) => MARKS[mark] ?? mark)
}
