import { accepted, type Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import {
  type AccessChange,
  AccessLists,
  type AccessListsData,
  type RelayOrder,
  saveAccessLists,
} from '../../relay/index.ts'
import { type Actor, SYSTEM } from '../actor.ts'
import type { DatabaseAccess, Writing } from '../database-access.ts'
import type { ModerationMessage } from '../messages.ts'
import { type ModerationOutcome, refuse } from '../refusal.ts'
import { Turns } from '../turns.ts'
import { asTold, changesFor, type Levels, sameLists, withChanges, withLevels } from './lists.ts'
import { planChange } from './plan-change.ts'
import { readLists, readVersion, type VersionedLists } from './read-lists.ts'
import type { AccessSnapshot } from './snapshot.ts'
import { writeChange } from './write-change.ts'

/** The relay of this process, all its threads. */
export interface RelayControl {
  /** Returns how many connections were closed by it. */
  obey(order: RelayOrder): number | Promise<number>
}

/** A level that another part of the program gives to a key, or takes. */
export type LevelChange = Extract<AccessChange, { readonly do: 'set-level' | 'unset-level' }>

export interface AccessKeeperDeps {
  readonly database: DatabaseAccess
  readonly accessFile: string
  /** What the relay was started with. */
  readonly snapshot: AccessSnapshot
  readonly relay: RelayControl
  readonly announce: (message: ModerationMessage) => void
  /** All levels that another part of the program knows (members, subscribers, trusted authors); undefined until it does. */
  readonly levels?: (() => Promise<Levels | undefined>) | undefined
  readonly maxEntries: number
  readonly clock: Clock
  readonly logger: Logger
}

/** A transaction that may change what the relay is told. */
export interface ChangeWriting extends Writing {
  /** Writes rows and audit entries; resolves to how many changes were not so already. */
  apply(changes: readonly AccessChange[], by: Actor): Promise<ModerationOutcome<number>>
}

/** Decisions that may wait for their turn. */
const MAX_WAITING = 1_000

/**
 * Keeps what was decided about the relay. The truth is in the database; this process has a copy, its relay has one in
 * every thread, and a file has one for the next start. A copy is brought to a newer version change by change when it
 * was of the version before, and otherwise as a whole.
 */
export class AccessKeeper {
  readonly #deps: AccessKeeperDeps
  readonly #turns = new Turns(MAX_WAITING)
  /** Of which version `#decided` is; undefined until the database was read. */
  #version: bigint | undefined
  /** What people decided. */
  #decided: AccessListsData
  /** Levels from elsewhere; those of the file until somebody knows better. */
  #levels: Levels
  /** What the relay knows: both together. */
  #told: AccessListsData
  /** What the file holds; undefined when nobody knows. */
  #saved: AccessListsData | undefined
  /** The same as `#told`, to be asked. */
  readonly #lists: AccessLists
  #waitingLevels = new Map<string, LevelChange>()
  #refreshing: Promise<void> | undefined
  #warned: string | undefined

  constructor(deps: AccessKeeperDeps) {
    this.#deps = deps
    const { lists, isDamaged } = deps.snapshot
    this.#decided = lists
    this.#levels = lists.levels
    this.#told = lists
    this.#saved = isDamaged ? undefined : lists
    this.#lists = AccessLists.fromJSON(lists)
  }

  get version(): bigint | undefined {
    return this.#version
  }

  /** What people decided; of the file until the database was read. */
  get decided(): AccessListsData {
    return this.#decided
  }

  /** What the relay knows. */
  get lists(): AccessLists {
    return this.#lists
  }

  /** Makes a decision: one transaction, then the file, then the relay, then the other processes. */
  async commit<T>(
    work: (writing: ChangeWriting) => Promise<ModerationOutcome<T>>,
  ): Promise<ModerationOutcome<T>> {
    if (this.#turns.isFull) return TOO_MANY
    return this.#turns.take(() => this.#commitNow(work))
  }

  /** Takes over what another part of the program says about levels. Resolves when the relay knows. */
  async changeLevels(changes: readonly LevelChange[]): Promise<void> {
    const isFirst = this.#waitingLevels.size === 0
    for (const change of changes) this.#waitingLevels.set(change.pubkey, change)
    if (isFirst && changes.length > 0) await this.#turns.take(() => this.#changeLevelsNow())
    else await this.#turns.settled()
  }

  /** Looks whether other processes, or a time without the database, have left something to take over. */
  refresh(): Promise<void> {
    // Whoever comes after it has begun gets another one.
    this.#refreshing ??= this.#turns.take(() => {
      this.#refreshing = undefined
      return this.#refreshNow()
    })
    return this.#refreshing
  }

  settled(): Promise<void> {
    return this.#turns.settled()
  }

  async #commitNow<T>(
    work: (writing: ChangeWriting) => Promise<ModerationOutcome<T>>,
  ): Promise<ModerationOutcome<T>> {
    const made: AccessChange[] = []
    let version: bigint | undefined
    const outcome = await this.#deps.database.write(async ({ tx, audit }) => {
      const before = await tx
        .selectFrom('moderation_state')
        .select('version')
        .forUpdate()
        .executeTakeFirstOrThrow()
      const apply: ChangeWriting['apply'] = async (changes, by) => {
        const outcome = await this.#write({ tx, audit }, changes, by)
        if (!outcome.ok) return outcome
        made.push(...outcome.value)
        return accepted(outcome.value.length)
      }
      const outcome = await work({ tx, audit, apply })
      if (!outcome.ok || made.length === 0) return outcome
      version = before.version + 1n
      await tx.updateTable('moderation_state').set({ version }).execute()
      return outcome
    })
    if (outcome.ok && version !== undefined) await this.#follow(version, made)
    return outcome
  }

  /** Returns the changes that were not so already. */
  async #write(
    { tx, audit }: Writing,
    changes: readonly AccessChange[],
    by: Actor,
  ): Promise<ModerationOutcome<readonly AccessChange[]>> {
    const plans = changes.map((change) => ({ change, plan: planChange(change) }))
    const { entries } = await tx
      .selectFrom('moderation_access')
      .select((of) => of.fn.countAll<bigint>().as('entries'))
      .executeTakeFirstOrThrow()
    const added = plans.filter(({ plan }) => plan.put !== undefined).length
    if (added > 0 && Number(entries) + added > this.#deps.maxEntries) {
      return refuse(
        'LIMIT_REACHED',
        `The lists have ${entries} entries and may have ${this.#deps.maxEntries} (moderation.maxEntries).`,
      )
    }
    const made: AccessChange[] = []
    for (const { change, plan } of plans) {
      const { before, after, isChanged } = await writeChange(tx, plan, {
        actor: by.actor,
        atSeconds: this.#deps.clock.nowSeconds(),
      })
      if (!isChanged) continue
      made.push(change)
      audit({ ...by, action: plan.action, subject: plan.subject, before, after })
    }
    return accepted(made)
  }

  /** What was committed is told. A failure here is mended by the next `refresh`. */
  async #follow(version: bigint, made: readonly AccessChange[]): Promise<void> {
    try {
      if (this.#version === version - 1n) {
        const decided = withChanges(this.#decided, made)
        const told = this.#merged(decided)
        await this.#tell({
          version,
          decided,
          told,
          order: { do: 'change-access', changes: asTold(made, told) },
        })
      } else await this.#refreshNow()
    } catch (err) {
      this.#deps.logger.error({ err }, 'moderation.change_not_told')
    }
    this.#deps.announce({ do: 'read-lists', version: String(version) })
  }

  async #changeLevelsNow(): Promise<void> {
    const changes = [...this.#waitingLevels.values()]
    this.#waitingLevels = new Map()
    const levels = new Map(Object.entries(this.#levels))
    for (const { do: what, pubkey, ...granted } of changes) {
      if (what === 'set-level' && 'level' in granted) levels.set(pubkey, granted)
      else levels.delete(pubkey)
    }
    this.#levels = Object.fromEntries(levels)
    const told = this.#merged(this.#decided)
    await this.#tell({
      version: this.#version,
      decided: this.#decided,
      told,
      order: { do: 'change-access', changes: asTold(changes, told) },
    })
    this.#deps.announce({ do: 'read-levels' })
  }

  async #refreshNow(): Promise<void> {
    const { database, levels } = this.#deps
    const outcome = await database.read(async (db) => {
      if ((await readVersion(db)) === this.#version) return accepted(undefined)
      return accepted(await readLists(db))
    })
    if (!outcome.ok) return
    this.#levels = levels === undefined ? {} : ((await levels()) ?? this.#levels)
    const read = outcome.value
    if (read === undefined && levels === undefined) return this.#save()
    if (read?.version === 0n && this.#version === undefined && !(await this.#adoptFirst(read))) return
    const { version, lists: decided } = read ?? { version: this.#version, lists: this.#decided }
    const told = this.#merged(decided)
    if (sameLists(told, this.#told)) {
      this.#version = version
      this.#decided = decided
      await this.#save()
    } else await this.#tell({ version, decided, told, order: { do: 'replace-access', lists: told } })
  }

  /**
   * The database knows of no decision, and this process reads it for the first time. If the file knows some, the database
   * was made anew: what is in the file is decided once more, rather than letting everybody in who was banned. Not so
   * levels: nobody can tell which of them were decided here.
   *
   * @returns whether the lists of the database may be taken over.
   */
  async #adoptFirst({ version }: VersionedLists): Promise<boolean> {
    const { snapshot } = this.#deps
    if (snapshot.isDamaged) {
      // Nobody knows who was banned: the relay stays closed until an operator decides something.
      this.#warnOnce('moderation.lists_lost')
      return false
    }
    const changes = changesFor(snapshot.lists)
    if (changes.length === 0) return true
    const restored = await this.#commitNow(async ({ tx, apply }) => {
      const { version: now } = await tx
        .selectFrom('moderation_state')
        .select('version')
        .executeTakeFirstOrThrow()
      return now === version ? apply(changes, SYSTEM) : accepted(0)
    })
    if (!restored.ok) {
      this.#warnOnce('moderation.lists_not_restored', restored.refusal.text)
    } else if (restored.value > 0) {
      this.#deps.logger.warn({ entries: restored.value }, 'moderation.lists_restored')
    } else {
      // Another process was quicker.
      await this.#refreshNow()
    }
    return false
  }

  #warnOnce(event: string, reason?: string): void {
    if (this.#warned === event) return
    this.#warned = event
    this.#deps.logger.error({ reason }, event)
  }

  #merged(decided: AccessListsData): AccessListsData {
    return withLevels(decided, this.#levels, this.#deps.clock.nowSeconds())
  }

  async #tell({ version, decided, told, order }: Told): Promise<void> {
    this.#version = version
    this.#decided = decided
    this.#told = told
    this.#lists.replace(told)
    await this.#save()
    await this.#deps.relay.obey(order)
  }

  /** A file that cannot be written is written later; the relay is told all the same. */
  async #save(): Promise<void> {
    const told = this.#told
    if (this.#saved === told) return
    try {
      await saveAccessLists(this.#deps.accessFile, told)
      this.#saved = told
    } catch (err) {
      this.#deps.logger.error({ err }, 'moderation.snapshot_failed')
    }
  }
}

interface Told {
  readonly version: bigint | undefined
  readonly decided: AccessListsData
  readonly told: AccessListsData
  readonly order: RelayOrder
}

const TOO_MANY = refuse('BUSY', `More than ${MAX_WAITING} decisions wait to be written; try again later.`)
