import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const FOLDERS = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin', ...(process.env.PATH ?? '').split(':')]

/** Where this machine has redis-server, if it has. */
const program = FOLDERS.map((folder) => join(folder, 'redis-server')).find((path) => existsSync(path))

/** Say it aloud: a suite that is skipped in silence looks like one that passed. */
if (program === undefined) console.warn('SKIPPED: tests with Redis, since redis-server is not installed here')

export const isRedisInstalled = program !== undefined

/** A real Redis of a test's own, that keeps nothing on disk. */
export interface TestRedis {
  readonly url: string
  /** Kills it as the kernel would; what it held is gone. */
  kill(): Promise<void>
  /** Starts it again on the same port, empty. */
  start(): Promise<void>
  /** Stops it from doing anything while its connections stay open. */
  freeze(): void
  thaw(): void
  dispose(): Promise<void>
}

export interface TestRedisOptions {
  readonly password?: string
}

export async function startTestRedis({ password }: TestRedisOptions = {}): Promise<TestRedis> {
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'stoa-redis-'))
  let server: ChildProcess | undefined
  const start = async () => {
    server = spawn(program ?? 'redis-server', argumentsFor(port, folder, password), { stdio: 'ignore' })
    await untilListening(port)
  }
  const kill = async () => {
    const dying = server
    if (dying === undefined || dying.exitCode !== null || dying.signalCode !== null) return
    const exited = once(dying, 'exit')
    dying.kill('SIGKILL')
    await exited
  }
  await start()
  return {
    url: `redis://${password === undefined ? '' : `:${password}@`}127.0.0.1:${port}`,
    kill,
    start,
    freeze: () => server?.kill('SIGSTOP'),
    thaw: () => server?.kill('SIGCONT'),
    dispose: async () => {
      await kill()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function argumentsFor(port: number, folder: string, password: string | undefined): readonly string[] {
  const own = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
    '--appendonly',
    'no',
  ]
  return password === undefined ? own : [...own, '--requirepass', password]
}

async function freePort(): Promise<number> {
  const probe = createServer()
  probe.listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new TypeError('a TCP port was asked for')
  return address.port
}

async function untilListening(port: number): Promise<void> {
  while (!(await accepts(port))) await delay(10)
}

function accepts(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(port, '127.0.0.1')
  socket.once('connect', () => resolve(true))
  socket.once('error', () => resolve(false))
  return promise.finally(() => socket.destroy())
}
