import { existsSync, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { spamScoreOf } from '../events/index.ts'
import { explainSpam, SURELY_SPAM, spamProbability } from './index.ts'
import {
  areaUnderCurve,
  distinctNotes,
  parseLabelledNotes,
  qualityAt,
  type SplitNote,
  splitNotes,
} from './training/index.ts'

const ADVERT = '免费领取USDT红包 https://t.me/somewhere 点击链接'

test.each([
  'gm',
  'Bonjour à tous, quelle belle journée !',
  '今日はいい天気ですね',
  '今天天气真好，我们去公园散步吧',
  'I wrote about relays today: https://example.org/relays #nostr',
  `lnbc200u1p${'q3x7'.repeat(60)}`,
  '',
  '\uD800',
])('an everyday text is not called spam: %j', (text) => {
  expect(spamProbability(text)).toBeLessThan(SURELY_SPAM)
})

test('an advertisement is called spam, and the reasons name what is in it', () => {
  expect(spamProbability(ADVERT)).toBeGreaterThan(SURELY_SPAM)
  const features = explainSpam(ADVERT).map(({ feature }) => feature)
  expect(features).toContain('[link]t.me')
  expect(features.length).toBeLessThanOrEqual(20)
})

test('reasons come heaviest first, and of a short text they add up to its score', () => {
  const weights = explainSpam('gm').map(({ weight }) => Math.abs(weight))
  expect(weights).toEqual(weights.toSorted((a, b) => b - a))
  const score = explainSpam('gm').reduce((sum, { weight }) => sum + weight, 0)
  const bias = explainSpam('').reduce((sum, { weight }) => sum - weight, logit(spamProbability('')))
  expect(logit(spamProbability('gm'))).toBeCloseTo(bias + score, 9)
})

test('what stands after the first 4,096 units, and what another text said before, makes no difference', () => {
  const long = 'a quiet sentence. '.repeat(400)
  const before = spamProbability(long)
  expect(spamProbability(long + ADVERT)).toBe(before)
  spamProbability(ADVERT)
  expect(spamProbability(long)).toBe(before)
})

test('letters that grow when they are lowered do not go beyond the memory for a text', () => {
  expect(spamProbability('İ'.repeat(5_000))).toBeLessThan(SURELY_SPAM)
})

test('the model is small', () => {
  expect(statSync(resolve(import.meta.dirname, 'learnt-weights.ts')).size).toBeLessThanOrEqual(64 * 1024)
})

const NOTES = resolve(import.meta.dirname, '../../../shared/data/spam/blakejakopovic_spam_202302101016.csv')
const isPresent = existsSync(NOTES)
if (!isPresent) console.warn('skipped: ../shared/data/spam is missing')

describe.skipIf(!isPresent)('on the labelled notes', () => {
  const notes = isPresent ? splitNotes(parseLabelledNotes(readFileSync(NOTES, 'utf8'))) : []
  const heldOut = notes.filter(({ side }) => side === 'holdOut')
  const readme = readFileSync(resolve(import.meta.dirname, 'README.md'), 'utf8')

  test('all are read, and none that is alike stands on two sides', () => {
    expect(notes).toHaveLength(10_000)
    expect(notes.filter(({ isSpam }) => isSpam)).toHaveLength(1_511)
    for (const key of ['skeleton', 'cluster'] as const) {
      const sides = Map.groupBy(notes, (note) => note[key])
      const torn = [...sides.values()].filter((alike) => new Set(alike.map(({ side }) => side)).size > 1)
      expect(torn).toEqual([])
    }
  })

  test('the fifth held out is judged as README.md says, and so it is by the signs written by hand', () => {
    const rows = [...readme.matchAll(/^\| (model|signs) from ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$/gm)]
    expect(rows).toHaveLength(7)
    for (const [, who, threshold, precision, recall] of rows) {
      const found = qualityAt(judge(heldOut, who === 'model' ? spamProbability : signs), Number(threshold))
      expect([who, threshold, found.precision.toFixed(3), found.recall.toFixed(3)]).toEqual([
        who,
        threshold,
        precision,
        recall,
      ])
    }
    const areas = [spamProbability, signs].map((score) => areaUnderCurve(judge(heldOut, score)).toFixed(3))
    expect(readme).toContain(`Area under the curve: ${areas[0]} (signs ${areas[1]})`)
  })

  test('and each distinct text of it as README.md says', () => {
    const judged = judge(distinctNotes(heldOut), spamProbability)
    const { precision, recall } = qualityAt(judged, SURELY_SPAM)
    expect(readme).toContain(
      `from ${SURELY_SPAM} precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}, AUC ${areaUnderCurve(judged).toFixed(3)}`,
    )
  })
})

function judge(notes: readonly SplitNote[], score: (text: string) => number) {
  return notes.map(({ text, isSpam }) => ({ score: score(text), isSpam }))
}

function signs(text: string): number {
  return spamScoreOf({ kind: 1, tags: [], content: text })
}

function logit(probability: number): number {
  return Math.log(probability / (1 - probability))
}
