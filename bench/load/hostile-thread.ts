/** Hostile clients in a thread of their own, so that what they read and write does not delay the clocks of the honest ones. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { createContext } from './bench-context.ts'
import { HostileClients } from './hostile-clients.ts'
import type { LoadSetup } from './job.ts'

interface Assignment {
  readonly setup: LoadSetup
  readonly count: number
}

export class HostileThread {
  readonly #worker: Worker

  private constructor(worker: Worker) {
    this.#worker = worker
  }

  /** Resolves when all of them are connected and at it. */
  static async start(setup: LoadSetup, count: number): Promise<HostileThread> {
    const assignment: Assignment = { setup, count }
    const worker = new Worker(new URL(import.meta.url), { workerData: assignment })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    worker.once('message', () => resolve()).once('error', reject)
    await promise
    return new HostileThread(worker)
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}

if (!isMainThread && isAssignment(workerData)) {
  const { setup, count } = workerData
  await new HostileClients(createContext(setup), count).start()
  parentPort?.postMessage('started')
}

function isAssignment(data: unknown): data is Assignment {
  return typeof data === 'object' && data !== null && 'setup' in data && 'count' in data
}
