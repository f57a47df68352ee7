/** Backups of a running program: one every so many hours, and whenever somebody asks. */
import { setTimeout as delay } from 'node:timers/promises'
import type { EventStore } from '../events/index.ts'
import { AppError, accepted, type Clock, type Outcome, refused } from '../kernel/index.ts'
import type { Logger } from '../platform/index.ts'
import { type BackupReport, createBackup } from './create-backup.ts'
import { backupNames, contentOf, readManifest } from './manifest.ts'
import type { TableAccess } from './tables.ts'

/** The section `backup` of the configuration. */
export interface BackupSettings {
  /** Empty: none are made. */
  readonly folder: string
  readonly everyHours: number
  readonly keep: number
  readonly withKeys: boolean
}

export interface BackupsDeps {
  readonly store: EventStore
  /** Asked when a backup begins; undefined while there is no database. */
  readonly tables: () => TableAccess | undefined
  readonly dataDir: string
  readonly configFile: string | undefined
  readonly version: string
  readonly clock: Clock
  readonly logger: Logger
  readonly settings: BackupSettings
}

export interface BackupSummary {
  readonly name: string
  readonly createdAtMs: number
  readonly events: number
  /** Of all its files; what it has in common with others counts for each. */
  readonly bytes: number
  /** Undefined: it holds no database. */
  readonly rows: number | undefined
}

export interface Backups {
  /** Takes over new settings; a backup under way goes on with the old ones. */
  configure(settings: BackupSettings): void
  /** Makes one now, or waits for the one that is under way. */
  backUpNow(): Promise<Outcome<BackupSummary>>
  /** Newest first. */
  list(): Promise<readonly BackupSummary[]>
  stats(): BackupStats
  /** Ends after the step in hand; the next start goes on there. */
  stop(): Promise<void>
}

export interface BackupStats {
  readonly isRunning: boolean
  /** Events that the backup under way has dealt with. */
  readonly events: number
  readonly ofEvents: number
  readonly made: number
  readonly failed: number
  /** Unix time in milliseconds of the newest whole backup; undefined when there is none. */
  readonly lastAtMs: number | undefined
}

const LOOK_INTERVAL_MS = 60_000
const HOUR_MS = 3_600_000
/** After a failure it is not tried again at once: a disk that is full stays full for a while. */
const RETRY_MS = HOUR_MS / 4
/** After a step of t ms the store is left alone for as long. */
const REST_SHARE = 1
const MAX_REST_MS = 1_000

/** Starts the timer. When the next one is due is told from the newest one that is there, so a restart delays nothing. */
export function startBackups(deps: BackupsDeps): Backups {
  return new RunningBackups(deps)
}

class RunningBackups implements Backups {
  readonly #deps: BackupsDeps
  #settings: BackupSettings
  readonly #stopping = new AbortController()
  readonly #timer: NodeJS.Timeout
  #underWay: Promise<Outcome<BackupSummary>> | undefined
  #looking: Promise<void> | undefined
  #progress = { events: 0, ofEvents: 0 }
  #made = 0
  #failed = 0
  #lastAtMs: number | undefined
  #retryAtMs = 0

