/** The thread that owns the event store: the only one that writes it, and the one that answers what is in it. */
import { parentPort, workerData } from 'node:worker_threads'
import { openLogStore, serveLogStore } from './events/log/index.ts'
import { AppError } from './kernel/index.ts'
import type { StoreThreadData, StoreThreadMessage } from './thread-messages.ts'

// Started by `stoa-threads.ts` only, which hands this in.
const { options, ports } = workerData as StoreThreadData
const say = (message: StoreThreadMessage): void => parentPort?.postMessage(message)

say({ say: 'loaded' })
try {
  const store = await openLogStore({ ...options, notify: (notice) => say({ say: 'notice', notice }) })
  serveLogStore(store, ports, () => parentPort?.close())
  say({ say: 'ready' })
} catch (error) {
  const code = error instanceof AppError ? error.code : 'INTERNAL'
  say({ say: 'failed', code, message: error instanceof Error ? error.message : String(error) })
}
