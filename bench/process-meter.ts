import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessUsage {
  /** Seconds of processor time, user and system, of every thread since the process began. */
  readonly cpuSeconds: number
  /** Resident memory in bytes. */
  readonly residentBytes: number
}

/**
 * Reads what a process and its children use, from Linux's /proc: processor time from each thread's `schedstat`,
 * in nanoseconds where `/proc/<pid>/stat` counts ticks of 10 ms. A thread that has ended counts with its last
 * reading. Elsewhere than on Linux `read` gives undefined.
 */
export class ProcessMeter {
  readonly #pid: number
  readonly #nanosByThread = new Map<string, number>()

  constructor(pid: number) {
    this.#pid = pid
  }

  /** Undefined when the process is gone or the system has no /proc. */
  read(): ProcessUsage | undefined {
    const pids = processTree(this.#pid)
    if (pids.length === 0) return undefined
    for (const pid of pids) this.#readThreads(pid)
    return {
      cpuSeconds: sum([...this.#nanosByThread.values()]) / 1e9,
      residentBytes: sum(pids.map(residentBytes)),
    }
  }

  #readThreads(pid: number): void {
    for (const thread of listOrNone(`/proc/${pid}/task`)) {
      const nanos = readOrEmpty(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0]
      if (nanos) this.#nanosByThread.set(thread, Number(nanos))
    }
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function processTree(pid: number): number[] {
  const threads = listOrNone(`/proc/${pid}/task`)
  if (threads.length === 0) return []
  const children = threads.flatMap((thread) => readOrEmpty(`/proc/${pid}/task/${thread}/children`).split(' '))
  return [pid, ...children.filter(Boolean).flatMap((child) => processTree(Number(child)))]
}

function residentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1]
  return Number(kibibytes ?? 0) * 1024
}

// Threads and processes end while they are being listed; what is gone has nothing more to add.
function listOrNone(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
