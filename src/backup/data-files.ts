/** The small files of a data folder that are no events and no database: operators' decisions, keys, the configuration. */
import { chmod, mkdir, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readFileIfThere } from '../platform/index.ts'
import { readLinesOf, writeContent } from './content.ts'
import type { DataFile } from './manifest.ts'
import { PRIVATE_FILE, PRIVATE_FOLDER, replaceFile } from './private-file.ts'

const PLAIN_FILES = ['access.json']
const KEYS_FOLDER = 'keys'
/** Not `stoa.toml`: which configuration holds is for whoever restores to say. */
const CONFIG_COPY = 'stoa.toml.from-backup'

export interface DataFileSources {
  readonly dataDir: string
  readonly configFile: string | undefined
  readonly withKeys: boolean
}

/** Writes those that are there. Their bytes travel as one line of base64, so that any content is one. */
export async function writeDataFiles(
  folder: string,
  { dataDir, configFile, withKeys }: DataFileSources,
  signal: AbortSignal,
): Promise<readonly DataFile[]> {
  const keys = withKeys ? await namesIn(join(dataDir, KEYS_FOLDER)) : []
  const sources = [
    ...PLAIN_FILES.map((name) => ({ name, path: join(dataDir, name) })),
    ...keys.map((key) => ({ name: `${KEYS_FOLDER}/${key}`, path: join(dataDir, KEYS_FOLDER, key) })),
    ...(configFile === undefined ? [] : [{ name: CONFIG_COPY, path: configFile }]),
  ]
  const files: DataFile[] = []
  for (const { name, path } of sources) {
    const bytes = await readFileIfThere(path)
    if (bytes === undefined) continue
    const content = await writeContent(folder, `file-${name.replaceAll('/', '-')}`, oneLine(bytes), signal)
    files.push({ ...content, name })
  }
  return files
}

/** Puts them where they belong; only their owner may read them. */
export async function restoreDataFile(folder: string, dataDir: string, file: DataFile): Promise<void> {
  const lines: Buffer[] = []
  for await (const group of readLinesOf(folder, file)) lines.push(...group)
  const path = join(dataDir, file.name)
  if (dirname(path) !== dataDir) await mkdir(dirname(path), { recursive: true, mode: PRIVATE_FOLDER })
  await replaceFile(path, Buffer.from(Buffer.concat(lines).toString('latin1'), 'base64'))
  await chmod(path, PRIVATE_FILE)
}

async function* oneLine(bytes: Buffer): AsyncGenerator<Buffer> {
  yield Buffer.from(`${bytes.toString('base64')}\n`)
}

async function namesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name)
}
