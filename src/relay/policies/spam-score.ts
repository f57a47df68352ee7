/**
 * How much a text looks like spam, as a sum of weights that can be read and explained. One of its signs is learnt (`src/spam`),
 * and nothing is looked up elsewhere. It finds what is sent in numbers, and advertising; it does not find a well-written lie.
 */
import { createHash } from 'node:crypto'
import { SPAM_SIGN_WEIGHTS, type SpamTextSign, spamSignsOf } from '../../events/index.ts'
import type { NostrEvent } from '../../nostr/index.ts'
import { SURELY_SPAM, spamProbability } from '../../spam/index.ts'
import { RecentMap } from './recent-map.ts'

/** Texts that are remembered to find repeats. */
const REMEMBERED_TEXTS = 50_000
/** Shorter texts are greetings, and are repeated by everybody. Characters without spaces, digits and links. */
const SHORTEST_REPEAT = 12
/** A repeat counts within so many seconds. */
const REPEAT_WINDOW_SECONDS = 3 * 86_400
/** Only the beginning of a long text is looked at. */
const LOOKED_AT_CHARACTERS = 4_096

/** What repeats add, in hundredths, to the signs of the text itself (`events/search/spam-signs.ts`). */
const REPEAT_WEIGHTS = {
  /** The same text from another key: from the third time on. */
  repeatedByOthers: 95,
  /** Once before. */
  repeatedOnce: 50,
} as const

/**
 * What the learnt model adds. Less than the recommended threshold: it is wrong about one in twelve of what it calls spam, and
 * then no other sign agrees as a rule.
 */
const LEARNT_WEIGHTS = {
  /** `spamProbability` is at least `SURELY_SPAM`. */
  looksLikeSpam: 60,
} as const

export type SpamSign = SpamTextSign | keyof typeof REPEAT_WEIGHTS | keyof typeof LEARNT_WEIGHTS

const WEIGHTS: Readonly<Record<SpamSign, number>> = {
  ...SPAM_SIGN_WEIGHTS,
  ...REPEAT_WEIGHTS,
  ...LEARNT_WEIGHTS,
}

export interface SpamScore {
  /** In hundredths. */
  readonly score: number
  /** The signs that were found, for the moderator. */
  readonly signs: readonly SpamSign[]
}

interface SeenText {
  readonly pubkey: string
  times: number
  seenAtSeconds: number
}

/** Scores texts, and remembers them to find repeats. */
export class SpamScorer {
  readonly #seen = new RecentMap<SeenText>(REMEMBERED_TEXTS)

  score(event: Pick<NostrEvent, 'pubkey' | 'content' | 'tags'>, nowSeconds: number): SpamScore {
    const text = event.content.slice(0, LOOKED_AT_CHARACTERS)
    const signs: SpamSign[] = spamSignsOf(event)
    if (spamProbability(text) >= SURELY_SPAM) signs.push('looksLikeSpam')
    const repeats = this.#repeats(text, event.pubkey, nowSeconds)
    if (repeats >= 2) signs.push('repeatedByOthers')
    else if (repeats === 1) signs.push('repeatedOnce')
    return { score: signs.reduce((sum, sign) => sum + WEIGHTS[sign], 0), signs }
  }

  /** Texts that it remembers. */
  get seen(): number {
    return this.#seen.size
  }

  /** How often other keys have said this before. One key that repeats itself is held by the rates. */
  #repeats(text: string, pubkey: string, nowSeconds: number): number {
    const skeleton = skeletonOf(text)
    if (
      skeleton.length < SHORTEST_REPEAT &&
      !(UNSPACED.test(skeleton) && skeleton.length >= SHORTEST_REPEAT / 2)
    ) {
      return 0
    }
    const name = createHash('sha256').update(skeleton).digest('base64')
    const seen = this.#seen.get(name)
    if (seen === undefined || nowSeconds - seen.seenAtSeconds > REPEAT_WINDOW_SECONDS) {
      this.#seen.set(name, { pubkey, times: 0, seenAtSeconds: nowSeconds })
      return 0
    }
    seen.seenAtSeconds = nowSeconds
    if (seen.pubkey === pubkey && seen.times === 0) return 0
    seen.times++
    // What is still being repeated moves among the young, and is not forgotten.
    this.#seen.set(name, seen)
    return seen.times
  }
}

const LINK = /https?:\/\/[^\s]+/giu
const MENTION = /(?:nostr:)?n(?:pub|profile)1[02-9ac-hj-np-z]{20,}|#\[\d+\]/giu
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Hangul}]/u

/** What stays the same when a machine varies a text: letters only, without links and numbers. */
function skeletonOf(text: string): string {
  return text
    .replaceAll(LINK, hostOf)
    .replaceAll(MENTION, '')
    .toLowerCase()
    .replaceAll(/[^\p{L}]/gu, '')
}

/** Links are varied at their end; where they lead stays the same. */
function hostOf(link: string): string {
  return /^https?:\/\/([^/?#\s]+)/iu.exec(link)?.[1] ?? ''
}
