/** The door: how likely a text is spam, and why. */
export { explainSpam, type SpamFeature, SURELY_SPAM, spamProbability } from './spam-probability.ts'
