/**
 * What the commands need of the composition root. It is handed to them and loaded only when a command asks for it,
 * so that `--help` loads nothing and a test can bring a store of its own.
 */
import type { TableAccess } from '../backup/index.ts'
import type { Config, FlagOverride, LoadedConfig } from '../config/index.ts'
import type { EventStore } from '../events/index.ts'
import type { IntakePolicies } from '../mirrors/index.ts'
import type { NostrEvent } from '../nostr/index.ts'
import type { Logger } from '../platform/index.ts'
import type { Inspections } from './inspections.ts'

export interface RunningStoa {
  /** Where it can be reached: `ws://127.0.0.1:7777`. */
  readonly addresses: readonly string[]
  /** At most ten lines for the person who started it: what runs, where, where the data is. */
  summary(): readonly string[]
  /**
   * Reads the configuration again and takes over what may change without a restart; resolves to what is in force now.
   * Rejects when it cannot be; nothing has changed then.
   */
  reload?(): Promise<Config>
  /** Finishes what was begun, then lets go of sockets, threads and files. */
  stop(): Promise<void>
}

/** Checks signatures, many at a time. Ids are compared by the caller. */
export interface BatchVerifier {
  /** How it works, for people: `libsecp256k1 of the system`. */
  readonly name: string
  /** Whether the system's libsecp256k1 does the work. */
  readonly isNative: boolean
  /** For each event: does `sig` sign `id` with `pubkey` (BIP-340)? */
  verifyBatch(events: readonly NostrEvent[]): readonly boolean[] | Promise<readonly boolean[]>
  close?(): void | Promise<void>
}

export interface ClosablePolicies extends IntakePolicies {
  close(): void
}

export interface StoreReport {
  readonly isSound: boolean
  /** One line each for people: what was looked at, what was found. */
  readonly lines: readonly string[]
}

export interface Composition {
  /**
   * @param deps.load reads the configuration again, with what operators have changed on top.
   * @param deps.takesOver take the place of the program that runs on the data folder; nobody is refused meanwhile.
   */
  startStoa(
    config: Config,
    deps: {
      readonly logger: Logger
      readonly load: (overrides: readonly FlagOverride[]) => LoadedConfig
      readonly takesOver?: boolean
    },
  ): Promise<RunningStoa>
  /**
   * @param options.isRestoring for the restore itself, which alone may open a folder that is not whole.
   * @throws AppError STORE_LOCKED when a running program holds the data folder; RESTORE_REFUSED when a restore into it
   * was broken off.
   */
  openEventStore(config: Config, options?: { readonly isRestoring?: boolean }): Promise<EventStore>
  createEventVerifier(config: Config): BatchVerifier | Promise<BatchVerifier>
  /** The relay's rules for events from elsewhere; absent: none but those that cannot be switched off. */
  createWritePolicies?(config: Config, store: EventStore): Promise<ClosablePolicies>
  /** Reads the whole store and checks every checksum; changes nothing. @throws AppError STORE_LOCKED */
  verifyEventStore(config: Config): Promise<StoreReport>
  /** What `stoa doctor` has looked at by the parts themselves; absent: it does without. */
  loadInspections?(): Promise<Inspections>
  /** The tables of the database, for backups; absent where there is none. It starts what it needs. */
  openTables?(config: Config): Promise<TablesOfDatabase>
}

export interface TablesOfDatabase extends TableAccess {
  close(): Promise<void>
}
