/** The relay spread over threads: one for the store, some for sockets; the main thread keeps the application. */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { type LogStoreOptions, RemoteStore, type StoreNotice } from './events/log/index.ts'
import { AppError, ERROR_CODES, type ErrorCode } from './kernel/index.ts'
import { type RelaySettings, type RelayStats, requireFreePort, sumStats } from './relay/index.ts'
import type {
  IoThreadCommand,
  IoThreadData,
  IoThreadMessage,
  StoreThreadData,
  StoreThreadMessage,
} from './thread-messages.ts'

export interface ThreadedRelayOptions {
  readonly settings: RelaySettings
  readonly version: string
  readonly ioThreads: number
  readonly store: Omit<LogStoreOptions, 'notify' | 'nowMs'>
  readonly applicationSocket: string
  readonly notify: (notice: StoreNotice) => void
  /** A thread died; the process cannot go on. */
  readonly onCrash: (thread: string, error: Error) => void
}

export interface ThreadedRelay {
  readonly port: number
  readonly store: RemoteStore
  /** Name of the signature verifier. */
  readonly verifier: string
  stats(): RelayStats
  stop(): Promise<void>
}

interface StoreThread {
  /** The main thread's line to the store. */
  readonly own: RemoteStore
  /** The I/O threads' lines. */
  readonly ports: readonly MessagePort[]
  readonly worker: Worker
  /** Resolves when the store has recovered; rejects with what opening it throws. */
  readonly ready: Promise<void>
}

/** Starts the thread that opens and owns the store. */
function startStoreThread(options: ThreadedRelayOptions): StoreThread {
  const channels = Array.from({ length: options.ioThreads + 1 }, () => new MessageChannel())
  const theirs = channels.map(({ port1 }) => port1)
  const [own, ...ports] = channels.map(({ port2 }) => port2)
  const worker = new Worker(new URL('./store-thread.ts', import.meta.url), {
    workerData: { options: options.store, ports: theirs } satisfies StoreThreadData,
    transferList: theirs,
    name: 'store',
  })
  const ready = new Promise<void>((resolve, reject) => {
    worker.once('error', (error: Error) => reject(error))
    worker.on('message', (message: StoreThreadMessage) => {
      if (message.say === 'notice') options.notify(message.notice)
      else if (message.say === 'ready') resolve()
      else reject(toAppError(message.code, message.message))
    })
  })
  return { own: new RemoteStore(own!), ports, worker, ready }
}

/** Starts the store thread and the I/O threads, all on one port. */
export async function startThreadedRelay(options: ThreadedRelayOptions): Promise<ThreadedRelay> {
  if (options.ioThreads > 1) await requireFreePort(options.settings)
  const { own: store, ports, worker: storeWorker, ready } = startStoreThread(options)
  let isStopping = false
  const crashed = (thread: string) => (error: Error) => {
    if (!isStopping) options.onCrash(thread, error)
  }
  const settings = shareOf(options.settings, ports.length)
  // They load their code while the store recovers, and open the port when it has.
  const starting = startIoThreads({ ...options, settings }, ports, crashed('relay'))
  // It may fail while the store is still awaited; the failure is met below.
  starting.catch(() => {})
  try {
    await ready
    storeWorker.on('error', crashed('store'))
    storeWorker.on('exit', (code) => crashed('store')(new Error(`it ended with code ${code}`)))
    const threads = await starting
    await store.ready
    const { port, verifier } = threads[0]!
    return {
      port,
      verifier,
      store,
      stats: () => sumStats(threads.map((thread) => thread.stats)),
      stop: async () => {
        isStopping = true
        await Promise.all(threads.map((thread) => thread.stop()))
        await store.closeStore()
      },
    }
  } catch (error) {
    isStopping = true
    // Whichever part failed, the others must not keep the process alive, nor the store its lock.
    await ready.then(
      () => store.closeStore(),
      () => storeWorker.terminate(),
    )
    await starting.then(
      (threads) => Promise.all(threads.map((thread) => thread.stop())),
      () => {},
    )
    throw error
  }
}

/** With port 0 the first thread takes any free one and the others join it; else they all start at once. */
async function startIoThreads(
  options: ThreadedRelayOptions,
  ports: readonly MessagePort[],
  onCrash: (error: Error) => void,
): Promise<readonly IoThread[]> {
  if (options.settings.port !== 0) {
    return Promise.all(ports.map((port) => startIoThread(options, port, onCrash)))
  }
  const first = await startIoThread(options, ports[0]!, onCrash)
  const settings = { ...options.settings, port: first.port }
  const others = ports.slice(1).map((port) => startIoThread({ ...options, settings }, port, onCrash))
  return [first, ...(await Promise.all(others))]
}

/** What one of several threads may hold of what the relay may hold: the system spreads connections evenly. */
function shareOf(settings: RelaySettings, threads: number): RelaySettings {
  return { ...settings, maxConnections: Math.ceil(settings.maxConnections / threads) }
}

interface IoThread {
  readonly port: number
  readonly verifier: string
  stats: RelayStats
  stop(): Promise<void>
}

function startIoThread(
  { settings, version, applicationSocket, ioThreads }: ThreadedRelayOptions,
  store: MessagePort,
  onCrash: (error: Error) => void,
): Promise<IoThread> {
  const data: IoThreadData = {
    settings,
    version,
    store,
    applicationSocket,
    bus: `stoa-live-${process.pid}`,
    reusePort: ioThreads > 1,
  }
  const worker = new Worker(new URL('./io-thread.ts', import.meta.url), {
    workerData: data,
    transferList: [store],
    name: 'relay',
  })
  const stopped = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  return new Promise((resolve, reject) => {
    let thread: IoThread | undefined
    worker.on('error', (error: Error) => {
      reject(error)
      if (thread !== undefined) onCrash(error)
    })
    worker.on('exit', (code) => {
      const error = new Error(`it ended with code ${code}`)
      reject(error)
      onCrash(error)
    })
    worker.on('message', (message: IoThreadMessage) => {
      switch (message.say) {
        case 'ready':
          thread = {
            port: message.port,
            verifier: message.verifier,
            stats: sumStats([]),
            stop: () => {
              worker.postMessage({ do: 'stop' } satisfies IoThreadCommand)
              return stopped
            },
          }
          resolve(thread)
          return
        case 'stats':
          if (thread !== undefined) thread.stats = message.stats
          return
        case 'failed':
          reject(toAppError(message.code, message.message))
          return
        case 'stopped':
      }
    })
  })
}

/** Errors lose their class between threads; the code brings it back. */
function toAppError(code: string, message: string): Error {
  return code in ERROR_CODES ? new AppError(code as ErrorCode, message) : new Error(message)
}
