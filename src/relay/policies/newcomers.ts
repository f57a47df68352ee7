import type { NostrEvent } from '../../nostr/index.ts'
import type { KindRange, PolicyAction } from '../settings.ts'
import { isKnown } from './access.ts'
import { boundsOf, KindSet } from './kind-set.ts'
import { definePolicy, type LatePolicy, type PolicyDeps, type Verdict, type WriteContext } from './policy.ts'
import { RecentMap } from './recent-map.ts'
import { verdictOf } from './verdicts.ts'

/** Keys that are remembered as known, so that most events ask the store nothing. */
const REMEMBERED_KEYS = 50_000
/** Questions to the store at a time; beyond them an author counts as new. */
const MAX_OPEN_QUESTIONS = 1_000

/** The first posts of a key: until one of them is stored (a moderator stores it), they all wait. */
export const newcomers = definePolicy({
  name: 'newcomers',
  pick: ({ policies }) => {
    const { action, kinds } = policies.newcomers
    return action === 'accept' ? undefined : { action, kinds }
  },
  create: (own, deps) => new NewcomerPolicy(own, deps),
})

interface NewcomerSettings {
  readonly action: PolicyAction
  readonly kinds: readonly KindRange[]
}

class NewcomerPolicy implements LatePolicy {
  readonly name = 'newcomers'
  readonly stage = 'after-signature'
  readonly #deps: PolicyDeps
  readonly #kinds: KindSet
  readonly #kindList: readonly number[]
  readonly #verdict: Verdict
  readonly #known = new RecentMap<true>(REMEMBERED_KEYS)
  #openQuestions = 0

  constructor({ action, kinds }: NewcomerSettings, deps: PolicyDeps) {
    this.#deps = deps
    this.#kinds = new KindSet(kinds)
    this.#kindList = kinds.flatMap(listKinds)
    this.#verdict = verdictOf(action, 'the first event of this key')
  }

  judge(event: NostrEvent, context: WriteContext): Verdict | Promise<Verdict> {
    if (!this.#kinds.has(event.kind) || isKnown(event, context, this.#deps.lists)) return undefined
    if (this.#known.get(event.pubkey) === true) return undefined
    if (this.#openQuestions >= MAX_OPEN_QUESTIONS) return this.#verdict
    return this.#ask(event.pubkey, context.nowSeconds)
  }

  remembered(): number {
    return this.#known.size
  }

  async #ask(pubkey: string, nowSeconds: number): Promise<Verdict> {
    this.#openQuestions++
    try {
      const filter = { authors: [pubkey], kinds: this.#kindList, limit: 1 }
      const cursor = this.#deps.store.query([filter], nowSeconds)
      for (let page = await cursor.next(1); ; page = await cursor.next(1)) {
        if (page.count > 0) {
          this.#known.set(pubkey, true)
          return undefined
        }
        if (page.done) return this.#verdict
      }
    } finally {
      this.#openQuestions--
    }
  }
}

function listKinds(range: KindRange): readonly number[] {
  const [first, last] = boundsOf(range)
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}
