import { randomUUID } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../kernel/index.ts'

export interface FolderLock {
  release(): void
}

/**
 * Takes a data folder for this process alone, by a file that names its owner. A file left by a process that
 * died is recognised and taken over. Throws `STORE_LOCKED` when another process lives in the folder.
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, 'lock')
  const claim = JSON.stringify({
    pid: process.pid,
    startedAt: lookUp(process.pid)?.startedAt ?? '',
  } satisfies Owner)
  for (let attempt = 0; attempt < 3; attempt++) {
    if (create(path, claim)) return { release: () => release(path, claim) }
    const found = read(path)
    const owner = found === undefined ? undefined : parseOwner(found)
    if (owner !== undefined && isAlive(owner)) {
      throw new AppError('STORE_LOCKED', `The event store in ${folder} is in use by process ${owner.pid}.`, {
        facts: { folder, pid: owner.pid },
      })
    }
    if (found !== undefined) clearAway(path, found)
  }
  throw new AppError('STORE_LOCKED', `The event store in ${folder} is being opened by another process.`)
}

/** The process that has this data folder open; undefined when none has. */
export function folderOwner(folder: string): number | undefined {
  const found = read(join(folder, 'lock'))
  const owner = found === undefined ? undefined : parseOwner(found)
  return owner !== undefined && isAlive(owner) ? owner.pid : undefined
}

interface Owner {
  readonly pid: number
  /** Tells this process from an older one with the same number; empty where the system does not say. */
  readonly startedAt: string
}

/** Makes the file with its content in one step, so that nobody ever sees it without; false when there is one. */
function create(path: string, claim: string): boolean {
  const draft = `${path}.${randomUUID()}`
  writeFileSync(draft, claim)
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') return false
    if (code === 'EROFS' || code === 'EACCES' || code === 'ENOSPC') throw error
    // A file system without hard links: then in two steps.
    return createInTwoSteps(path, claim)
  } finally {
    rmSync(draft, { force: true })
  }
}

function createInTwoSteps(path: string, claim: string): boolean {
  try {
    writeFileSync(path, claim, { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Removes a dead owner's file, and only that: between looking and removing somebody else may have done the same
 * and put a file of its own in its place.
 */
function clearAway(path: string, found: string): void {
  const aside = `${path}.${randomUUID()}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (read(aside) === found) rmSync(aside, { force: true })
  else renameSync(aside, path)
}

function release(path: string, claim: string): void {
  if (read(path) === claim) rmSync(path, { force: true })
}

function parseOwner(text: string): Owner | undefined {
  try {
    const { pid, startedAt } = JSON.parse(text) as Partial<Owner>
    return typeof pid === 'number' ? { pid, startedAt: startedAt ?? '' } : undefined
  } catch {
    // Nobody writes such a thing here: it is nobody's.
    return undefined
  }
}

function isAlive({ pid, startedAt }: Owner): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives, and belongs to another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const now = lookUp(pid)
  // A zombie answers signals and does nothing else: it waits for a parent that may never ask for it.
  if (now?.state === 'Z') return false
  return now === undefined || startedAt === '' || now.startedAt === startedAt
}

/** What Linux tells of a process: its state as a letter, its start in clock ticks since boot. Undefined elsewhere. */
function lookUp(pid: number): { readonly state: string; readonly startedAt: string } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name in parentheses may hold anything; the fields are counted behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { state: fields[0] ?? '', startedAt: fields[19] ?? '' }
  } catch {
    return undefined
  }
}
