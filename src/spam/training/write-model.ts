/** The learnt weights as the file that the program reads: each rounded to one of 255 steps. */
import type { LearntWeights } from './logistic-regression.ts'

const STEPS = 127

/** The source of `learnt-weights.ts`. */
export function renderLearntWeights({ buckets, shapes, bias }: LearntWeights): string {
  const largest = buckets.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0)
  const step = Number((largest / STEPS).toPrecision(6))
  const rounded = Int8Array.from(buckets, (weight) =>
    Math.max(-STEPS, Math.min(STEPS, Math.round(weight / step))),
  )
  const base64 = Buffer.from(rounded.buffer, rounded.byteOffset, rounded.byteLength).toString('base64')
  const shown = Array.from(shapes, (weight) => Number(weight.toFixed(4))).join(', ')
  return `/** Learnt by scripts/train-spam.ts, which writes this file; see README.md. */

/** What one step of a weight is. */
export const WEIGHT_STEP = ${step}

/** Before anything is known of a text. */
export const BIAS = ${Number(bias.toFixed(4))}

/** In the order of \`SPAM_SHAPES\`. */
// biome-ignore format: as the script writes it.
export const SHAPE_WEIGHTS: readonly number[] = [${shown}]

/** One signed byte for each place of the table, in base64. */
export const BUCKET_WEIGHTS =
  '${base64}'
`
}
