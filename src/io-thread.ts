/** A thread that owns sockets: accepts, reads, checks signatures, sends. The store is another thread's. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parentPort, workerData } from 'node:worker_threads'
import { RemoteStore } from './events/log/index.ts'
import { AppError } from './kernel/index.ts'
import { createSignatureVerifier, proxyToSocket, proxyUpgradeToSocket } from './platform/index.ts'
import {
  createThreadBus,
  openWaitingRoom,
  type Relay,
  type RelayHost,
  type RelayStats,
  startRelay,
} from './relay/index.ts'
import { answerCall, ThreadCaller } from './thread-calls.ts'
import type { IoThreadCommand, IoThreadData, IoThreadMessage } from './thread-messages.ts'

const STATS_INTERVAL_MS = 1_000
/** How often it is looked how late the event loop is. */
const DELAY_RESOLUTION_MS = 20

// Started by `stoa-threads.ts` only, which hands this in.
const data = workerData as IoThreadData
const say = (message: IoThreadMessage): void => parentPort?.postMessage(message)

const store = new RemoteStore(data.store)
const bus = createThreadBus(data.bus)
const mainThread = new ThreadCaller((call) => say({ say: 'call', ...call }))

try {
  const waitingRoom = data.waits ? await openWaitingRoom(data.settings) : undefined
  if (waitingRoom !== undefined) say({ say: 'waiting' })
  await store.ready
  const verifier = await createSignatureVerifier(data.settings.verifier)
  const { settings, access, version, self, offeredNips, connectionPrefix, reusePort } = data
  const relay = await startRelay({
    settings,
    access,
    version,
    self,
    offeredNips,
    connectionPrefix,
    reusePort,
    waitingRoom,
    store,
    verifier,
    bus,
    host: hostBy(mainThread),
    fallback: proxyToSocket(data.applicationSocket),
    upgradeFallback: proxyUpgradeToSocket(data.applicationSocket),
    notify: (notice) => say({ say: 'notice', notice }),
  })
  const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
  delays.enable()
  const stats = setInterval(() => {
    say({ say: 'stats', stats: statsOf(relay), delaySeconds: worstDelay(delays) })
    delays.reset()
  }, STATS_INTERVAL_MS)
  parentPort?.on('message', (command: IoThreadCommand) => void follow(command, relay, stats))
  say({ say: 'ready', port: relay.port, verifier: verifier.name })
} catch (error) {
  const code = error instanceof AppError ? error.code : 'INTERNAL'
  say({ say: 'failed', code, message: error instanceof Error ? error.message : String(error) })
  // An open channel would keep this thread alive, and the process with it.
  bus.close()
  await store.close()
}

/** What the relay says, and what waits between this thread and the others. */
function statsOf(relay: Relay): RelayStats {
  const stats = relay.stats()
  const between = { 'store-requests': store.waiting, 'main-thread-calls': mainThread.waiting }
  return { ...stats, queues: { ...stats.queues, ...between } }
}

/** How late the event loop was at worst since the last look; the look itself comes at an interval. */
function worstDelay(delays: ReturnType<typeof monitorEventLoopDelay>): number {
  return Math.max(0, delays.max / 1e9 - DELAY_RESOLUTION_MS / 1_000)
}

async function follow(command: IoThreadCommand, relay: Relay, stats: NodeJS.Timeout): Promise<void> {
  switch (command.do) {
    case 'stop':
      await stop(relay, stats)
      return
    case 'answer':
      mainThread.receive(command)
      return
    case 'call': {
      const { obey, connections } = relay
      const answer = await answerCall(
        { obey: obey.bind(relay), connections: connections.bind(relay) },
        command,
      )
      say({ say: 'answer', ...answer })
    }
  }
}

/** The rest of the program is in the main thread; both sides share the type, which the channel between them forgets. */
function hostBy(caller: ThreadCaller): RelayHost {
  const ask = <Name extends keyof RelayHost>(name: Name, ...args: Parameters<RelayHost[Name]>) =>
    caller.ask(name, args) as ReturnType<RelayHost[Name]>
  return {
    claimAuthEvent: (id, untilSeconds) => ask('claimAuthEvent', id, untilSeconds),
    hold: (event, why) => ask('hold', event, why),
    membership: (event) => ask('membership', event),
    invite: (pubkeys) => ask('invite', pubkeys),
  }
}

async function stop(relay: Relay, stats: NodeJS.Timeout): Promise<void> {
  clearInterval(stats)
  await relay.stop()
  bus.close()
  await store.close()
  say({ say: 'stopped' })
  parentPort?.close()
}
