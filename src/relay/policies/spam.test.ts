import { describe, expect, test } from 'vitest'
import { SpamScorer } from './spam-score.ts'
import { ALICE, NOW_SECONDS, testContext, testDeps, testEvent, testSettings } from './testing/policy-kit.ts'
import { createWritePolicies } from './write-policies.ts'

const key = (number: number) => number.toString(16).padStart(64, '0')

function signs(content: string, tags: readonly (readonly string[])[] = []) {
  return new SpamScorer().score({ pubkey: ALICE, content, tags }, NOW_SECONDS).signs
}

describe('what is said every day has no sign of spam', () => {
  test.each([
    'gm',
    'Bonjour à tous, quelle belle journée !',
    'https://example.com/a-photo.jpg',
    'I wrote about relays today: https://example.org/relays #nostr',
    'npub1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq said it best',
    `lnbc200u1p${'q3x7'.repeat(60)}`,
    '今日はいい天気ですね',
  ])('%s', (content) => {
    expect(signs(content)).toEqual([])
  })
})

describe('signs', () => {
  test.each([
    ['leadsElsewhere', 'join us: https://t.me/somewhere'],
    ['advertisingWord', 'claim your airdrop'],
    ['manyLinks', 'https://a.example https://b.example'],
    ['manyHashtags', '#a #b #c #d #e #f'],
    ['hiddenCharacters', 'a\u200Bb\u200Bc\u200Bd\u200B'],
    ['gibberish', 'q9XzKf0LmW'.repeat(14)],
    ['markup', '<a href="https://x.example">x</a>'],
    ['looksLikeSpam', '免费领取USDT红包 https://t.me/somewhere 点击链接'],
  ])('%s: %s', (sign, content) => {
    expect(signs(content)).toContain(sign)
  })

  test('manyMentions, by tags', () => {
    expect(
      signs(
        'hello',
        Array.from({ length: 11 }, (_, index) => ['p', key(index)]),
      ),
    ).toContain('manyMentions')
  })
})

describe('a repeat', () => {
  const text = 'A very special message for all of you, number '

  test('counts when other keys send it, however its numbers and links are varied', () => {
    const scorer = new SpamScorer()
    const scores = [1, 2, 3].map((n) =>
      scorer.score({ pubkey: key(n), content: `${text}${n}`, tags: [] }, NOW_SECONDS),
    )
    expect(scores.map(({ signs: found }) => found)).toEqual([[], ['repeatedOnce'], ['repeatedByOthers']])
  })

  test('of one key, of a greeting, and of a text of long ago counts for nothing', () => {
    const scorer = new SpamScorer()
    const score = (pubkey: string, content: string, atSeconds = NOW_SECONDS) =>
      scorer.score({ pubkey, content, tags: [] }, atSeconds).score
    expect([1, 2, 3].map(() => score(ALICE, text))).toEqual([0, 0, 0])
    expect([1, 2, 3].map((n) => score(key(n), 'good morning'))).toEqual([0, 0, 0])
    score(key(1), 'something that was said once')
    expect(score(key(2), 'something that was said once', NOW_SECONDS + 30 * 86_400)).toBe(0)
  })
})

test('what is learnt counts beside the other signs, and alone stays below the recommended threshold', () => {
  const scorer = new SpamScorer()
  const score = (content: string) => scorer.score({ pubkey: ALICE, content, tags: [] }, NOW_SECONDS)
  expect(score('Follow me I follow back')).toEqual({ score: 60, signs: ['looksLikeSpam'] })
  expect(score('Damus 中文社群 https://t.me/abc').score).toBeGreaterThanOrEqual(100)
})

test('spam is stopped from the threshold on, members and other kinds are not scored', () => {
  const settings = testSettings({ policies: { spam: { threshold: 75, action: 'refuse' } } })
  const policies = createWritePolicies(settings, testDeps())
  const advert = { content: 'free money, claim your airdrop https://t.me/x' }
  expect(policies.judgeLate(testEvent(advert), testContext())).toMatchObject({ do: 'refuse' })
  expect(policies.judgeLate(testEvent({ ...advert, kind: 30_023 }), testContext())).toBeUndefined()
  expect(policies.judgeLate(testEvent(advert), testContext({ level: 2 }))).toBeUndefined()
  expect(policies.judgeLate(testEvent({ content: 'hello' }), testContext())).toBeUndefined()
})
