/** The relay spread over threads: one for the store, some for sockets; the main thread keeps the application. */
import { setTimeout as delay } from 'node:timers/promises'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { type LogStoreOptions, RemoteStore, type StoreNotice } from './events/log/index.ts'
import { AppError, ERROR_CODES, type ErrorCode } from './kernel/index.ts'
import {
  type AccessListsData,
  type ConnectionFacts,
  createThreadBus,
  type LiveBus,
  type PolicyNotice,
  type RelayHost,
  type RelayOrder,
  type RelaySettings,
  type RelayStats,
  requireFreePort,
  type SharedSwitchesData,
  sumStats,
} from './relay/index.ts'
import { answerCall, ThreadCaller } from './thread-calls.ts'
import type {
  IoThreadCommand,
  IoThreadData,
  IoThreadMessage,
  StoreThreadData,
  StoreThreadMessage,
  ThreadLoad,
} from './thread-messages.ts'

export interface ThreadedRelayOptions {
  readonly settings: RelaySettings
  readonly access: AccessListsData
  readonly version: string
  /** The relay's own key, hex; empty when it has none. */
  readonly self: string
  readonly offeredNips: readonly number[]
  /** Tells this process from others of the same relay. */
  readonly processId: string
  readonly host: RelayHost
  readonly ioThreads: number
  readonly store: Omit<LogStoreOptions, 'notify' | 'nowMs'>
  readonly applicationSocket: string
  /** Has the program before make way; resolves when it is gone. */
  readonly vacate?: (() => Promise<void>) | undefined
  readonly notify: (notice: StoreNotice | PolicyNotice) => void
  /** A thread died; the process cannot go on. */
  readonly onCrash: (thread: string, error: Error) => void
}

export interface ThreadedRelay {
  readonly port: number
  readonly store: RemoteStore
  /** Name of the signature verifier. */
  readonly verifier: string
  /** The main thread's place among those that new events go to. */
  readonly bus: LiveBus
  stats(): RelayStats
  /** Of every thread but the main one. */
  loads(): readonly ThreadLoad[]
  /** Every thread obeys; resolves to how many connections were closed by it. */
  obey(order: RelayOrder): Promise<number>
  connections(): Promise<readonly ConnectionFacts[]>
  stop(): Promise<void>
}

interface IoThreadOptions extends ThreadedRelayOptions {
  /** Told of each thread that is made. */
  readonly onWorker: (worker: Worker) => void
  /** Told of each thread whose waiting room is open. */
  readonly onWaiting: () => void
}

interface StoreThread {
  /** The main thread's line to the store. */
  readonly own: RemoteStore
  readonly worker: Worker
  /** Resolves when the thread has come up. */
  readonly loaded: Promise<void>
  /** Resolves when the store has recovered; rejects with what opening it throws. */
  readonly ready: Promise<void>
}

/** A thread takes a fraction of a second to come up; one that takes longer will not come, and nobody should wait for it. */
const THREAD_START_TIMEOUT_MS = 25_000

/** Lines between the store's thread and those that use it. */
interface Lines {
  /** The ends of the store's thread. */
  readonly theirs: readonly MessagePort[]
  /** The end of the main thread. */
  readonly own: MessagePort
  /** The ends of the I/O threads. */
  readonly ports: readonly MessagePort[]
}

function openLines(ioThreads: number): Lines {
  const channels = Array.from({ length: ioThreads + 1 }, () => new MessageChannel())
  const [own, ...ports] = channels.map(({ port2 }) => port2)
  return { theirs: channels.map(({ port1 }) => port1), own: own!, ports }
}

/** Starts the thread that opens and owns the store. */
function startStoreThread(options: ThreadedRelayOptions, { theirs, own }: Lines): StoreThread {
  const worker = new Worker(new URL('./store-thread.ts', import.meta.url), {
    workerData: { options: options.store, ports: theirs } satisfies StoreThreadData,
    transferList: [...theirs],
    name: 'store',
  })
  const loaded = Promise.withResolvers<void>()
  const ready = new Promise<void>((resolve, reject) => {
    worker.once('error', (error: Error) => {
      loaded.resolve()
      reject(error)
    })
    worker.on('message', (message: StoreThreadMessage) => {
      if (message.say === 'notice') options.notify(message.notice)
      else if (message.say === 'loaded') loaded.resolve()
      else if (message.say === 'ready') resolve()
      else reject(toAppError(message.code, message.message))
    })
  })
  return { own: new RemoteStore(own), worker, loaded: loaded.promise, ready }
}

