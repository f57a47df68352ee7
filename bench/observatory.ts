/**
 * The observatory's figures, one after the other: `node bench/observatory.ts [--only intake,statistics,records,api] [--json FILE]`.
 * Each is a bench of its own in `bench/observatory/`, with the limit that it is to be compared with in the same run.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'

/** What is measured: of bytes observations, of observations figures, of figures tables, of tables answers. */
const PARTS = ['intake', 'statistics', 'records', 'api'] as const

const { values: options } = parseArgs({
  options: { only: { type: 'string', default: PARTS.join(',') }, json: { type: 'string' } },
})
const wanted = new Set(options.only.split(','))
const unknown = [...wanted].find((name) => !(PARTS as readonly string[]).includes(name))
if (unknown !== undefined) throw new Error(`There is no part ${unknown}; there are ${PARTS.join(', ')}.`)

/** As the program runs it: `YOUNG_GENERATION_MB` of its thread, and code that was compiled before. */
const flags: Readonly<Record<string, readonly string[]>> = { statistics: ['--max-semi-space-size=4'] }
const compileCache = mkdtempSync(join(tmpdir(), 'stoa-bench-code-'))
process.once('exit', () => rmSync(compileCache, { recursive: true, force: true }))

const figures: Record<string, unknown> = {}
for (const part of PARTS) {
  if (!wanted.has(part)) continue
  console.error(`${part} …`)
  if (part === 'statistics') await run(part, ['--events', '20000'])
  figures[part] = await run(part)
  console.log(JSON.stringify({ [part]: figures[part] }, undefined, 2))
}
if (options.json !== undefined) {
  const report = { at: new Date().toISOString(), cpu: cpus()[0]?.model, cores: cpus().length, ...figures }
  writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`)
}

/** What the bench prints last: one JSON object. */
async function run(part: string, args: readonly string[] = []): Promise<unknown> {
  const file = join(import.meta.dirname, 'observatory', `${part}.ts`)
  const child = spawn(process.execPath, [...(flags[part] ?? []), file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
  })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number]>])
  if (code !== 0) throw new Error(`The bench ${part} ended with ${code}.`)
  return JSON.parse(output.slice(output.indexOf('{')))
}
