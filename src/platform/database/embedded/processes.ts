import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const POLL_MS = 10

/** True while the number is taken, be it by a zombie. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, and belongs to another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** True while a process has this number and is not a zombie, which answers signals and does nothing else. */
export function isAlive(pid: number): boolean {
  return exists(pid) && statOf(pid)?.state !== 'Z'
}

/** Tells a process from an older one with its number; empty where the system does not say. */
export function startOf(pid: number): string {
  return statOf(pid)?.startedAt ?? ''
}

/** What the program of a process is called; undefined where the system does not say. */
export function nameOf(pid: number): string | undefined {
  return statOf(pid)?.name
}

/** True when the process is gone in time. */
export async function isGoneWithin(pid: number, timeoutMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + timeoutMs
  while (isAlive(pid)) {
    if (performance.now() > deadlineMs) return false
    await delay(POLL_MS)
  }
  return true
}

/** Of Linux only. The name stands in parentheses and may hold anything; the fields are counted behind it. */
function statOf(pid: number) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const nameEnd = stat.lastIndexOf(')')
    const fields = stat.slice(nameEnd + 2).split(' ')
    return {
      name: stat.slice(stat.indexOf('(') + 1, nameEnd),
      state: fields[0] ?? '',
      startedAt: fields[19] ?? '',
    }
  } catch {
    return undefined
  }
}
