/** What the bench asks of its load process, and what it gets back. Sent as messages between the two processes. */
import type { Target } from './connection.ts'

export interface LoadSetup {
  readonly target: Target
  /** The relay's process, when it runs here: its processor time and memory are read around each job. */
  readonly pid: number | undefined
  /** The core that the relay alone was pinned to, if it was. */
  readonly relayCore: number | undefined
  /** NDJSON of the events to store and to ask for. */
  readonly datasetPath: string
  /** How many of them the relay is to hold before anything is asked. */
  readonly storedCount: number
  /** NDJSON of notes kept for live delivery. */
  readonly livePath: string
  readonly realPath: string | undefined
}

export type RequestShape = 'authors20-kind1' | 'id' | 'ids20' | 'kind1' | 'e' | 'p'

export type Job =
  | {
      /** Publishes events `first` to `first + count` and waits for every OK. */
      readonly scenario: 'publish'
      readonly source: 'dataset' | 'real'
      readonly first: number
      readonly count: number
      readonly connections: number
      /** EVENTs sent and not yet answered, on each connection. */
      readonly window: number
      /** No more are sent after so long. */
      readonly timeoutSeconds: number
    }
  | {
      /** Asks for `seconds`, each connection keeping `window` requests open, and waits for the last answers. */
      readonly scenario: 'request'
      readonly verb: 'REQ' | 'COUNT'
      readonly shape: RequestShape
      readonly connections: number
      readonly window: number
      readonly seconds: number
    }
  | {
      /** Publishes notes at a steady rate, or all at once, while many subscriptions wait for them. */
      readonly scenario: 'fan-out'
      /** `all`: every subscription matches every note. `follow`: each wants 20 authors of 2,000. */
      readonly audience: 'all' | 'follow'
      readonly subscriptions: number
      readonly connections: number
      readonly first: number
      readonly count: number
      readonly eventsPerSecond: number | 'burst'
      /** How long deliveries are waited for after the last publish. */
      readonly graceSeconds: number
    }
  | {
      /** Honest clients publish and ask at a steady rate, some of all clients being hostile; one verb is measured. */
      readonly scenario: 'crowd'
      readonly verb: 'EVENT' | 'REQ'
      readonly honest: number
      readonly hostile: number
      /** Of all honest clients together, EVENTs and REQs each. */
      readonly perSecond: number
      /** The first of the live notes to publish. */
      readonly first: number
      readonly seconds: number
    }
  | {
      /** Opens connections, lets them rest, and reads the relay's memory. */
      readonly scenario: 'idle'
      readonly connections: number
    }

/** Figures by name; a name ends with its unit. */
export type Figures = Readonly<Record<string, number>>

export interface JobReport {
  readonly figures: Figures
  /** Sentences about what was not as it should be. */
  readonly remarks: readonly string[]
}

export type LoadRequest =
  | { readonly type: 'setup'; readonly setup: LoadSetup }
  | { readonly type: 'job'; readonly job: Job }

export type LoadReply =
  | { readonly type: 'ready' }
  | { readonly type: 'report'; readonly report: JobReport }
  | { readonly type: 'failed'; readonly message: string }
