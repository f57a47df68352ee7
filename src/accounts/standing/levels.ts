import type { Kysely } from 'kysely'
import type { Clock } from '../../kernel/index.ts'
import type { Bus } from '../../platform/bus/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import type { Logger } from '../../platform/index.ts'
import { changeBetween, type GivenLevel, type LevelChange, levelOf } from './level-of.ts'
import { readFacts } from './read-facts.ts'

/** Keeps the relay's levels as the tables say: of members, subscribers and trusted authors. */
export interface Levels {
  /** All levels, to begin with; from here on only what differs from them is told. */
  current(): Promise<readonly LevelChange[]>
  /**
   * Something was committed about these keys: resolves when the relay of this process has been told, and has the other
   * processes look too. Never rejects: what could not be told is told by a later look.
   */
  changed(pubkeys: readonly string[]): Promise<void>
  /** Looks at everything and tells what differs: subscriptions that ended, changes that other processes made. */
  refresh(): Promise<void>
  /** Looks now and then, and when other processes say so. */
  start(): void
  /** Resolves when no telling is under way any more. */
  stop(): Promise<void>
}

export interface LevelsDeps {
  readonly db: Kysely<Tables>
  readonly clock: Clock
  /** Tells the relay of this process. What it rejects is told again later. */
  readonly onLevels: (changes: readonly LevelChange[]) => Promise<void> | void
  readonly bus: Pick<Bus, 'publish' | 'subscribe'>
  readonly logger: Logger
}

const CHANNEL = 'accounts.levels'
/** A subscription that has ended is noticed after this time at most; so is an announcement that got lost. */
const LOOK_EVERY_MS = 30_000
/** Keys named in one announcement; of more, the others look at all. */
const MAX_ANNOUNCED = 500

export function createLevels({ db, clock, onLevels, bus, logger }: LevelsDeps): Levels {
  /** What the relay was told. As many keys as have a level, which the tables bound. */
  const told = new Map<string, GivenLevel>()
  let last: Promise<void> = Promise.resolve()
  let stopListening: (() => void) | undefined

  const differences = async (pubkeys?: readonly string[]): Promise<readonly LevelChange[]> => {
    const nowSeconds = clock.nowSeconds()
    const facts = await readFacts(db, nowSeconds, pubkeys)
    const candidates = new Set([...(pubkeys ?? told.keys()), ...facts.keys()])
    return [...candidates].flatMap((pubkey) => {
      const found = facts.get(pubkey)
      const given = found === undefined ? undefined : levelOf(found, nowSeconds)
      return changeBetween(pubkey, told.get(pubkey), given) ?? []
    })
  }

  const note = (changes: readonly LevelChange[]) => {
    for (const change of changes) {
      if (change.do === 'unset-level') told.delete(change.pubkey)
      else told.set(change.pubkey, givenBy(change))
    }
  }

  const look = async (pubkeys?: readonly string[]) => {
    const changes = await differences(pubkeys)
    if (changes.length === 0) return
    await onLevels(changes)
    // Noted when it has been told, so that what failed differs still when somebody looks again.
    note(changes)
  }

  /** One look after the other: a slow one must not tell what a quick one behind it has overtaken. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    last = last.then(work).catch((err: unknown) => logger.error({ err }, 'accounts.levels_failed'))
    return last
  }

  // Announcements that come while a look is waiting for its turn are looked at together: never more than one waits.
  let announcedKeys: Set<string> | undefined
  let isEverythingAnnounced = false
  const announced = (pubkeys: readonly string[] | undefined) => {
    const isWaiting = announcedKeys !== undefined
    announcedKeys ??= new Set()
    for (const pubkey of pubkeys ?? []) announcedKeys.add(pubkey)
    if (pubkeys === undefined || announcedKeys.size > MAX_ANNOUNCED) isEverythingAnnounced = true
    if (!isWaiting) void inTurn(lookAtAnnounced)
  }
  const lookAtAnnounced = () => {
    const pubkeys = isEverythingAnnounced ? undefined : [...(announcedKeys ?? [])]
    announcedKeys = undefined
    isEverythingAnnounced = false
    return look(pubkeys)
  }

  return {
    async current() {
      let all: readonly LevelChange[] = []
      await inTurn(async () => {
        told.clear()
        all = await differences()
        note(all)
      })
      return all
    },
    changed(pubkeys) {
      const isMany = pubkeys.length > MAX_ANNOUNCED
      bus.publish(CHANNEL, Buffer.from(JSON.stringify(isMany ? [] : pubkeys)))
      return inTurn(() => look(pubkeys))
    },
    refresh: () => inTurn(() => look()),
    start() {
      const subscription = bus.subscribe(CHANNEL, (payload) => announced(parseAnnouncement(payload)))
      const timer = setInterval(() => void inTurn(() => look()), LOOK_EVERY_MS)
      timer.unref()
      stopListening = () => {
        subscription.stop()
        clearInterval(timer)
      }
    },
    async stop() {
      stopListening?.()
      await last
    },
  }
}

function givenBy({ level, expiresAtSeconds }: Extract<LevelChange, { do: 'set-level' }>): GivenLevel {
  return expiresAtSeconds === undefined ? { level } : { level, expiresAtSeconds }
}

/** The keys that changed; undefined, for all, when none are named, or when it cannot be read. */
function parseAnnouncement(payload: Buffer): readonly string[] | undefined {
  const pubkeys = parseJson(payload.toString())
  const isList = Array.isArray(pubkeys) && pubkeys.every((pubkey) => typeof pubkey === 'string')
  return isList && pubkeys.length > 0 ? pubkeys : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
