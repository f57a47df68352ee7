import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DataFolder, initialise } from '../embedded/index.ts'

/**
 * Puts a fresh cluster into a folder: a copy of one that `initdb` made earlier and that waits in the system's temporary
 * folder, since to make it anew for each test file takes most of a second.
 */
export async function copyPreparedCluster(data: DataFolder): Promise<void> {
  const cluster = await preparedCluster(data)
  // It keeps owners and modes, which Node's own copy does not.
  execFileSync('cp', ['-a', cluster, data.folder])
}

async function preparedCluster({ program, user }: DataFolder): Promise<string> {
  const { size, mtimeMs } = statSync(program.postgres)
  const owner = process.getuid?.() ?? 0
  const name = createHash('sha256').update(`${program.postgres} ${size} ${mtimeMs} ${owner}`).digest('hex')
  const home = join(tmpdir(), `stoa-test-cluster-${name.slice(0, 12)}`)
  const cluster = join(home, 'cluster')
  if (!existsSync(cluster)) {
    const draft = join(home, `draft-${process.pid}`)
    // Older servers change folders when they start, and must be able to come back: others may pass, and see nothing.
    mkdirSync(draft, { recursive: true, mode: 0o711 })
    await initialise({ program, user, folder: join(draft, 'cluster') })
    try {
      renameSync(join(draft, 'cluster'), cluster)
    } catch (error) {
      // Another test process was quicker.
      if (!existsSync(cluster)) throw error
    } finally {
      rmSync(draft, { recursive: true, force: true })
    }
  }
  if (lstatSync(home).uid !== owner) throw new Error(`${home} belongs to somebody else`)
  return cluster
}
