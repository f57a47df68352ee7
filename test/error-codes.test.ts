import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { ERRORS_REFERENCE_PATH, renderErrorsReference } from '../scripts/generate-errors-reference.ts'
import { ERROR_CODES } from '../src/kernel/index.ts'

const root = resolve(import.meta.dirname, '..')
const tablePath = 'src/kernel/app-error.ts'

const sources = globSync(['src/**/*.ts', 'bin/*.js'], { cwd: root })
  .filter((path) => path !== tablePath && !path.endsWith('.test.ts'))
  .map((path) => ({ path, text: readFileSync(resolve(root, path), 'utf8') }))

test('every code that the source throws is in the table', () => {
  const thrown = sources.flatMap(({ path, text }) =>
    [...text.matchAll(/new AppError\(\s*'([^']*)'/g)].map(([, code]) => ({ path, code })),
  )
  expect(thrown.length).toBeGreaterThan(0)
  expect(thrown.filter(({ code }) => code === undefined || !(code in ERROR_CODES))).toEqual([])
})

test('every code of the table is named somewhere in the source', () => {
  const isNamed = (code: string) => sources.some(({ text }) => text.includes(`'${code}'`))
  expect(Object.keys(ERROR_CODES).filter((code) => !isNamed(code))).toEqual([])
})

test('the table is in alphabetical order, and each entry is one sentence', () => {
  const codes = Object.keys(ERROR_CODES)
  expect(codes).toEqual([...codes].sort())
  for (const meaning of Object.values(ERROR_CODES)) expect(meaning).toMatch(/^[A-Z][^|]*[^.|]\.$/)
})

test('docs/reference/errors.md is what scripts/generate-errors-reference.ts would write', () => {
  expect(readFileSync(ERRORS_REFERENCE_PATH, 'utf8')).toBe(renderErrorsReference())
})
