import { KINDS, type NostrEvent, reason } from '../../nostr/index.ts'
import type { RelaySettings } from '../settings.ts'
import { allowedAuthors, bans, kinds, shadowedAuthors } from './access.ts'
import { addressRate } from './address-rate.ts'
import { authEvents } from './auth-events.ts'
import { authentication } from './authentication.ts'
import { contentLength } from './content.ts'
import { expiry } from './expiry.ts'
import { httpHook } from './http-hook.ts'
import { keyRate, kindRates } from './key-rates.ts'
import { keywords } from './keywords.ts'
import { kindLimits } from './kind-limits.ts'
import { minimumLevel } from './level.ts'
import { newcomers } from './newcomers.ts'
import type {
  EarlyPolicy,
  LatePolicy,
  OutsideStats,
  PolicyDefinition,
  PolicyDeps,
  Verdict,
  WriteContext,
  WritePolicy,
} from './policy.ts'
import { privateMessages } from './private-messages.ts'
import { protectedEvents } from './protected.ts'
import { retentionAge } from './retention.ts'
import { spam } from './spam.ts'
import { strfryPlugin } from './strfry-plugin.ts'
import { tagCount } from './tags.ts'
import { timeWindow } from './time.ts'
import { trust } from './trust.ts'
import { work } from './work.ts'

/** In the order in which they speak: what costs least to tell, and what the client can mend, first. */
const DEFINITIONS: readonly PolicyDefinition[] = [
  addressRate,
  authEvents,
  authentication,
  minimumLevel,
  bans,
  kinds,
  allowedAuthors,
  tagCount,
  contentLength,
  kindLimits,
  timeWindow,
  retentionAge,
  expiry,
  privateMessages,
  work,
  protectedEvents,
  // After the signature check.
  shadowedAuthors,
  keyRate,
  kindRates,
  keywords,
  trust,
  spam,
  newcomers,
  strfryPlugin,
  httpHook,
]

/** How often a policy has let pass and stopped events, since the program started. */
export interface PolicyCount {
  passed: number
  refused: number
  pretended: number
  held: number
}

/** What policies keep at the moment, by name of the policy; only those that keep anything. */
export interface PolicyState {
  /** Entries: known keys, seen texts, trusted keys. */
  readonly remembered: Readonly<Record<string, number>>
  readonly outside: Readonly<Record<string, OutsideStats>>
}

/** Everything that decides about EVENTs before they are stored. */
export interface WritePolicies {
  /** What can be told before the signature was checked. Never waits. */
  judgeEarly(event: NostrEvent, context: WriteContext): Verdict
  /** The rest, for an event whose signature is good. A promise only when a policy has to ask somebody; never rejects. */
  judgeLate(event: NostrEvent, context: WriteContext): Verdict | Promise<Verdict>
  /** Proof of work asked for at the moment, in bits (NIP-11 `min_pow_difficulty`). */
  readonly minPowDifficulty: number
  /** By name of the policy. */
  stats(): Readonly<Record<string, Readonly<PolicyCount>>>
  state(): PolicyState
  /**
   * Takes new settings. Policies whose own settings stay the same go on as they are, with what they know.
   *
   * @throws AppError CONFIG_INVALID when something in them is not possible; nothing has changed then.
   */
  reload(settings: RelaySettings): void
  close(): void
}

/**
 * Makes the policies that the settings switch on.
 *
 * @throws AppError CONFIG_INVALID when something in the settings is not possible.
 */
export function createWritePolicies(settings: RelaySettings, deps: PolicyDeps): WritePolicies {
  return new PolicyChain(settings, deps)
}

interface Placed<P extends WritePolicy> {
  readonly policy: P
  readonly count: PolicyCount
}

interface Chain {
  readonly early: readonly Placed<EarlyPolicy>[]
  readonly late: readonly Placed<LatePolicy>[]
  /** By the name of the policy; the key says which settings it was made of. */
  readonly made: ReadonlyMap<string, { readonly key: string; readonly policy: WritePolicy }>
}

class PolicyChain implements WritePolicies {
  readonly #deps: PolicyDeps
  readonly #counts = new Map<string, PolicyCount>()
  #chain: Chain = { early: [], late: [], made: new Map() }

  constructor(settings: RelaySettings, deps: PolicyDeps) {
    this.#deps = deps
    this.reload(settings)
  }

