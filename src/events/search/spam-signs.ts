/**
 * The signs of spam that a text bears by itself, as weights that can be read and explained. Nothing here is learnt, and
 * nothing is looked up elsewhere: the same text has the same signs in every engine, today and tomorrow. It finds
 * advertising; it does not find a well-written lie. What only shows in numbers (repeats) is the business of whoever sees
 * events come in.
 */
import type { NostrEvent } from '../../nostr/index.ts'

/** Only the beginning of a long text is looked at, in UTF-16 units. */
const LOOKED_AT_UNITS = 4_096

/** What each sign adds, in hundredths. 100 is meant as "surely spam". */
export const SPAM_SIGN_WEIGHTS = {
  /** An invitation to a messenger, or a shortened link. */
  leadsElsewhere: 50,
  /** Words of advertising; each different one, up to three. */
  advertisingWord: 25,
  /** More than one link in a short text. */
  manyLinks: 30,
  /** More than ten mentions. */
  manyMentions: 50,
  /** More than five hashtags. */
  manyHashtags: 40,
  /** Characters that are not seen, amid others. */
  hiddenCharacters: 30,
  /** A long run without any space that is no link: random letters. */
  gibberish: 40,
  /** HTML, which no Nostr client shows. */
  markup: 30,
} as const

export type SpamTextSign = keyof typeof SPAM_SIGN_WEIGHTS

/** Kinds of texts that people read and machines send: notes, chat, comments, forum posts. */
const SCORED_KINDS: ReadonlySet<number> = new Set([1, 9, 11, 42, 1111, 1311])

/** Are texts of this kind looked at for spam at all? */
export function isSpamScoredKind(kind: number): boolean {
  return SCORED_KINDS.has(kind)
}

/** How much an event looks like spam by its own text, in hundredths; 0 for kinds that are not looked at. */
export function spamScoreOf(event: Pick<NostrEvent, 'kind' | 'tags' | 'content'>): number {
  if (!isSpamScoredKind(event.kind)) return 0
  return spamSignsOf(event).reduce((sum, sign) => sum + SPAM_SIGN_WEIGHTS[sign], 0)
}

/** The signs that are found in a text, whatever its kind. */
export function spamSignsOf({ content, tags }: Pick<NostrEvent, 'tags' | 'content'>): SpamTextSign[] {
  const text = content.slice(0, LOOKED_AT_UNITS)
  const signs: SpamTextSign[] = []
  const links = text.includes('://') ? countOf(text, LINK) : 0
  const words = links === 0 ? text : text.replaceAll(LINK, ' ')
  if (ELSEWHERE.test(text)) signs.push('leadsElsewhere')
  // Most texts have no word of any of them, and one look tells.
  if (ANY_ADVERTISING.test(text)) signs.push(...advertisingIn(text))
  if (links > 1 && words.length < links * 80) signs.push('manyLinks')
  if (Math.max(countOf(text, MENTION), countTags(tags, 'p')) > 10) signs.push('manyMentions')
  const hashtags = text.includes('#') ? countOf(text, HASHTAG) : 0
  if (Math.max(hashtags, countTags(tags, 't')) > 5) signs.push('manyHashtags')
  if (countOf(text, HIDDEN) > 3) signs.push('hiddenCharacters')
  if (words.length >= LONG_RUN_UNITS && LONG_RUN.test(words) && !PREFIXED.test(words)) signs.push('gibberish')
  if (text.includes('<') && MARKUP.test(text)) signs.push('markup')
  return signs
}

const LINK = /https?:\/\/[^\s]+/giu
const ELSEWHERE =
  /\b(?:t\.me|telegram\.me|wa\.me|chat\.whatsapp\.com|discord\.gg|bit\.ly|tinyurl\.com|goo\.gl|is\.gd|cutt\.ly)\/|telegram|wechat|whats ?app|微信|电报|tg群/iu
const MENTION = /(?:nostr:)?n(?:pub|profile)1[02-9ac-hj-np-z]{20,}|#\[\d+\]/giu
const HASHTAG = /(?:^|\s)#[\p{L}\p{N}_]+/gu
const HIDDEN = /[\u200B\u2060\u2062-\u2064\u202A-\u202E\u{E0000}-\u{E007F}]/gu
// Looked for from its beginning only: otherwise each of its characters begins a search of its own.
const LONG_RUN = /(?<![A-Za-z0-9+/=])[A-Za-z0-9+/=]{120,}/u
const LONG_RUN_UNITS = 120
const PREFIXED = /\b(?:lnbc|lnurl1|npub1|nprofile1|nevent1|naddr1|note1|cashu[ab]|bc1)/iu
const MARKUP = /<(?:a|img|script|iframe|div|br)\b[^<>]{0,500}>/iu

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

const ANY_ADVERTISING = new RegExp(ADVERTISING.map(({ source }) => `(?:${source})`).join('|'), 'iu')

/** One sign for each kind of advertising, at most three. */
function advertisingIn(text: string): readonly SpamTextSign[] {
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
