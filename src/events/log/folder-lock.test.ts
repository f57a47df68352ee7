import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { AppError } from '../../kernel/index.ts'
import { lockFolder } from './folder-lock.ts'
import { temporaryFolder } from './testing.ts'

let folder: string
let path: string

beforeEach(() => {
  folder = temporaryFolder()
  path = join(folder, 'lock')
})

afterEach(() => rmSync(folder, { recursive: true }))

test('a folder is taken once, and can be taken again when it is released', () => {
  const lock = lockFolder(folder)
  expect(lockedBy()).toBe(process.pid)
  lock.release()
  lockFolder(folder).release()
  expect(readdirSync(folder)).toEqual([])
})

test('a folder that another process lives in is refused, and its lock is left alone', async () => {
  const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log("up")'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  try {
    await once(other.stdout, 'data')
    const claim = JSON.stringify({ pid: other.pid, startedAt: startOf(other.pid!) })
    writeFileSync(path, claim)
    expect(lockedBy()).toBe(other.pid)
    expect(readFileSync(path, 'utf8')).toBe(claim)
  } finally {
    other.kill('SIGKILL')
    await once(other, 'exit')
  }
  // The same file, now left by a dead process.
  lockFolder(folder).release()
})

test.runIf(existsSync('/proc/1/stat'))(
  'a process that has the number of a dead owner is not taken for it',
  () => {
    writeFileSync(path, JSON.stringify({ pid: process.pid, startedAt: '1' }))
    lockFolder(folder).release()
    writeFileSync(path, JSON.stringify({ pid: process.ppid, startedAt: 'long ago' }))
    lockFolder(folder).release()
  },
)

test.runIf(existsSync('/proc/1/stat'))(
  'a process that is dead, but not yet buried, holds nothing',
  async () => {
    // What the shell turns into never asks for its child, as some programs that a container starts first.
    const parent = spawn('/bin/sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 20'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    try {
      const pid = Number(String((await once(parent.stdout, 'data'))[0]))
      const startedAt = startOf(pid)
      await vi.waitFor(() => expect(readFileSync(`/proc/${pid}/stat`, 'latin1')).toContain(') Z '), 5_000)
      writeFileSync(path, JSON.stringify({ pid, startedAt }))
      lockFolder(folder).release()
    } finally {
      parent.kill('SIGKILL')
    }
  },
)

test.each(['', '{', 'null', '[]', '{"pid":"1"}', '{"startedAt":"1"}'])(
  'a lock file with the content %j is nobody’s',
  (content) => {
    writeFileSync(path, content)
    lockFolder(folder).release()
  },
)

test('releasing does not take away the lock of somebody else', () => {
  const lock = lockFolder(folder)
  const theirs = JSON.stringify({ pid: 1, startedAt: '' })
  writeFileSync(path, theirs)
  lock.release()
  expect(readFileSync(path, 'utf8')).toBe(theirs)
})

test('of many processes that find the lock of a dead one, exactly one gets the folder', async () => {
  writeFileSync(path, JSON.stringify({ pid: process.pid, startedAt: '1' }))
  const script = `
    import { lockFolder } from ${JSON.stringify(new URL('./folder-lock.ts', import.meta.url).href)}
    const startMs = Number(process.argv[2])
    while (Date.now() < startMs) {}
    try { lockFolder(process.argv[1]); console.log('mine'); setInterval(() => {}, 1000) }
    catch (error) { console.log(error.code) }
  `
  const startMs = String(Date.now() + 1_500)
  const contenders = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--input-type=module', '-e', script, folder, startMs], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  )
  try {
    const words = await Promise.all(
      contenders.map(async ({ stdout }) => String((await once(stdout, 'data'))[0]).trim()),
    )
    expect(words.toSorted()).toEqual(['STORE_LOCKED', 'STORE_LOCKED', 'STORE_LOCKED', 'mine'])
  } finally {
    for (const contender of contenders) contender.kill('SIGKILL')
  }
})

/** The process that the refusal names. */
function lockedBy(): unknown {
  try {
    lockFolder(folder)
  } catch (error) {
    if (error instanceof AppError && error.code === 'STORE_LOCKED') return error.facts.pid
    throw error
  }
  return 'nobody'
}

function startOf(pid: number): string {
  if (!existsSync(`/proc/${pid}/stat`)) return ''
  return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[19] ?? ''
}
