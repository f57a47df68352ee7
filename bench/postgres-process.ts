import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ProcessMeter } from './process-meter.ts'

const START_TIMEOUT_MS = 20_000

export interface PostgresProcess {
  readonly url: string
  /** Processor time of the server and its children; undefined when it cannot be read. */
  cpuSeconds(): number | undefined
  stop(): Promise<void>
}

/**
 * Starts Debian's PostgreSQL with its usual settings (it waits for the disk at each commit) in a temporary folder that is
 * removed afterwards.
 */
export async function startPostgres(): Promise<PostgresProcess> {
  const bin = ['15', '16', '17', '18']
    .map((major) => `/usr/lib/postgresql/${major}/bin`)
    .find((folder) => existsSync(join(folder, 'initdb')))
  if (bin === undefined) throw new Error('PostgreSQL is not in /usr/lib/postgresql; give one with --url')
  const folder = mkdtempSync(join(tmpdir(), 'stoa-bench-postgres-'))
  // PostgreSQL refuses to run as root; then it runs as nobody.
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : undefined
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  const made = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'stoa', '-A', 'trust', '-E', 'UTF8', '--locale=C'],
    {
      ...user,
      cwd: folder,
    },
  )
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`)
  const child = spawn(join(bin, 'postgres'), ['-D', data, '-k', folder, '-c', 'listen_addresses='], {
    ...user,
    cwd: folder,
    stdio: 'ignore',
  })
  // However this ends, the server is not to be left behind.
  process.once('exit', () => child.kill('SIGINT'))
  const startedMs = performance.now()
  while (!existsSync(join(folder, '.s.PGSQL.5432'))) {
    if (performance.now() - startedMs > START_TIMEOUT_MS) throw new Error('PostgreSQL did not start')
    await delay(50)
  }
  await delay(500)
  const meter = new ProcessMeter(child.pid ?? 0)
  return {
    cpuSeconds: () => meter.read()?.cpuSeconds,
    url: `postgres://stoa@/postgres?host=${encodeURIComponent(folder)}`,
    stop: async () => {
      child.kill('SIGINT')
      await once(child, 'exit')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
