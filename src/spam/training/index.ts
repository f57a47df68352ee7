/** The door of the training: labelled notes, their split, learning and judging. For scripts/train-spam.ts and tests. */
export { areaUnderCurve, type Judged, type Quality, qualityAt } from './evaluation.ts'
export { distinctNotes, examplesOf } from './examples.ts'
export {
  type LabelledNote,
  parseLabelledNotes,
  type Side,
  type SplitNote,
  splitNotes,
} from './labelled-notes.ts'
export { type Example, type LearntWeights, type TrainingSettings, train } from './logistic-regression.ts'
export { renderLearntWeights } from './write-model.ts'