/** Starts the store thread and the I/O threads, all on one port. */
export async function startThreadedRelay(options: ThreadedRelayOptions): Promise<ThreadedRelay> {
  const { vacate, ioThreads } = options
  if (vacate === undefined) await requireFreePort(options.settings)
  const lines = openLines(ioThreads)
  const { ports } = lines
  let isStopping = false
  const crashed = (thread: string) => (error: Error) => {
    if (!isStopping) options.onCrash(thread, error)
  }
  const settings = shareOf(options.settings, ports.length)
  const gathered = Promise.withResolvers<void>()
  let waiting = 0
  const onWaiting = (): void => {
    if (++waiting === ioThreads) gathered.resolve()
  }
  // They load their code while the store recovers, and open the port when it has.
  const workers: Worker[] = []
  const onWorker = (worker: Worker): void => void workers.push(worker)
  const starting = startIoThreads({ ...options, settings, onWorker, onWaiting }, ports, crashed('relay'))
  // It may fail while the store is still awaited; the failure is met below.
  starting.catch(gathered.reject)
  gathered.promise.catch(() => {})
  if (vacate !== undefined) {
    await inTime(gathered.promise, 'relay')
    await vacate()
  }
  const { own: store, worker: storeWorker, loaded, ready } = startStoreThread(options, lines)
  try {
    await inTime(loaded, 'store')
    await ready
    storeWorker.on('error', crashed('store'))
    storeWorker.on('exit', (code) => crashed('store')(new Error(`it ended with code ${code}`)))
    const threads = await inTime(starting, 'relay')
    await store.ready
    const { port, verifier } = threads[0]!
    const bus = createThreadBus(busName())
    return {
      port,
      verifier,
      store,
      bus,
      stats: () => sumStats(threads.map((thread) => thread.stats)),
      loads: () => [
        { name: 'store', busySeconds: busySecondsOf(storeWorker), delaySeconds: undefined },
        ...threads.map((thread, index) => ({
          name: `relay-${index}`,
          busySeconds: thread.busySeconds(),
          delaySeconds: thread.delaySeconds,
        })),
      ],
      obey: async (order) => {
        const closed = await Promise.all(threads.map((thread) => thread.obey(shared(order, threads.length))))
        return closed.reduce((sum, count) => sum + count, 0)
      },
      connections: async () => (await Promise.all(threads.map((thread) => thread.connections()))).flat(),
      stop: async () => {
        isStopping = true
        await Promise.all(threads.map((thread) => thread.stop()))
        bus.close()
        await store.closeStore()
      },
    }
  } catch (error) {
    isStopping = true
    // Who waited in vain for a thread cannot wait for it to stop: the process ends, and it with it.
    if (error instanceof AppError && error.code === 'THREAD_NOT_STARTED') {
      storeWorker.unref()
      for (const worker of workers) worker.unref()
      throw error
    }
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
  options: IoThreadOptions,
  ports: readonly MessagePort[],
  onCrash: (error: Error) => void,
): Promise<readonly IoThread[]> {
  if (options.settings.port !== 0) {
    return Promise.all(ports.map((_, index) => startIoThread(options, ports, index, onCrash)))
  }
  const first = await startIoThread(options, ports, 0, onCrash)
  const settings = { ...options.settings, port: first.port }
  const others = ports
    .slice(1)
    .map((_, index) => startIoThread({ ...options, settings }, ports, index + 1, onCrash))
  return [first, ...(await Promise.all(others))]
}

/** What one of several threads may hold of what the relay may hold: the system spreads connections evenly. */
function shareOf(settings: RelaySettings, threads: number): RelaySettings {
  return { ...settings, maxConnections: Math.ceil(settings.maxConnections / threads) }
}

/** Limits of the whole relay are shared out in the settings of a running one too. */
function shared(order: RelayOrder, threads: number): RelayOrder {
  if (order.do === 'configure') return { ...order, settings: shareOf(order.settings, threads) }
  return order.do === 'switch' ? { ...order, switches: shareOfRoom(order.switches, threads) } : order
}

/** What other processes leave of the limit on all of them, shared out among the threads. */
function shareOfRoom(switches: SharedSwitchesData, threads: number): SharedSwitchesData {
  const { maxConnections, otherConnections } = switches
  if (maxConnections === 0) return switches
  const room = Math.max(0, maxConnections - otherConnections)
  return { ...switches, maxConnections: otherConnections + Math.ceil(room / threads) }
}

function busName(): string {
  return `stoa-live-${process.pid}`
}

interface IoThread {
  readonly port: number
  readonly verifier: string
  stats: RelayStats
  delaySeconds: number
  busySeconds(): number
  obey(order: RelayOrder): Promise<number>
  connections(): Promise<readonly ConnectionFacts[]>
  stop(): Promise<void>
}

function startIoThread(
  options: IoThreadOptions,
  ports: readonly MessagePort[],
  index: number,
  onCrash: (error: Error) => void,
): Promise<IoThread> {
  const { settings, access, version, self, offeredNips, processId, applicationSocket, vacate, host } = options
  const store = ports[index]!
  const data: IoThreadData = {
    // One of them is enough for the Unix socket, and only one can have it.
    settings: index === 0 ? settings : { ...settings, unixSocket: '' },
    access,
    version,
    self,
    offeredNips,
    connectionPrefix: `${processId}.${index}.`,
    store,
    applicationSocket,
    bus: busName(),
    // So that a successor can come in beside it, too.
    reusePort: process.platform === 'linux',
    waits: vacate !== undefined,
  }
  const worker = new Worker(new URL('./io-thread.ts', import.meta.url), {
    workerData: data,
    transferList: [store],
    name: 'relay',
  })
  options.onWorker(worker)
  const stopped = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  const tell = (command: IoThreadCommand): void => worker.postMessage(command)
  const relay = new ThreadCaller((call) => tell({ do: 'call', ...call }))
  const answerer = { ...host }
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
            delaySeconds: 0,
            busySeconds: () => busySecondsOf(worker),
            // Both sides share these types; only the channel between them forgets them.
            obey: (order) => relay.ask('obey', [order]) as Promise<number>,
            connections: () => relay.ask('connections', []) as Promise<readonly ConnectionFacts[]>,
            stop: () => {
              tell({ do: 'stop' })
              return stopped
            },
          }
          resolve(thread)
          return
        case 'stats':
          if (thread !== undefined) {
            thread.stats = message.stats
            thread.delaySeconds = message.delaySeconds
          }
          return
        case 'failed':
          reject(toAppError(message.code, message.message))
          return
        case 'waiting':
          options.onWaiting()
          return
        case 'notice':
          options.notify(message.notice)
          return
        case 'call':
          void answerCall(answerer, message).then((answer) => tell({ do: 'answer', ...answer }))
          return
        case 'answer':
          relay.receive(message)
          return
        case 'stopped':
      }
    })
  })
}

function busySecondsOf(worker: Worker): number {
  return worker.performance.eventLoopUtilization().active / 1_000
}

/** Throws `THREAD_NOT_STARTED` when it takes longer than a thread can take to come up. */
async function inTime<T>(starting: Promise<T>, thread: string): Promise<T> {
  const patience = new AbortController()
  const tooLate = delay(THREAD_START_TIMEOUT_MS, undefined, { signal: patience.signal }).then(() => {
    throw new AppError(
      'THREAD_NOT_STARTED',
      `The ${thread} thread has not come up within ${THREAD_START_TIMEOUT_MS / 1_000} seconds.`,
    )
  })
  try {
    return await Promise.race([starting, tooLate])
  } finally {
    tooLate.catch(() => {})
    patience.abort()
  }
}

/** Errors lose their class between threads; the code brings it back. */
function toAppError(code: string, message: string): Error {
  return code in ERROR_CODES ? new AppError(code as ErrorCode, message) : new Error(message)
}
