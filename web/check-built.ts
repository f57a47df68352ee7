/**
 * Proves that `dist/` is what the sources give, and that the page is small. Builds into a temporary folder and compares
 * byte for byte; exits 1 with what differs.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'

/** Scripts, styles and HTML, gzipped, together. */
const MAX_PAGE_BYTES = 60 * 1024

const web = import.meta.dirname
const committed = resolve(web, 'dist')
const fresh = mkdtempSync(join(tmpdir(), 'stoa-web-'))

try {
  await build({ configFile: resolve(web, 'vite.config.ts'), build: { outDir: fresh, emptyOutDir: true } })
  const problems = [...differences(filesOf(committed), filesOf(fresh)), ...sizeProblems(filesOf(fresh))]
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exitCode = 1
} finally {
  rmSync(fresh, { recursive: true, force: true })
}

function filesOf(folder: string): ReadonlyMap<string, Buffer> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return new Map(
    entries
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [relative(folder, path).replaceAll('\\', '/'), readFileSync(path)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

function differences(
  built: ReadonlyMap<string, Buffer>,
  expected: ReadonlyMap<string, Buffer>,
): readonly string[] {
  const paths = new Set([...built.keys(), ...expected.keys()])
  const stale = [...paths].filter((path) => {
    const here = built.get(path)
    const there = expected.get(path)
    return here === undefined || there === undefined || !here.equals(there)
  })
  if (stale.length === 0) return []
  return [`web/dist is not what web/src gives: ${stale.join(', ')}. Run: npm run build -w web`]
}

function sizeProblems(files: ReadonlyMap<string, Buffer>): readonly string[] {
  const counted = [...files].filter(([path]) => /\.(js|css|html)$/.test(path))
  const bytes = counted.reduce((sum, [, content]) => sum + gzipSync(content, { level: 9 }).length, 0)
  console.log(`web/dist: ${bytes} bytes gzipped, of ${MAX_PAGE_BYTES}`)
  return bytes <= MAX_PAGE_BYTES ? [] : [`web/dist: ${bytes} bytes gzipped are more than ${MAX_PAGE_BYTES}.`]
}