  constructor(deps: BackupsDeps) {
    this.#deps = deps
    this.#settings = deps.settings
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS)
    this.#timer.unref()
    this.#look()
  }

  configure(settings: BackupSettings): void {
    this.#settings = settings
    this.#look()
  }

  backUpNow(): Promise<Outcome<BackupSummary>> {
    this.#underWay ??= this.#backUp().finally(() => {
      this.#underWay = undefined
    })
    return this.#underWay
  }

  async list(): Promise<readonly BackupSummary[]> {
    const { folder } = this.#settings
    return folder === '' ? [] : listBackups(folder)
  }

  stats(): BackupStats {
    return {
      isRunning: this.#underWay !== undefined,
      ...this.#progress,
      made: this.#made,
      failed: this.#failed,
      lastAtMs: this.#lastAtMs,
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    clearInterval(this.#timer)
    await this.#looking
    await this.#underWay
  }

  #look(): void {
    this.#looking ??= this.#backUpWhenDue().finally(() => {
      this.#looking = undefined
    })
  }

  async #backUpWhenDue(): Promise<void> {
    const { clock, logger } = this.#deps
    const { folder, everyHours } = this.#settings
    if (folder === '' || this.#underWay !== undefined || clock.nowMs() < this.#retryAtMs) return
    try {
      const [newest] = await listBackups(folder)
      this.#lastAtMs = newest?.createdAtMs
      const isDue = newest === undefined || clock.nowMs() - newest.createdAtMs >= everyHours * HOUR_MS
      // It is not waited for: the timer is to look at other settings meanwhile.
      if (isDue && !this.#stopping.signal.aborted) void this.backUpNow()
    } catch (error) {
      this.#retryAtMs = clock.nowMs() + RETRY_MS
      logger.error({ err: error, folder }, 'backup.folder_unreadable')
    }
  }

  async #backUp(): Promise<Outcome<BackupSummary>> {
    const { store, tables, dataDir, configFile, version, clock } = this.#deps
    const { folder, keep, withKeys } = this.#settings
    if (folder === '')
      return refused({ code: 'BACKUP_OFF', text: 'No folder for backups is set (backup.folder).' })
    const startedMs = performance.now()
    this.#progress = { events: 0, ofEvents: store.stats().events }
    try {
      const report = await createBackup({
        folder,
        sources: { store, tables: tables(), dataDir, configFile, withKeys },
        clock,
        version,
        signal: this.#stopping.signal,
        keep,
        rest: restAfterSteps(this.#stopping.signal),
        onProgress: (events, ofEvents) => {
          this.#progress = { events, ofEvents }
        },
      })
      return accepted(this.#noteMade(report, Math.round(performance.now() - startedMs)))
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      if (!this.#stopping.signal.aborted) this.#noteFailed(error)
      return refused({ code: error.code, text: error.message })
    }
  }

  #noteMade(
    { name, manifest, newEventFiles, newBytes, dropped }: BackupReport,
    tookMs: number,
  ): BackupSummary {
    this.#made += 1
    this.#lastAtMs = manifest.createdAtMs
    const { events } = manifest
    this.#deps.logger.info({ name, events, newEventFiles, newBytes, dropped, tookMs }, 'backup.made')
    return summaryOf(name, manifest)
  }

  #noteFailed(error: AppError): void {
    this.#failed += 1
    this.#retryAtMs = this.#deps.clock.nowMs() + RETRY_MS
    this.#deps.logger.error({ err: error }, 'backup.failed')
  }
}

/** The whole backups of a folder, newest first; those whose manifest cannot be read are left out. */
export async function listBackups(folder: string): Promise<readonly BackupSummary[]> {
  const summaries: BackupSummary[] = []
  for (const name of (await backupNames(folder)).toReversed()) {
    try {
      summaries.push(summaryOf(name, await readManifest(folder, name)))
    } catch (error) {
      if (!(error instanceof AppError)) throw error
    }
  }
  return summaries
}

function summaryOf(name: string, manifest: BackupReport['manifest']): BackupSummary {
  return {
    name,
    createdAtMs: manifest.createdAtMs,
    events: manifest.events,
    bytes: contentOf(manifest).reduce((sum, { bytes }) => sum + bytes, 0),
    rows: manifest.database?.tables.reduce((sum, { rows }) => sum + rows, 0),
  }
}

function restAfterSteps(signal: AbortSignal): () => Promise<void> {
  let stepStartedMs = performance.now()
  return async () => {
    const restMs = Math.min(MAX_REST_MS, (performance.now() - stepStartedMs) * REST_SHARE)
    // A stop ends the rest; whoever waits here looks at the signal itself.
    await delay(restMs, undefined, { signal }).catch(() => undefined)
    stepStartedMs = performance.now()
  }
}
