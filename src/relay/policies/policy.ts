/** What a rule about events is, and what it may look at. */
import type { EventStore } from '../../events/index.ts'
import type { Clock } from '../../kernel/index.ts'
import type { NostrEvent } from '../../nostr/index.ts'
import type { AccessLists } from '../access-lists.ts'
import type { AuthLevel } from '../auth-level.ts'
import type { RelaySettings } from '../settings.ts'

/** Who brought an event, besides the event itself. */
export interface WriteContext {
  /**
   * `client`: an EVENT. `mirror`: another relay that we follow. `sync`: NIP-77, asked for by the operator. `import`:
   * a file of the operator's.
   */
  readonly origin: 'client' | 'mirror' | 'sync' | 'import'
  /** The client's address, as limits count it; for other origins where the event came from. */
  readonly address: string
  /** Keys that the client has proved to hold (NIP-42). */
  readonly pubkeys: readonly string[]
  readonly level: AuthLevel
  readonly nowSeconds: number
}

/** What a rule says of an event; undefined lets it pass. */
export type Verdict =
  | undefined
  /** `OK false` with this text, which begins with a standard prefix. */
  | {
      readonly do: 'refuse'
      readonly text: string
      /** No later time changes that while the settings stay as they are: whoever fetched it need not fetch it again. */
      readonly isForGood?: true
    }
  /** `OK true`, and nothing else happens: its author is not to notice. */
  | { readonly do: 'pretend' }
  /** It waits for a moderator, who reads `why`. */
  | { readonly do: 'hold'; readonly why: string }

/** Somebody outside who decides. Totals are since the rule came into force. */
export interface OutsideStats {
  /** 1 while it can be asked, 0 while it is down, or given up for a time. */
  readonly up: number
  /** Events that wait for an answer, and how many may. */
  readonly waiting: number
  readonly maxWaiting: number
  /** Events that were decided without it. */
  readonly unanswered: number
  /** Times that it failed: a program ended or hung, a request had no answer. */
  readonly failures: number
  /** Times that a program was started. */
  readonly starts: number
}

interface PolicyBase {
  readonly name: string
  /**
   * Also judges requests to vanish (NIP-62), which are carried out for authors who are banned, unpaid or unknown: so
   * only rules of format and time, and those that keep the relay alive, do.
   */
  readonly judgesVanish?: boolean
  /** What it remembers: entries, where it remembers more than its settings. */
  remembered?(): number
  /** How the program or service is doing that it asks, where it asks one. */
  outside?(): OutsideStats
  /** Ends timers and processes. */
  close?(): void
}

/** Cheap, and judges before anything costly was done for the event, which may be forged. */
export interface EarlyPolicy extends PolicyBase {
  readonly stage: 'before-signature'
  judge(event: NostrEvent, context: WriteContext): Verdict
  /** The proof of work that is asked for at the moment, in bits, where this rule asks for some. */
  minPowDifficulty?(): number
}

/** Costly, or keeps account of keys: judges only what its author has signed. */
export interface LatePolicy extends PolicyBase {
  readonly stage: 'after-signature'
  judge(event: NostrEvent, context: WriteContext): Verdict | Promise<Verdict>
}

export type WritePolicy = EarlyPolicy | LatePolicy

/** Something for the log. Never a content or a secret. */
export interface PolicyNotice {
  readonly event: string
  readonly level: 'info' | 'warn' | 'error'
  readonly facts: Readonly<Record<string, string | number | boolean>>
}

export interface PolicyDeps {
  readonly lists: AccessLists
  readonly store: Pick<EventStore, 'query'>
  readonly clock: Clock
  readonly notify: (notice: PolicyNotice) => void
}

/** A rule that is in force with these settings. Two with the same `key` would be the same rule. */
export interface PreparedPolicy {
  readonly name: string
  readonly key: string
  /** @throws AppError CONFIG_INVALID when the settings say something that cannot be done. */
  create(deps: PolicyDeps): WritePolicy
}

/** A kind of rule: whether it is in force, and how it is made. */
export interface PolicyDefinition {
  readonly name: string
  /** Undefined when these settings switch it off. */
  prepare(settings: RelaySettings): PreparedPolicy | undefined
}

/**
 * Declares a rule. `pick` takes what it needs from the settings (undefined: it is off); as long as that stays the same,
 * the rule is kept over a reload, with all that it has learnt.
 */
export function definePolicy<T extends object>(definition: {
  readonly name: string
  readonly pick: (settings: RelaySettings) => T | undefined
  readonly create: (own: T, deps: PolicyDeps) => WritePolicy
}): PolicyDefinition {
  const { name, pick, create } = definition
  return {
    name,
    prepare: (settings) => {
      const own = pick(settings)
      if (own === undefined) return undefined
      return { name, key: JSON.stringify(own), create: (deps) => create(own, deps) }
    },
  }
}
