import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { ADVISORY_LOCKS } from './advisory-locks.ts'

test('no two things have one lock, and nobody has a lock that is not in the list', () => {
  const numbers = Object.values(ADVISORY_LOCKS)
  expect(new Set(numbers).size).toBe(numbers.length)
  const src = resolve(import.meta.dirname, '../..')
  const users = globSync('**/*.ts', { cwd: src })
    .filter((path) => !path.endsWith('.test.ts'))
    .filter((path) => /pg_(try_)?advisory\w*lock\(\$/.test(readFileSync(resolve(src, path), 'utf8')))
  expect(users.length).toBeGreaterThan(4)
  for (const path of users) expect(readFileSync(resolve(src, path), 'utf8'), path).toContain('ADVISORY_LOCKS')
})
