/**
 * Logistic regression over hashed features, by stochastic gradient descent with a rate for each weight (AdaGrad). Features
 * are scaled by how much oftener they are in one class than in the other (as in "NBSVM", Wang and Manning 2012), which
 * suits a few hundred texts of spam better than learning that too.
 */
import { SPAM_BUCKETS, SPAM_SHAPES, SpamFeatures } from '../features.ts'

export interface Example {
  readonly text: string
  readonly isSpam: boolean
  /** How often it counts. */
  readonly weight: number
}

export interface TrainingSettings {
  readonly epochs: number
  readonly rate: number
  /** Pull of each weight towards nothing, at each look. */
  readonly decay: number
  readonly seed: number
}

/** As learnt, before it is rounded. */
export interface LearntWeights {
  readonly buckets: Float64Array
  readonly shapes: Float64Array
  readonly bias: number
}

interface Prepared {
  readonly places: Int32Array
  readonly values: Float64Array
  readonly target: number
  readonly weight: number
}

/** The same examples and settings give the same weights. */
export function train(examples: readonly Example[], settings: TrainingSettings): LearntWeights {
  const { epochs, rate, decay, seed } = settings
  const features = new SpamFeatures()
  const prepared = examples.map((example) => prepare(example, features))
  const scales = scalesOf(prepared)
  for (const { places, values } of prepared)
    for (const [index, place] of places.entries()) values[index]! *= scales[place]!
  const weights = new Float64Array(PLACES)
  const squares = new Float64Array(PLACES).fill(FIRST_SQUARE)
  const random = randomOf(seed)
  for (let epoch = 0; epoch < epochs; epoch++) {
    shuffle(prepared, random)
    for (const { places, values, target, weight } of prepared) {
      let sum = 0
      for (let index = 0; index < places.length; index++) sum += weights[places[index]!]! * values[index]!
      const miss = (1 / (1 + Math.exp(-sum)) - target) * weight
      for (let index = 0; index < places.length; index++) {
        const place = places[index]!
        const slope = miss * values[index]! + decay * weights[place]!
        squares[place]! += slope * slope
        weights[place]! -= (rate * slope) / Math.sqrt(squares[place]!)
      }
    }
  }
  const scaled = weights.map((weight, place) => weight * scales[place]!)
  return {
    buckets: scaled.slice(0, SPAM_BUCKETS),
    shapes: scaled.slice(SPAM_BUCKETS, BIAS),
    bias: scaled[BIAS]!,
  }
}

/** Places of the shapes follow those of the features, and the bias follows them. */
const BIAS = SPAM_BUCKETS + SPAM_SHAPES.length
const PLACES = BIAS + 1
/** What AdaGrad starts with: keeps the first steps small. */
const FIRST_SQUARE = 0.01
/** Texts that each class is thought to have had with each feature before any is seen. */
const SMOOTHING = 0.5
/** So that what is as common in both can be learnt all the same. */
const LEAST_SCALE = 0.1

/** How far the odds of a feature differ between the classes; 1 for shapes and the bias. */
function scalesOf(examples: readonly Prepared[]): Float64Array {
  const spam = new Float64Array(SPAM_BUCKETS).fill(SMOOTHING)
  const honest = new Float64Array(SPAM_BUCKETS).fill(SMOOTHING)
  let spamTotal = 2 * SMOOTHING
  let honestTotal = 2 * SMOOTHING
  for (const { places, target, weight } of examples) {
    if (target === 1) spamTotal += weight
    else honestTotal += weight
    for (const place of places) if (place < SPAM_BUCKETS) (target === 1 ? spam : honest)[place]! += weight
  }
  const scales = new Float64Array(PLACES).fill(1)
  for (let place = 0; place < SPAM_BUCKETS; place++) {
    const ratio = spam[place]! / spamTotal / (honest[place]! / honestTotal)
    scales[place] = Math.abs(Math.log(ratio)) + LEAST_SCALE
  }
  return scales
}

function prepare({ text, isSpam, weight }: Example, features: SpamFeatures): Prepared {
  features.read(text)
  const { buckets, count, runCount, runValue, wordValue, shapes } = features
  const places = [...buckets.subarray(0, count), ...SPAM_SHAPES.map((_, index) => SPAM_BUCKETS + index), BIAS]
  const values = places.map((place, index) => {
    if (index < count) return index < runCount ? runValue : wordValue
    return place === BIAS ? 1 : shapes[place - SPAM_BUCKETS]!
  })
  return {
    places: Int32Array.from(places),
    values: Float64Array.from(values),
    target: isSpam ? 1 : 0,
    weight,
  }
}

/** Fisher and Yates. */
function shuffle(items: unknown[], random: () => number): void {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const kept = items[last]
    items[last] = items[other]
    items[other] = kept
  }
}

/** Mulberry32: numbers from 0 up to 1 that are the same for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
