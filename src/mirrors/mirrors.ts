/** All mirrors of this relay: those of the configuration, and those that operators add while it runs. */
import type { EventStore } from '../events/index.ts'
import { AppError, accepted, type Clock, type Outcome, refused } from '../kernel/index.ts'
import { type EventSigner, encodeEvent, type NostrEvent, normalizeRelayUrl } from '../nostr/index.ts'
import type { Logger } from '../platform/index.ts'
import type { Intake } from './intake.ts'
import { type Backoff, Mirror, type MirrorDeps, type MirrorStatus } from './mirror.ts'
import { type CheckedMirror, checkMirror, type MirrorSettings } from './mirror-settings.ts'
import type { MirrorRecord, MirrorsState } from './mirror-state.ts'
import type { RelayClientLimits } from './relay-client.ts'
import { StateWriter } from './state-writer.ts'

export interface MirrorsDeps {
  readonly store: EventStore
  readonly intake: Intake
  readonly clock: Clock
  /** Remembers them over a restart (`mirrorFile`). */
  readonly state: MirrorsState
  /** Those of the configuration. */
  readonly configured: readonly MirrorSettings[]
  /** Tells of every event that clients have brought; returns how to stop listening. */
  readonly subscribe: (listener: (event: NostrEvent, json: Uint8Array) => void) => () => void
  readonly logger?: Logger
  /** Who we are, where other relays want to know (NIP-42). */
  readonly signer?: EventSigner
  readonly limits?: Partial<RelayClientLimits>
  readonly backoff?: Backoff
  /** From 0 to 1; when connections are made again depends on it. */
  readonly random?: () => number
}

export interface Mirrors {
  /** In the order in which they were added. */
  list(): readonly MirrorStatus[]
  /** Adds a mirror and remembers it; should that fail, the log says so. Refused when there is one for this relay. */
  add(settings: MirrorSettings): Promise<Outcome<MirrorStatus, string>>
  /** Refused for those of the configuration, which can be paused. */
  remove(name: string): Promise<Outcome<undefined, string>>
  pause(name: string): Promise<Outcome<undefined, string>>
  resume(name: string): Promise<Outcome<undefined, string>>
  /**
   * Takes over another configuration. Mirrors that stay as they are keep their connections.
   *
   * @throws AppError CONFIG_INVALID when one cannot be used; nothing has changed then.
   */
  configure(configured: readonly MirrorSettings[]): Promise<void>
  /** Ends all connections and remembers how far they have come. */
  stop(): Promise<void>
}

const MAX_MIRRORS = 100
const DEFAULT_BACKOFF: Backoff = { firstMs: 1_000, maxMs: 300_000 }

/**
 * Opens the mirrors and starts those that are not paused.
 *
 * @throws AppError CONFIG_INVALID when one of the configuration cannot be used.
 */
export async function openMirrors(deps: MirrorsDeps): Promise<Mirrors> {
  const checked = checkAll(deps.configured)
  const mirrors = new OpenMirrors(deps)
  mirrors.restore(await deps.state.load(), checked)
  return mirrors
}

function checkAll(configured: readonly MirrorSettings[]): readonly CheckedMirror[] {
  const checked = configured.map((settings) => {
    const mirror = checkMirror(settings)
    if (!mirror.ok) throw new AppError('CONFIG_INVALID', mirror.refusal)
    return mirror.value
  })
  if (checked.length > MAX_MIRRORS) {
    throw new AppError(
      'CONFIG_INVALID',
      `There are ${checked.length} mirrors, at most ${MAX_MIRRORS} are possible.`,
    )
  }
  const names = new Set<string>()
  for (const { name } of checked) {
    if (names.has(name)) throw new AppError('CONFIG_INVALID', `There are two mirrors of ${name}.`)
    names.add(name)
  }
  return checked
}

class OpenMirrors implements Mirrors {
  readonly #mirrorDeps: MirrorDeps
  readonly #mirrors = new Map<string, Mirror>()
  readonly #writer: StateWriter
  readonly #unsubscribe: () => void

  constructor(deps: MirrorsDeps) {
    const {
      store,
      clock,
      logger,
      signer,
      limits = {},
      backoff = DEFAULT_BACKOFF,
      random = Math.random,
    } = deps
    this.#writer = new StateWriter(
      () => deps.state.save([...this.#mirrors.values()].map(({ record }) => record)),
      (err) => logger?.error({ err }, 'mirrors.state_not_saved'),
    )
    this.#mirrorDeps = {
      store,
      intake: this.#passingOn(deps.intake),
      clock,
      logger,
      signer,
      limits,
      backoff,
      random,
      onChanged: () => this.#writer.changed(),
    }
    this.#unsubscribe = deps.subscribe((event, json) => this.#offer(event, json))
  }

