/** Which relays are measured, and how each is started. */
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { type BenchOptions, UsageError } from './options.ts'
import { findFreePort } from './relay-process.ts'

/** A relay that the bench starts on an empty data folder, and stops. */
export interface StartedContestant {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly url: string
  /** Folder whose size on disk is measured. */
  readonly dataDir: string | undefined
  /** Command that empties its data, run before each start and after each stop. */
  readonly cleanup: readonly string[] | undefined
}

/** A relay that someone else runs. */
export interface RunningContestant {
  readonly name: string
  readonly url: string
  readonly pid: number | undefined
}

export type Contestant = StartedContestant | RunningContestant

const peersSchema = z.array(
  z.strictObject({
    name: z.string().min(1),
    command: z.string().min(1),
    args: z.array(z.string()).default([]),
    url: z.url({ protocol: /^ws$/ }),
    dataDir: z.string().optional(),
    cleanup: z.array(z.string()).min(1).optional(),
  }),
)

/** Ours or the one at `--url` first, then the peers in the order asked for. */
export async function chooseContestants(
  options: BenchOptions,
  repositoryRoot: string,
): Promise<Contestant[]> {
  const first = options.skipOwn ? [] : [await firstContestant(options, repositoryRoot)]
  return [...first, ...choosePeers(options)]
}

async function firstContestant(
  { url, pid, configFile }: BenchOptions,
  repositoryRoot: string,
): Promise<Contestant> {
  if (url !== undefined) return { name: new URL(url).host, url, pid }
  const port = await findFreePort()
  const dataDir = join(tmpdir(), `stoa-bench-data-${process.pid}`)
  return {
    name: 'stoa',
    command: process.execPath,
    args: [
      join(repositoryRoot, 'src/main.ts'),
      'start',
      '--data',
      dataDir,
      '--port',
      String(port),
      ...(configFile === undefined ? [] : ['--config', configFile]),
    ],
    url: `ws://127.0.0.1:${port}/`,
    dataDir,
    cleanup: ['rm', '-rf', dataDir],
  }
}

function choosePeers({ peersFile, peerNames }: BenchOptions): StartedContestant[] {
  if (peersFile === undefined) return []
  const peers = readPeers(peersFile)
  return peerNames.map((name) => {
    const peer = peers.find((candidate) => candidate.name === name)
    if (peer !== undefined) return { ...peer, dataDir: peer.dataDir, cleanup: peer.cleanup }
    throw new UsageError(`${peersFile} has no "${name}"; it has ${peers.map((one) => one.name).join(', ')}.`)
  })
}

function readPeers(path: string) {
  try {
    return peersSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error)
    throw new UsageError(`${path} is not a list of peers: ${why}`)
  }
}
