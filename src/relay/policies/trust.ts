import type { NostrEvent } from '../../nostr/index.ts'
import type { PolicySettings } from '../settings.ts'
import { isKnown } from './access.ts'
import { trustedKeys } from './follow-graph.ts'
import { KeySet } from './key-set.ts'
import { asksForStanding, KindSet } from './kind-set.ts'
import { definePolicy, type LatePolicy, type PolicyDeps, type Verdict, type WriteContext } from './policy.ts'
import { refuse, verdictOf } from './verdicts.ts'

/** Web of trust: authors whom nobody follows, among those who are followed from the seeds. */
export const trust = definePolicy({
  name: 'trust',
  pick: ({ policies }) => (policies.trust.seeds.length === 0 ? undefined : policies.trust),
  create: (own, deps) => new TrustPolicy(own, deps),
})

type TrustSettings = PolicySettings['trust']

class TrustPolicy implements LatePolicy {
  readonly name = 'trust'
  readonly stage = 'after-signature'
  readonly #settings: TrustSettings
  readonly #deps: PolicyDeps
  readonly #exempt: KindSet
  readonly #verdict: Verdict
  readonly #ending = new AbortController()
  readonly #refreshing: NodeJS.Timeout
  #trusted: KeySet | undefined
  #isBuilding = false

  constructor(settings: TrustSettings, deps: PolicyDeps) {
    this.#settings = settings
    this.#deps = deps
    this.#exempt = new KindSet(settings.exemptKinds)
    this.#verdict = verdictOf(
      settings.action,
      'its author is not followed by enough people who are known here',
    )
    this.#refreshing = setInterval(() => void this.#build(), settings.refreshSeconds * 1_000)
    this.#refreshing.unref()
    void this.#build()
  }

  judge(event: NostrEvent, context: WriteContext): Verdict {
    if (this.#exempt.has(event.kind) || asksForStanding(event.kind)) return undefined
    if (isKnown(event, context, this.#deps.lists)) return undefined
    if (this.#trusted === undefined) return this.#settings.whenUnready === 'accept' ? undefined : UNREADY
    return this.#trusted.has(event.pubkey) ? undefined : this.#verdict
  }

  remembered(): number {
    return this.#trusted?.size ?? 0
  }

  close(): void {
    clearInterval(this.#refreshing)
    this.#ending.abort()
  }

  /** Never throws: what could not be read is tried again at the next refresh, and the last graph stays in force. */
  async #build(): Promise<void> {
    if (this.#isBuilding) return
    this.#isBuilding = true
    const { store, clock, notify } = this.#deps
    const startedMs = clock.nowMs()
    try {
      const { signal } = this.#ending
      const keys = await trustedKeys(this.#settings, { store, nowSeconds: clock.nowSeconds(), signal })
      if (signal.aborted) return
      this.#trusted = new KeySet(keys, keys.size)
      const facts = { keys: keys.size, tookMs: clock.nowMs() - startedMs }
      notify({ event: 'policies.trust_built', level: 'info', facts })
    } catch (error) {
      const facts = { message: error instanceof Error ? error.message : String(error) }
      notify({ event: 'policies.trust_failed', level: 'error', facts })
    } finally {
      this.#isBuilding = false
    }
  }
}

const UNREADY = refuse('error', 'the relay is still finding out whom it knows, try again in a minute')