  get minPowDifficulty(): number {
    let bits = 0
    for (const { policy } of this.#chain.early) bits = Math.max(bits, policy.minPowDifficulty?.() ?? 0)
    return bits
  }

  judgeEarly(event: NostrEvent, context: WriteContext): Verdict {
    const { early } = this.#chain
    const isVanish = event.kind === KINDS.VANISH
    for (let index = 0; index < early.length; index++) {
      const { policy, count } = early[index]!
      if (isVanish && policy.judgesVanish !== true) continue
      const verdict = policy.judge(event, context)
      if (verdict !== undefined) return counted(verdict, count)
      count.passed++
    }
    return undefined
  }

  judgeLate(event: NostrEvent, context: WriteContext): Verdict | Promise<Verdict> {
    return event.kind === KINDS.VANISH ? undefined : this.#judgeFrom(0, this.#chain.late, event, context)
  }

  #judgeFrom(
    first: number,
    late: Chain['late'],
    event: NostrEvent,
    context: WriteContext,
  ): Verdict | Promise<Verdict> {
    for (let index = first; index < late.length; index++) {
      const { policy, count } = late[index]!
      const verdict = policy.judge(event, context)
      if (verdict instanceof Promise) {
        return this.#afterwards(policy, verdict).then((given) => {
          if (given !== undefined) return counted(given, count)
          count.passed++
          return this.#judgeFrom(index + 1, late, event, context)
        })
      }
      if (verdict !== undefined) return counted(verdict, count)
      count.passed++
    }
    return undefined
  }

  /** A policy that fails must not take the event's answer with it. */
  async #afterwards({ name }: LatePolicy, verdict: Promise<Verdict>): Promise<Verdict> {
    try {
      return await verdict
    } catch (error) {
      const facts = { policy: name, message: error instanceof Error ? error.message : String(error) }
      this.#deps.notify({ event: 'policies.failed', level: 'error', facts })
      return FAILED
    }
  }

  stats(): Readonly<Record<string, Readonly<PolicyCount>>> {
    return Object.fromEntries([...this.#counts].map(([name, count]) => [name, { ...count }]))
  }

  state(): PolicyState {
    const policies = [...this.#chain.made.values()].map(({ policy }) => policy)
    return {
      remembered: Object.fromEntries(
        policies.flatMap((policy) =>
          policy.remembered === undefined ? [] : [[policy.name, policy.remembered()] as const],
        ),
      ),
      outside: Object.fromEntries(
        policies.flatMap((policy) =>
          policy.outside === undefined ? [] : [[policy.name, policy.outside()] as const],
        ),
      ),
    }
  }

  reload(settings: RelaySettings): void {
    const before = this.#chain.made
    const made = this.#make(settings)
    const placed = [...made.values()].map(({ policy }) => ({ policy, count: this.#countOf(policy.name) }))
    this.#chain = { early: placed.filter(isEarly), late: placed.filter(isLate), made }
    for (const [name, { policy }] of before) {
      if (made.get(name)?.policy !== policy) policy.close?.()
    }
  }

  close(): void {
    for (const { policy } of this.#chain.made.values()) policy.close?.()
  }

  /** Makes what is new and keeps what is not. When one cannot be made, those made before it are undone. */
  #make(settings: RelaySettings): Chain['made'] {
    const made = new Map<string, { readonly key: string; readonly policy: WritePolicy }>()
    const fresh: WritePolicy[] = []
    try {
      for (const definition of DEFINITIONS) {
        const prepared = definition.prepare(settings)
        if (prepared === undefined) continue
        const { name, key } = prepared
        const kept = this.#chain.made.get(name)
        if (kept?.key === key) made.set(name, kept)
        else {
          const policy = prepared.create(this.#deps)
          fresh.push(policy)
          made.set(name, { key, policy })
        }
      }
    } catch (error) {
      for (const policy of fresh) policy.close?.()
      throw error
    }
    return made
  }

  #countOf(name: string): PolicyCount {
    let count = this.#counts.get(name)
    if (count === undefined) {
      count = { passed: 0, refused: 0, pretended: 0, held: 0 }
      this.#counts.set(name, count)
    }
    return count
  }
}

function counted(verdict: NonNullable<Verdict>, count: PolicyCount): Verdict {
  if (verdict.do === 'refuse') count.refused++
  else if (verdict.do === 'pretend') count.pretended++
  else count.held++
  return verdict
}

function isEarly(placed: Placed<WritePolicy>): placed is Placed<EarlyPolicy> {
  return placed.policy.stage === 'before-signature'
}

function isLate(placed: Placed<WritePolicy>): placed is Placed<LatePolicy> {
  return placed.policy.stage === 'after-signature'
}

const FAILED: Verdict = {
  do: 'refuse',
  text: reason('error', 'the event could not be judged, try again later'),
}