  /** For the start: what is remembered, and what the configuration says now. */
  restore(records: readonly MirrorRecord[], configured: readonly CheckedMirror[]): void {
    const known = new Map(records.map((record) => [record.name, record]))
    for (const mirror of configured) this.#open(mirror, known.get(mirror.name), true)
    for (const record of records) {
      const mirror = record.added === undefined ? undefined : checkMirror(record.added)
      if (mirror?.ok === true && !this.#mirrors.has(record.name)) this.#open(mirror.value, record, false)
    }
  }

  list(): readonly MirrorStatus[] {
    return [...this.#mirrors.values()].map((mirror) => mirror.status())
  }

  async add(settings: MirrorSettings): Promise<Outcome<MirrorStatus, string>> {
    const mirror = checkMirror(settings)
    if (!mirror.ok) return mirror
    if (this.#mirrors.has(mirror.value.name))
      return refused(`There is a mirror of ${mirror.value.name} already.`)
    if (this.#mirrors.size >= MAX_MIRRORS)
      return refused(`There are ${MAX_MIRRORS} mirrors, more are not possible.`)
    const opened = this.#open(mirror.value, undefined, false)
    return (await this.#writer.saved()) ? accepted(opened.status()) : refused(NOT_SAVED)
  }

  async remove(name: string): Promise<Outcome<undefined, string>> {
    const mirror = this.#find(name)
    if (mirror === undefined) return refused(`There is no mirror of ${name}.`)
    if (mirror.isConfigured) {
      return refused(
        `The mirror of ${mirror.name} stands in the configuration (relay.mirrors): take it out there, or pause it.`,
      )
    }
    this.#mirrors.delete(mirror.name)
    await mirror.stop()
    return (await this.#writer.saved()) ? accepted(undefined) : refused(NOT_SAVED)
  }

  async pause(name: string): Promise<Outcome<undefined, string>> {
    const mirror = this.#find(name)
    if (mirror === undefined) return refused(`There is no mirror of ${name}.`)
    await mirror.pause()
    return (await this.#writer.saved()) ? accepted(undefined) : refused(NOT_SAVED)
  }

  async resume(name: string): Promise<Outcome<undefined, string>> {
    const mirror = this.#find(name)
    if (mirror === undefined) return refused(`There is no mirror of ${name}.`)
    mirror.resume()
    return (await this.#writer.saved()) ? accepted(undefined) : refused(NOT_SAVED)
  }

  async configure(configured: readonly MirrorSettings[]): Promise<void> {
    const wanted = new Map(checkAll(configured).map((mirror) => [mirror.name, mirror]))
    // Over a copy: a mirror that is made anew must not be looked at again.
    const before = [...this.#mirrors.values()]
    for (const mirror of before) {
      const settings = wanted.get(mirror.name)?.settings
      if (mirror.isConfigured ? isSame(mirror.settings, settings) : settings === undefined) {
        wanted.delete(mirror.name)
        continue
      }
      this.#mirrors.delete(mirror.name)
      await mirror.stop()
      const next = wanted.get(mirror.name)
      if (next !== undefined) this.#open(next, mirror.record, true)
      wanted.delete(mirror.name)
    }
    for (const mirror of wanted.values()) this.#open(mirror, undefined, true)
    await this.#writer.saved()
  }

  async stop(): Promise<void> {
    this.#unsubscribe()
    await Promise.all([...this.#mirrors.values()].map((mirror) => mirror.stop()))
    await this.#writer.stop()
  }

  #open(checked: CheckedMirror, record: MirrorRecord | undefined, isConfigured: boolean): Mirror {
    const mirror = new Mirror(checked, record, isConfigured, this.#mirrorDeps)
    this.#mirrors.set(mirror.name, mirror)
    mirror.start()
    return mirror
  }

  /** By its name, or by any address that means it. */
  #find(name: string): Mirror | undefined {
    return this.#mirrors.get(name) ?? this.#mirrors.get(normalizeRelayUrl(name) ?? '')
  }

  #offer(event: NostrEvent, json: Uint8Array, from?: string): void {
    for (const mirror of this.#mirrors.values()) if (mirror.name !== from) mirror.offer(event, json)
  }

  /** What one mirror has brought is new to the others, who do not hear of it from clients. */
  #passingOn(intake: Intake): Intake {
    return {
      take: async (events, source) => {
        const results = await intake.take(events, source)
        for (const [index, event] of events.entries()) {
          if (results[index]?.status !== 'stored') continue
          if (this.#mirrors.size > 1) this.#offer(event, Buffer.from(encodeEvent(event)), source.peer)
        }
        return results
      },
    }
  }
}

function isSame(one: MirrorSettings, other: MirrorSettings | undefined): boolean {
  return other !== undefined && JSON.stringify(one) === JSON.stringify(other)
}

const NOT_SAVED =
  'It holds for now and could not be saved: after a restart it is as before. The log says why; try again.'
