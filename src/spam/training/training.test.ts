import { expect, test } from 'vitest'
import {
  areaUnderCurve,
  examplesOf,
  parseLabelledNotes,
  qualityAt,
  renderLearntWeights,
  splitNotes,
  train,
} from './index.ts'

test('quoted line ends, commas and quotation marks belong to the note', () => {
  const csv = 'text,label\nplain,ham\n"one, two\n""three""",spam\nno label,neither\n'
  expect(parseLabelledNotes(csv)).toEqual([
    { text: 'plain', isSpam: false },
    { text: 'one, two\n"three"', isSpam: true },
  ])
})

test('variants by number, by link, by wording and of one campaign are one cluster; other texts are not', () => {
  const spam = (text: string) => ({ text, isSpam: true })
  const [one, byNumber, byWording, byPlace, other] = splitNotes([
    spam('The quick brown fox jumps over the lazy dog and wins 1 coin at https://win.example/a1'),
    spam('The quick brown fox jumps over the lazy dog and wins 29 coins at https://win.example/b2?x=3'),
    spam('A quick brown fox jumps over the lazy dog and wins a prize at https://prize.example/now'),
    spam('Something else altogether https://prize.example/now?ref=7'),
    spam('Nothing of the kind, and long enough to be compared with the others'),
  ])
  expect(new Set([one, byNumber, byWording, byPlace].map((note) => note?.cluster)).size).toBe(1)
  expect(other?.cluster).not.toBe(one?.cluster)
})

test('the same examples give the same weights, and these tell the classes apart', () => {
  const notes = splitNotes(
    Array.from({ length: 60 }, (_, n) => ({
      text:
        n % 2 === 0
          ? `cheap coins ${'abcdefgh'.slice(n % 7)} ${n}`
          : `a walk ${'ijklmnop'.slice(n % 7)} ${n}`,
      isSpam: n % 2 === 0,
    })),
  )
  const learn = () =>
    train(examplesOf(notes, ['train', 'tune', 'holdOut']), { epochs: 5, rate: 0.3, decay: 1e-5, seed: 7 })
  expect(renderLearntWeights(learn())).toBe(renderLearntWeights(learn()))
  expect(renderLearntWeights(learn())).toContain('WEIGHT_STEP')
})

test('precision, recall and the area under the curve of a small example', () => {
  const judged = [0.9, 0.8, 0.7, 0.7, 0.1].map((score, index) => ({ score, isSpam: [0, 2].includes(index) }))
  expect(qualityAt(judged, 0.8)).toMatchObject({ precision: 0.5, recall: 0.5, called: 2 })
  expect(qualityAt(judged, 2)).toMatchObject({ precision: 1, recall: 0 })
  // Of six pairs of spam and honest, the first wins three; the second loses one, ties one, wins one.
  expect(areaUnderCurve(judged)).toBeCloseTo(4.5 / 6)
})
