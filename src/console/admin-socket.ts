/** The door for the command line: HTTP over a Unix socket that only this user can open. */
import { chmod, lstat, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { AppError } from '../kernel/index.ts'
import { adminPathFile, adminSocketIn } from './admin-place.ts'

export interface AdminSocket {
  readonly path: string
  /** Finishes open requests, and takes the socket away unless somebody else has put theirs in its place. */
  close(): Promise<void>
}

/**
 * Opens the socket of a data folder. One that was left there is replaced: the folder is locked by now, so it belongs
 * to a process that is gone, or to one that is going and has handed over.
 *
 * @throws AppError CONSOLE_LISTEN_FAILED
 */
export async function openAdminSocket(dataDir: string, handle: RequestListener): Promise<AdminSocket> {
  try {
    const inFolder = adminSocketIn(dataDir)
    if (process.platform === 'win32' && inFolder !== undefined) return await openPipe(inFolder, handle)
    return inFolder === undefined ? await openElsewhere(dataDir, handle) : await openAt(inFolder, handle)
  } catch (cause) {
    throw new AppError('CONSOLE_LISTEN_FAILED', `The socket for stoa admin cannot be opened in ${dataDir}.`, {
      cause,
      facts: { dataDir },
    })
  }
}

async function openPipe(path: string, handle: RequestListener): Promise<AdminSocket> {
  const server = await listen(path, handle)
  return { path, close: () => closeServer(server) }
}

/**
 * Listens in a new folder that is this user's alone, and moves the socket to its place when nobody else can open it any
 * more. Whoever looks there finds the old one or the new one, never none.
 */
async function openAt(path: string, handle: RequestListener): Promise<AdminSocket> {
  // Its name and the draft's are together no longer than that of the place, so the draft fits where that does.
  const folder = await mkdtemp(join(dirname(path), '.a'))
  const draft = join(folder, 's')
  const server = await listen(draft, handle)
  await chmod(draft, 0o600)
  await rename(draft, path)
  await rm(folder, { recursive: true, force: true })
  await rm(adminPathFile(dirname(path)), { force: true })
  const { ino } = await lstat(path)
  return {
    path,
    close: async () => {
      await closeServer(server)
      const there = await lstat(path).catch(() => undefined)
      if (there?.ino === ino) await rm(path, { force: true })
    },
  }
}

async function openElsewhere(dataDir: string, handle: RequestListener): Promise<AdminSocket> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-admin-'))
  const path = join(folder, 'admin.sock')
  const server = await listen(path, handle)
  await chmod(path, 0o600)
  const pathFile = adminPathFile(resolve(dataDir))
  await writeFile(pathFile, `${path}\n`, { mode: 0o600 })
  return {
    path,
    close: async () => {
      await closeServer(server)
      await rm(folder, { recursive: true, force: true })
      await rm(pathFile, { force: true })
    },
  }
}

function listen(path: string, handle: RequestListener): Promise<Server> {
  const server = createServer(handle)
  return new Promise((done, fail) => {
    server.once('error', fail)
    server.listen(path, () => {
      server.off('error', fail)
      done(server)
    })
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done())
    server.closeIdleConnections()
  })
}
