/**
 * Learns the spam model anew from labelled notes and writes `src/spam/learnt-weights.ts`; the same notes give the same file.
 *
 * `node scripts/train-spam.ts <notes.csv> --tune` learns from three fifths and shows how it does on the fifth for tuning.
 * `node scripts/train-spam.ts <notes.csv> --write` learns from four fifths and writes the model.
 * `node scripts/train-spam.ts <notes.csv> --report` shows how the shipped model does on the fifth that it has never seen.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { spamScoreOf } from '../src/events/index.ts'
import {
  areaUnderCurve,
  distinctNotes,
  examplesOf,
  parseLabelledNotes,
  qualityAt,
  renderLearntWeights,
  type SplitNote,
  splitNotes,
  type TrainingSettings,
  train,
} from '../src/spam/training/index.ts'

const WEIGHTS_PATH = resolve(import.meta.dirname, '../src/spam/learnt-weights.ts')
const SETTINGS: TrainingSettings = { epochs: 15, rate: 0.3, decay: 1e-5, seed: 1 }
const HAN = /\p{Script=Han}/u

const [path, task] = process.argv.slice(2)
if (path === undefined || task === undefined) {
  console.error('usage: node scripts/train-spam.ts <notes.csv> --tune | --write | --report')
  process.exit(2)
}
const notes = splitNotes(parseLabelledNotes(readFileSync(path, 'utf8')))

if (task === '--write') {
  const learnt = train(examplesOf(notes, ['train', 'tune']), SETTINGS)
  writeFileSync(WEIGHTS_PATH, renderLearntWeights(learnt))
} else if (task === '--tune') {
  const learnt = train(examplesOf(notes, ['train']), SETTINGS)
  writeFileSync(WEIGHTS_PATH, renderLearntWeights(learnt))
  await report(notes.filter(({ side }) => side === 'tune'))
} else if (task === '--report') await report(notes.filter(({ side }) => side === 'holdOut'))

async function report(side: readonly SplitNote[]): Promise<void> {
  const { spamProbability } = await import('../src/spam/index.ts')
  const signs = (text: string) => spamScoreOf({ kind: 1, tags: [], content: text })
  const distinct = distinctNotes(side)
  const han = distinct.filter(({ text }) => HAN.test(text))
  for (const [name, set] of Object.entries({
    'every note': side,
    'distinct texts': distinct,
    'with Chinese characters': han,
  })) {
    console.log(`${name}: ${set.length}, of them spam ${set.filter(({ isSpam }) => isSpam).length}`)
    show('model', set, spamProbability, [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
    show('signs', set, signs, [25, 50, 75, 100])
    show(
      'model ≥ 0.6 counts 60, and signs',
      set,
      (text) => signs(text) + (spamProbability(text) >= 0.6 ? 60 : 0),
      [60, 75, 100],
    )
  }
}

function show(
  name: string,
  notesToJudge: readonly SplitNote[],
  score: (text: string) => number,
  thresholds: readonly number[],
): void {
  const judged = notesToJudge.map(({ text, isSpam }) => ({ score: score(text), isSpam }))
  console.log(`  ${name}: AUC ${areaUnderCurve(judged).toFixed(3)}`)
  for (const threshold of thresholds) {
    const { precision, recall, called } = qualityAt(judged, threshold)
    console.log(
      `    from ${threshold}: precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)} (${called} called spam)`,
    )
  }
}
