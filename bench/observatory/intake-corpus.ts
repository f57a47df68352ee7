import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSigner } from '../dataset/signer.ts'
import { syntheticEvents } from '../dataset/synthetic.ts'

/** A file with so many signed events, a line each; made once and kept in the folder for temporary files. */
export async function corpusFile(count: number): Promise<string> {
  const path = join(tmpdir(), `stoa-bench-observatory-${count}.ndjson`)
  if (existsSync(path)) return path
  const endsAtSeconds = Math.floor(Date.now() / 1_000)
  const events = syntheticEvents(
    { seed: 'observatory', count, profile: 'square', endsAtSeconds },
    createSigner(),
  )
  const lines = Array.from(events, (event) => JSON.stringify(event))
  writeFileSync(`${path}.draft`, lines.join('\n'))
  renameSync(`${path}.draft`, path)
  return path
}

export function readCorpus(path: string, count: number): readonly string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, count)
}
