/**
 * How much a text looks like spam, as a sum of weights that can be read and explained. Nothing here is learnt, and
 * nothing is looked up elsewhere. It finds what is sent in numbers, and advertising; it does not find a well-written lie.
 */
import { createHash } from 'node:crypto'
import type { NostrEvent } from '../../nostr/index.ts'
import { RecentMap } from './recent-map.ts'

/** Texts that are remembered to find repeats. */
const REMEMBERED_TEXTS = 50_000
/** Shorter texts are greetings, and are repeated by everybody. Characters without spaces, digits and links. */
const SHORTEST_REPEAT = 12
/** A repeat counts within so many seconds. */
const REPEAT_WINDOW_SECONDS = 3 * 86_400
/** Only the beginning of a long text is looked at. */
const LOOKED_AT_CHARACTERS = 4_096

/** What each sign adds. 1 is meant as "probably spam". */
export const SPAM_WEIGHTS = {
  /** The same text from another key: from the third time on. */
  repeatedByOthers: 0.95,
  /** Once before. */
  repeatedOnce: 0.5,
  /** An invitation to a messenger, or a shortened link. */
  leadsElsewhere: 0.5,
  /** Words of advertising; each different one, up to three. */
  advertisingWord: 0.25,
  /** More than one link in a short text. */
  manyLinks: 0.3,
  /** More than ten mentions. */
  manyMentions: 0.5,
  /** More than five hashtags. */
  manyHashtags: 0.4,
  /** Characters that are not seen, amid others. */
  hiddenCharacters: 0.3,
  /** A long run without any space that is no link: random letters. */
  gibberish: 0.4,
  /** HTML, which no Nostr client shows. */
  markup: 0.3,
} as const

export type SpamSign = keyof typeof SPAM_WEIGHTS

export interface SpamScore {
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
    const signs = signsOf(text, event.tags)
    const repeats = this.#repeats(text, event.pubkey, nowSeconds)
    if (repeats >= 2) signs.push('repeatedByOthers')
    else if (repeats === 1) signs.push('repeatedOnce')
    return { score: signs.reduce((sum, sign) => sum + SPAM_WEIGHTS[sign], 0), signs }
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
const ELSEWHERE =
  /\b(?:t\.me|telegram\.me|wa\.me|chat\.whatsapp\.com|discord\.gg|bit\.ly|tinyurl\.com|goo\.gl|is\.gd|cutt\.ly)\/|telegram|wechat|whats ?app|微信|电报|tg群/iu
const MENTION = /(?:nostr:)?n(?:pub|profile)1[02-9ac-hj-np-z]{20,}|#\[\d+\]/giu
const HASHTAG = /(?:^|\s)#[\p{L}\p{N}_]+/gu
const HIDDEN = /[\u200B\u2060\u2062-\u2064\u202A-\u202E\u{E0000}-\u{E007F}]/gu
const LONG_RUN = /[A-Za-z0-9+/=]{120,}/u
const PREFIXED = /\b(?:lnbc|lnurl|npub|nprofile|nevent|naddr|note|cashu|bc)/iu
const MARKUP = /<(?:a|img|script|iframe|div|br)\b[^>]{0,500}>/iu
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Hangul}]/u

const ADVERTISING: readonly RegExp[] = [
  /airdrop|空投|红包|紅包/iu,
  /free (?:money|crypto|bitcoin|btc|eth|usdt)|免费|免費/iu,
  /referral|invit(?:e|ation) code|邀请码|邀請碼/iu,
  /click (?:here|on the link|the link|below)|点击|點擊/iu,
  /casino|博彩|赌|betting|slot games?/iu,
  /usdt|imtoken|trust ?wallet/iu,
  /onlyfans|porn|nude|escort|约炮|黑丝|无码|高清/iu,
  /guaranteed|double your|100% profit|earn \$|passive income|日赚|赚钱/iu,
  /加入|扫码|下载|群聊|社群|社区群/iu,
  /广告|廣告|刷粉|接单|自助平台|加v/iu,
  /buy followers|cheap followers|promo(?:tion)? code|limited (?:time )?offer/iu,
  /giving away|sending you|claim your/iu,
]

function signsOf(text: string, tags: NostrEvent['tags']): SpamSign[] {
  const signs: SpamSign[] = []
  const links = countOf(text, LINK)
  const words = text.replaceAll(LINK, ' ')
  if (ELSEWHERE.test(text)) signs.push('leadsElsewhere')
  for (const finds of advertisingIn(text)) signs.push(finds)
  if (links > 1 && words.length < links * 80) signs.push('manyLinks')
  if (Math.max(countOf(text, MENTION), countTags(tags, 'p')) > 10) signs.push('manyMentions')
  if (Math.max(countOf(text, HASHTAG), countTags(tags, 't')) > 5) signs.push('manyHashtags')
  if (countOf(text, HIDDEN) > 3) signs.push('hiddenCharacters')
  if (LONG_RUN.test(words) && !PREFIXED.test(words)) signs.push('gibberish')
  if (MARKUP.test(text)) signs.push('markup')
  return signs
}

/** One sign for each kind of advertising, at most three. */
function advertisingIn(text: string): readonly SpamSign[] {
  return ADVERTISING.filter((pattern) => pattern.test(text))
    .slice(0, 3)
    .map(() => 'advertisingWord')
}

function countOf(text: string, pattern: RegExp): number {
  let count = 0
  for (const _ of text.matchAll(pattern)) count++
  return count
}

function countTags(tags: NostrEvent['tags'], wanted: string): number {
  let count = 0
  for (const [name] of tags) if (name === wanted) count++
  return count
}

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
