import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type AdminSocket, findAdminSocket, openAdminSocket } from './index.ts'

let folder = ''
const open: AdminSocket[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-console-'))
})

afterEach(async () => {
  for (const socket of open.splice(0)) await socket.close()
  rmSync(folder, { recursive: true, force: true })
})

async function start(answer: string, dataDir = folder): Promise<AdminSocket> {
  const socket = await openAdminSocket(dataDir, (_request, response) => void response.end(answer))
  open.push(socket)
  return socket
}

async function ask(dataDir = folder): Promise<string> {
  const socketPath = await findAdminSocket(dataDir)
  if (socketPath === undefined) return 'nobody'
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ socketPath, path: '/', agent: false }, resolve).on('error', reject)
  })
  return text(response)
}

describe.skipIf(process.platform === 'win32')('the admin socket', () => {
  test('is in the data folder, for this user only, and leaves nothing else there', async () => {
    const socket = await start('here')
    expect(socket.path).toBe(join(folder, 'admin.sock'))
    expect(statSync(socket.path).mode & 0o777).toBe(0o600)
    expect(await ask()).toBe('here')
    expect(readFolder(folder)).toEqual(['admin.sock'])
  })

  test('takes the place of one that was left by a crash', async () => {
    writeFileSync(join(folder, 'admin.sock'), 'left')
    writeFileSync(join(folder, 'admin.path'), '/nowhere\n')
    await start('here')
    expect(await ask()).toBe('here')
  })

  test('of a process that is going does not take that of its successor away', async () => {
    const going = await start('old')
    await start('new')
    await going.close()
    expect(await ask()).toBe('new')
  })

  test('is gone after it was closed', async () => {
    const socket = await start('here')
    await socket.close()
    expect(readFolder(folder)).toEqual([])
  })

  test('of a data folder too deep for one is elsewhere, in a place that is written down', async () => {
    const deep = join(folder, 'd'.repeat(60), 'e'.repeat(60))
    mkdirSync(deep, { recursive: true })
    const socket = await start('here', deep)
    expect(readFileSync(join(deep, 'admin.path'), 'utf8')).toBe(`${socket.path}\n`)
    expect(statSync(join(deep, 'admin.path')).mode & 0o777).toBe(0o600)
    expect(statSync(join(socket.path, '..')).mode & 0o777).toBe(0o700)
    expect(await ask(deep)).toBe('here')
    await socket.close()
    expect(existsSync(socket.path)).toBe(false)
    expect(await ask(deep)).toBe('nobody')
  })

  test('in a folder that is not there is a fault that names it', async () => {
    await expect(start('here', join(folder, 'missing'))).rejects.toMatchObject({
      code: 'CONSOLE_LISTEN_FAILED',
    })
  })
})

function readFolder(path: string): readonly string[] {
  return existsSync(path) ? readdirSync(path) : []
}
