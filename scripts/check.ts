/**
 * `npm run check`: everything a tool can hold against the code, one line each with the time it took. The output of a
 * check is shown only when it fails.
 */
import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'

interface Check {
  readonly name: string
  readonly command: readonly [string, ...string[]]
}

const ROOT = resolve(import.meta.dirname, '..')

/** As many at once as a small machine has processors; the slow ones first. */
const AT_ONCE = 2

const CHECKS: readonly Check[] = [
  { name: 'types', command: ['tsc', '--noEmit', '-p', ROOT] },
  { name: 'types of the page', command: ['tsc', '--noEmit', '-p', resolve(ROOT, 'web')] },
  { name: 'lint with types', command: ['oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'unused code', command: ['knip', '--no-progress'] },
  { name: 'format and lint', command: ['biome', 'ci', '--error-on-warnings', '--colors=off', '.'] },
  { name: 'import table', command: ['vitest', 'run', '--reporter=dot', 'test/tidy.test.ts'] },
  { name: 'built page', command: ['node', 'web/check-built.ts'] },
  { name: 'generated pages', command: ['node', 'scripts/generate.ts', '--check'] },
]

/** Runs one check; resolves to whether it passed. */
async function runCheck({ name, command: [program, ...args] }: Check): Promise<boolean> {
  const startedMs = performance.now()
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, PATH: `${resolve(ROOT, 'node_modules/.bin')}:${process.env.PATH}`, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    shell: process.platform === 'win32',
  })
  const exited = new Promise<number | null>((done, fail) => {
    child.once('error', fail)
    child.once('close', done)
  })
  const [output, errors, code] = await Promise.all([text(child.stdout), text(child.stderr), exited])
  const tookSeconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  console.log(`${code === 0 ? 'ok  ' : 'FAIL'}  ${name} (${tookSeconds} s)`)
  if (code !== 0) console.log(`${output}${errors}`.replaceAll(/^/gm, '      '))
  return code === 0
}

const waiting = [...CHECKS]
const results: boolean[] = []
async function work(): Promise<void> {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift())
    results.push(await runCheck(check))
}
await Promise.all(Array.from({ length: AT_ONCE }, work))
if (results.includes(false)) process.exitCode = 1
