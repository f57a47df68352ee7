import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { SourcedSnapshot } from './observatory/index.ts'
import { holdFigures } from './stoa-held-figures.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

/** Where figures are kept: what is read is of the moment at which it is asked. */
class Keeping {
  from: SourcedSnapshot['from'] = 'engine'
  version = 1
  reads = 0
  hold: Promise<void> | undefined

  readonly read = async (): Promise<SourcedSnapshot | undefined> => {
    this.reads++
    const { version, from } = this
    await this.hold
    // Nothing here looks into the figures.
    return { version: `${version}`, from, snapshot: {} as SourcedSnapshot['snapshot'] }
  }
}

test('a change alone is in the next answer, however lately the figures were read', async () => {
  const keeping = new Keeping()
  const figures = holdFigures(keeping.read)
  const told: (string | undefined)[] = []
  figures.source.onChange(() => {
    void figures.source.snapshot('24h').then((sourced) => told.push(sourced?.version))
  })
  expect((await figures.source.snapshot('24h'))?.version).toBe('1')
  keeping.version = 2
  figures.changed()
  expect((await figures.source.snapshot('24h'))?.version).toBe('2')
  expect(told).toEqual(['2'])
})

test('the last of many changes is told, and not each of them', async () => {
  const keeping = new Keeping()
  const figures = holdFigures(keeping.read)
  const told: (string | undefined)[] = []
  figures.source.onChange(() => {
    void figures.source.snapshot('24h').then((sourced) => told.push(sourced?.version))
  })
  for (let n = 0; n < 200; n++) {
    keeping.version++
    figures.changed()
    await vi.advanceTimersByTimeAsync(10)
  }
  await vi.advanceTimersByTimeAsync(1_000)
  expect(told.at(-1)).toBe('201')
  expect(told.length).toBeLessThanOrEqual(6)
})

test('what was asked before a change is not the answer to who asks after it, nor held instead of it', async () => {
  const keeping = new Keeping()
  const figures = holdFigures(keeping.read)
  const late = Promise.withResolvers<void>()
  keeping.hold = late.promise
  const first = figures.source.snapshot('24h')
  keeping.hold = undefined
  keeping.version = 2
  figures.changed()
  expect((await figures.source.snapshot('24h'))?.version).toBe('2')
  late.resolve()
  expect((await first)?.version).toBe('1')
  expect((await figures.source.snapshot('24h'))?.version).toBe('2')
})

test('all who ask at once are answered by one question', async () => {
  const keeping = new Keeping()
  const figures = holdFigures(keeping.read)
  await Promise.all(Array.from({ length: 50 }, () => figures.source.snapshot('24h')))
  expect(keeping.reads).toBe(1)
  await figures.source.snapshot('7d')
  expect(keeping.reads).toBe(2)
})

test('figures of the database are not read again for each change', async () => {
  const keeping = new Keeping()
  keeping.from = 'database'
  const figures = holdFigures(keeping.read)
  await figures.source.snapshot('24h')
  for (let n = 0; n < 5; n++) {
    figures.changed()
    await vi.advanceTimersByTimeAsync(600)
    await figures.source.snapshot('24h')
  }
  expect(keeping.reads).toBe(1)
})

test('while nothing can be read, what was read last is shown', async () => {
  const keeping = new Keeping()
  let isAway = false
  const figures = holdFigures(async () => (isAway ? undefined : keeping.read()))
  expect(await figures.source.snapshot('24h')).toBeDefined()
  isAway = true
  figures.changed()
  expect((await figures.source.snapshot('24h'))?.version).toBe('1')
  expect(figures.last('24h')?.version).toBe('1')
  expect(await figures.source.snapshot('7d')).toBeUndefined()
})
