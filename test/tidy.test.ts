import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { GENERATED_PAGES, isFresh } from '../scripts/generated-pages.ts'
import { findViolations, PARTS, type Source } from '../scripts/import-table.ts'

const root = resolve(import.meta.dirname, '..')

/** This file plants violations in its strings, so it is the one that is not read. */
const sources: readonly Source[] = globSync('{src,test,bench,scripts}/**/*.ts', {
  cwd: root,
  exclude: ['**/node_modules/**', 'test/tidy.test.ts'],
}).map((path) => ({ path: path.replaceAll('\\', '/'), text: readFileSync(resolve(root, path), 'utf8') }))

const folders = readdirSync(resolve(root, 'src'), { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
)

test('nobody imports whom the table does not allow', () => {
  expect(sources.length).toBeGreaterThan(50)
  expect(findViolations(sources)).toEqual([])
})

describe('the checker catches a planted violation:', () => {
  const planted = (path: string, code: string) =>
    findViolations([{ path, text: code }]).map(({ rule }) => rule)

  test.each([
    ['src/nostr/x.ts', "import { a } from '../events/index.ts'", 'nostr may not import events'],
    ['src/kernel/x.ts', "import type { A } from '../nostr/index.ts'", 'kernel may not import nostr'],
    ['src/relay/x.ts', "const a = await import('../config/index.ts')", 'relay may not import config'],
    ['src/relay/deep/x.ts', "export { a } from '../../cli/index.ts'", 'relay may not import cli'],
    ['src/relay/x.ts', "import '../stoa.ts'", 'relay may not import stoa'],
    [
      'src/relay/x.ts',
      "import { a } from '../events/rules.ts'",
      'a part is entered by an index.ts of its own',
    ],
    ['src/stoa.ts', "import { a } from './events/rules.ts'", 'a part is entered by an index.ts of its own'],
    [
      'src/relay/x.test.ts',
      "import { a } from '../events/rules.ts'",
      'a part is entered by an index.ts of its own',
    ],
    [
      'test/e2e/x.ts',
      "import { a } from '../../src/relay/slab.ts'",
      'a part is entered by an index.ts of its own',
    ],
    [
      'src/unheard-of/x.ts',
      "import { a } from '../kernel/index.ts'",
      'src/unheard-of is not in the table (scripts/import-table.ts)',
    ],
    [
      'src/relay/x.ts',
      "import { a } from '../events/log/index.ts'",
      'the adapter events/log is chosen by the composition root alone',
    ],
    [
      'src/events/x.ts',
      "import { a } from './memory/index.ts'",
      'the adapter events/memory is chosen by the composition root alone',
    ],
  ])('%s: %s', (path, code, rule) => {
    expect(planted(path, code)).toEqual([rule])
  })

  test('a circle of folders', () => {
    const circle = findViolations([
      { path: 'src/events/x.ts', text: "import { a } from '../relay/index.ts'" },
      { path: 'src/relay/x.ts', text: "import { a } from '../events/index.ts'" },
    ])
    expect(circle).toContainEqual({
      path: 'src/events',
      imports: 'events → relay → events',
      rule: 'folders do not import each other in a circle',
    })
  })

  test('and lets pass what is allowed', () => {
    expect(
      planted('src/relay/x.ts', "import { a } from '../events/index.ts'\nimport { b } from './y.ts'"),
    ).toEqual([])
    expect(planted('src/relay/x.test.ts', "import { a } from '../events/memory/index.ts'")).toEqual([])
    expect(planted('src/stoa.ts', "import { a } from './events/log/index.ts'")).toEqual([])
    expect(
      planted('src/nostr/x.ts', "/** import { a } from '../relay/index.ts' */\n// from '../relay/x.ts'"),
    ).toEqual([])
  })
})

test('the table itself has no circle: a part is allowed only parts below it', () => {
  const below = new Set<string>()
  for (const [name, { mayImport }] of Object.entries(PARTS)) {
    expect(
      mayImport.filter((other) => !below.has(other)),
      name,
    ).toEqual([])
    below.add(name)
  }
})

test('every folder of src is in the table, and has a page about itself and a door', () => {
  expect(folders.toSorted()).toEqual(Object.keys(PARTS).toSorted())
  const missing = folders
    .flatMap((folder) => [`src/${folder}/README.md`, `src/${folder}/index.ts`])
    .filter((path) => !existsSync(resolve(root, path)))
  expect(missing).toEqual([])
})

test.each(GENERATED_PAGES.map((page) => ({ page, name: relative(root, page.path) })))(
  '$name is what npm run generate would write',
  ({ page }) => {
    expect(isFresh(page)).toBe(true)
  },
)
