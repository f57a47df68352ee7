/**
 * Where the bench's events come from: synthetic ones by seed, written once to the system's temporary folder as
 * NDJSON, and real ones where a file of them lies beside the repository.
 */
import { once } from 'node:events'
import { createWriteStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import { encodeEvent } from '../src/nostr/index.ts'
import { createSigner } from './dataset/signer.ts'
import { type SyntheticOptions, syntheticEvents } from './dataset/synthetic.ts'

/** Change it with anything that changes the events of a seed, so that no older file is taken for theirs. */
const FORMAT = 1
const WEEK_SECONDS = 7 * 24 * 60 * 60
const KEEP_MS = 15 * 24 * 60 * 60 * 1000
const LINES_PER_WRITE = 500

export type DatasetRequest = Omit<SyntheticOptions, 'endsAtSeconds'> & { readonly nowMs: number }

export type DatasetProgress = (signed: number, total: number, signer: string) => void

/**
 * The path of an NDJSON file with these events, signing them first when no earlier run has. The newest event is
 * of the last turn of the week (Thursday 0:00 UTC), so reruns of a week find the same file.
 *
 * @throws Error when the temporary folder cannot be written.
 */
export async function provideDataset(request: DatasetRequest, progress: DatasetProgress): Promise<string> {
  const endsAtSeconds = Math.floor(request.nowMs / 1000 / WEEK_SECONDS) * WEEK_SECONDS
  const options = { ...request, endsAtSeconds }
  const folder = join(tmpdir(), 'stoa-bench')
  const path = join(folder, datasetFileName(options))
  if (existsSync(path)) return path
  mkdirSync(folder, { recursive: true })
  removeOld(folder, request.nowMs)
  await writeDataset(path, options, progress)
  return path
}

/** The real events, or undefined when this checkout has none beside it. */
export function findRealEvents(repositoryRoot: string): string | undefined {
  const path = resolve(repositoryRoot, '../shared/data/events/real_events.ndjson')
  return existsSync(path) ? path : undefined
}

function datasetFileName({ seed, count, profile, endsAtSeconds }: SyntheticOptions): string {
  return `${profile}-${encodeURIComponent(seed)}-${count}-${endsAtSeconds}-v${FORMAT}.ndjson`
}

// Written under another name first: a run that was stopped leaves no half file behind that looks whole.
async function writeDataset(
  path: string,
  options: SyntheticOptions,
  progress: DatasetProgress,
): Promise<void> {
  const signer = createSigner()
  const unfinished = `${path}.${process.pid}`
  const file = createWriteStream(unfinished)
  let lines: string[] = []
  let signed = 0
  for (const event of syntheticEvents(options, signer)) {
    lines.push(encodeEvent(event))
    signed += 1
    if (lines.length < LINES_PER_WRITE && signed < options.count) continue
    if (!file.write(`${lines.join('\n')}\n`)) await once(file, 'drain')
    lines = []
    progress(signed, options.count, signer.name)
  }
  file.end()
  await finished(file)
  renameSync(unfinished, path)
}

function removeOld(folder: string, nowMs: number): void {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (nowMs - statSync(path).mtimeMs > KEEP_MS) rmSync(path, { force: true })
  }
}
