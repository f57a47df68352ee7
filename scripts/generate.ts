/** Writes every generated page anew: `npm run generate`. With `--check` it only says which ones are stale. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, relative } from 'node:path'
import { GENERATED_PAGES, isFresh } from './generated-pages.ts'

const isCheck = process.argv.includes('--check')
for (const page of GENERATED_PAGES.filter((candidate) => !isFresh(candidate))) {
  const name = relative(process.cwd(), page.path)
  if (isCheck) {
    console.log(`${name} is stale: npm run generate`)
    process.exitCode = 1
    continue
  }
  mkdirSync(dirname(page.path), { recursive: true })
  writeFileSync(page.path, page.render())
  console.log(`${name} written`)
}
