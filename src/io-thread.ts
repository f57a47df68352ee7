/** A thread that owns sockets: accepts, reads, checks signatures, sends. The store is another thread's. */
import { parentPort, workerData } from 'node:worker_threads'
import { RemoteStore } from './events/log/index.ts'
import { AppError } from './kernel/index.ts'
import { createSignatureVerifier, proxyToSocket } from './platform/index.ts'
import { createThreadBus, type Relay, startRelay } from './relay/index.ts'
import type { IoThreadCommand, IoThreadData, IoThreadMessage } from './thread-messages.ts'

const STATS_INTERVAL_MS = 1_000

// Started by `stoa-threads.ts` only, which hands this in.
const data = workerData as IoThreadData
const say = (message: IoThreadMessage): void => parentPort?.postMessage(message)

const store = new RemoteStore(data.store)
const bus = createThreadBus(data.bus)

try {
  await store.ready
  const verifier = await createSignatureVerifier(data.settings.verifier)
  const relay = await startRelay({
    settings: data.settings,
    store,
    verifier,
    bus,
    fallback: proxyToSocket(data.applicationSocket),
    version: data.version,
    reusePort: data.reusePort,
  })
  const stats = setInterval(() => say({ say: 'stats', stats: relay.stats() }), STATS_INTERVAL_MS)
  parentPort?.on('message', (command: IoThreadCommand) => {
    if (command.do === 'stop') void stop(relay, stats)
  })
  say({ say: 'ready', port: relay.port, verifier: verifier.name })
} catch (error) {
  const code = error instanceof AppError ? error.code : 'INTERNAL'
  say({ say: 'failed', code, message: error instanceof Error ? error.message : String(error) })
  // An open channel would keep this thread alive, and the process with it.
  bus.close()
  await store.close()
}

async function stop(relay: Relay, stats: NodeJS.Timeout): Promise<void> {
  clearInterval(stats)
  await relay.stop()
  bus.close()
  await store.close()
  say({ say: 'stopped' })
  parentPort?.close()
}
