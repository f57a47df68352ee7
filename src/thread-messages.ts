/** What the threads of one process are started with and tell each other, apart from the store's own traffic. */
import type { MessagePort } from 'node:worker_threads'
import type { LogStoreOptions, StoreNotice } from './events/log/index.ts'
import type { AccessListsData, PolicyNotice, RelaySettings, RelayStats } from './relay/index.ts'
import type { ThreadAnswer, ThreadCall } from './thread-calls.ts'

/** How busy a thread is. */
export interface ThreadLoad {
  /** `main`, `store`, `relay-0`, … */
  readonly name: string
  /** Since it started. */
  readonly busySeconds: number
  /** How late its event loop was at worst in the last second; undefined where that is not watched. */
  readonly delaySeconds: number | undefined
}

export interface StoreThreadData {
  readonly options: Omit<LogStoreOptions, 'notify' | 'nowMs'>
  /** One for each thread that uses the store. */
  readonly ports: readonly MessagePort[]
}

export type StoreThreadMessage =
  /** Its code is loaded; what it does next may take as long as there is to read. */
  | { readonly say: 'loaded' }
  | { readonly say: 'ready' }
  | { readonly say: 'notice'; readonly notice: StoreNotice }
  /** It could not open; `code` is that of an AppError. */
  | { readonly say: 'failed'; readonly code: string; readonly message: string }

export interface IoThreadData {
  readonly settings: RelaySettings
  readonly access: AccessListsData
  readonly version: string
  /** The relay's own key, hex; empty when it has none. */
  readonly self: string
  readonly offeredNips: readonly number[]
  readonly connectionPrefix: string
  /** The thread's end of its line to the store. */
  readonly store: MessagePort
  /** Name of the channel that new events cross on. */
  readonly bus: string
  /** Where the application answers everything that is not the relay's. */
  readonly applicationSocket: string
  readonly reusePort: boolean
  /** Open the port at once, beside the program that still has it, and let clients wait until the store is there. */
  readonly waits: boolean
}

export type IoThreadMessage =
  /** Its waiting room is open. */
  | { readonly say: 'waiting' }
  | { readonly say: 'ready'; readonly port: number; readonly verifier: string }
  /** `delaySeconds`: how late its event loop was at worst since the last time. */
  | { readonly say: 'stats'; readonly stats: RelayStats; readonly delaySeconds: number }
  | { readonly say: 'notice'; readonly notice: PolicyNotice }
  | { readonly say: 'stopped' }
  | { readonly say: 'failed'; readonly code: string; readonly message: string }
  /** It asks the relay's host (`RelayHost`). */
  | ({ readonly say: 'call' } & ThreadCall)
  /** It answers what the main thread has asked of it . */
  | ({ readonly say: 'answer' } & ThreadAnswer)

/** What the main thread tells an I/O thread. */
export type IoThreadCommand =
  | { readonly do: 'stop' }
  | ({ readonly do: 'call' } & ThreadCall)
  | ({ readonly do: 'answer' } & ThreadAnswer)
