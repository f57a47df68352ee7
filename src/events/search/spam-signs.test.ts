/** What the spam filter of searches finds among labelled texts. They are not ours to copy: without them nothing is said. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { isLeftOutAsSpam, searchOf } from './spam-filter.ts'
import { spamScoreOf } from './spam-signs.ts'

/** 10,000 notes of February 2023, 1,511 of them labelled spam (PROVENANCE.md beside them). */
const LABELLED = fileURLToPath(
  new URL('../../../../shared/data/spam/blakejakopovic_spam_202302101016.csv', import.meta.url),
)

const scoreOf = (content: string, kind = 1) => spamScoreOf({ kind, content, tags: [] })

describe('a score', () => {
  test('is the sum of the signs of the text, whoever wrote it and however often', () => {
    const advert = 'claim your airdrop https://t.me/somewhere'
    expect(scoreOf(advert)).toBe(25 + 25 + 50)
    expect(scoreOf(advert)).toBe(100)
    expect(scoreOf('gm')).toBe(0)
  })

  test('counts no more than three words of advertising', () => {
    expect(scoreOf('airdrop, free money, casino, usdt, porn')).toBe(75)
  })

  test('is for short texts alone: articles, profiles and lists have none', () => {
    for (const kind of [0, 3, 7, 30_023]) expect(scoreOf('claim your airdrop https://t.me/x', kind)).toBe(0)
    for (const kind of [1, 42, 1111]) expect(scoreOf('claim your airdrop https://t.me/x', kind)).toBe(100)
  })
})

describe('a search', () => {
  const spam = { kind: 1, content: 'claim your airdrop https://t.me/x', tags: [] }

  test.each([
    ['orange', 60, true],
    ['orange', 100, true],
    ['orange', 101, false],
    ['orange', 0, false],
    ['orange include:spam', 60, false],
    ['INCLUDE:SPAM orange', 60, false],
    ['orange include:spamming', 60, true],
    ['include:other', 60, false],
  ])('for %j from %i on leaves it out: %s', (search, spamFrom, isLeftOut) => {
    expect(isLeftOutAsSpam(searchOf({ search, spamFrom }), spam)).toBe(isLeftOut)
  })

  test('of a relay that says nothing of spam leaves nothing out', () => {
    expect(isLeftOutAsSpam(searchOf({ search: 'orange' }), spam)).toBe(false)
  })
})

if (!existsSync(LABELLED))
  console.warn(`SKIPPED: how much spam a search leaves out, since there is no ${LABELLED}`)

describe.skipIf(!existsSync(LABELLED))('of 10,000 labelled notes', () => {
  test('a threshold of 60 hides no honest note in five hundred, and half of the spam', () => {
    const notes = readLabelled()
    expect(notes.length).toBe(10_000)
    for (const threshold of [50, 60, 75, 100]) {
      const { precision, recall, honestHidden } = measure(notes, threshold)
      const figures = `precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}, honest notes hidden ${honestHidden}`
      console.info(`spam left out of searches at ${threshold}: ${figures}`)
    }
    const { precision, recall, honestHidden } = measure(notes, 60)
    expect(precision).toBeGreaterThan(0.98)
    expect(recall).toBeGreaterThan(0.5)
    expect(honestHidden / notes.length).toBeLessThan(1 / 500)
  })
})

interface LabelledNote {
  readonly text: string
  readonly isSpam: boolean
}

function measure(notes: readonly LabelledNote[], threshold: number) {
  const hidden = notes.filter(({ text }) => scoreOf(text) >= threshold)
  const found = hidden.filter(({ isSpam }) => isSpam).length
  const recall = found / notes.filter(({ isSpam }) => isSpam).length
  return { precision: found / hidden.length, recall, honestHidden: hidden.length - found }
}

/** Rows of `text,label`; a text with commas, quotes or line ends stands in quotes, and quotes in it are doubled. */
function readLabelled(): readonly LabelledNote[] {
  const rows = readFileSync(LABELLED, 'utf8').matchAll(
    /(?:"((?:[^"]|"")*)"|([^,\n]*)),(ham|spam)\r?(?:\n|$)/g,
  )
  return Array.from(rows, ([, quoted, plain = '', label]) => ({
    text: quoted?.replaceAll('""', '"') ?? plain,
    isSpam: label === 'spam',
  }))
}
