import { expect } from 'vitest'
import { alice, bob, NOW_SECONDS, testEvent } from '../testing/index.ts'
import { byLowestId, type Claim, idsOf } from './claim.ts'

const note = (content: string, fields: Parameters<typeof testEvent>[0] = {}) =>
  testEvent({ content, ...fields })

const orange = note('an orange a day')
const apple = note('an apple a day')

/** Three kinds of advertising, and an invitation elsewhere: 125 hundredths. */
const ADVERT = 'free money, claim your airdrop https://t.me/x'

/** Search (NIP-50). What words and scores are is told by `search/`; here, that an engine finds and orders by them. */
export function searchClaims(claim: Claim): void {
  claim('a search finds the events that hold all its words (Q-01)', async ({ put, find, count }) => {
    const both = note('oranges: orange and apple')
    await put([orange, apple, both])
    expect(new Set(await find({ search: 'ORANGE' }))).toEqual(new Set(idsOf(orange, both)))
    expect(await find({ search: 'apple orange' })).toEqual([both.id])
    expect(await find({ search: 'pear' })).toEqual([])
    expect(await count({ search: 'day' })).toBe(2)
  })

  claim(
    'the most relevant comes first, however old, and the limit keeps it (Q-02)',
    async ({ put, find }) => {
      const best = note('orange', { created_at: NOW_SECONDS - 1_000_000 })
      const good = note('an orange a day keeps', { created_at: NOW_SECONDS - 500 })
      const weak = note(`orange ${'and more '.repeat(50)}`)
      await put([weak, best, good])
      expect(await find({ search: 'orange' })).toEqual(idsOf(best, good, weak))
      expect(await find({ search: 'orange', limit: 2 })).toEqual(idsOf(best, good))
      expect(await find({ search: 'orange', limit: 0 })).toEqual([])
    },
  )

  claim('of equally relevant events the newest comes first, then the lowest id', async ({ put, find }) => {
    const [lower, higher] = byLowestId(note('orange a'), note('orange b'))
    const newer = note('orange c', { created_at: NOW_SECONDS + 1 })
    await put([higher, newer, lower])
    expect(await find({ search: 'orange' })).toEqual(idsOf(newer, lower, higher))
    expect(await find({ search: 'orange', limit: 2 })).toEqual(idsOf(newer, lower))
  })

  claim('a phrase as typed comes before the same words apart', async ({ put, find }) => {
    const apart = note('network of lightning', { created_at: NOW_SECONDS + 1 })
    const phrase = note('the lightning network')
    await put([phrase, apart])
    expect(await find({ search: 'lightning network' })).toEqual(idsOf(phrase, apart))
  })

  claim('the other conditions of the filter hold as well (Q-03)', async ({ put, find }) => {
    const wanted = note('orange', {
      pubkey: bob,
      kind: 30023,
      tags: [['t', 'x']],
      created_at: NOW_SECONDS - 5,
    })
    await put([
      orange,
      wanted,
      note('orange', { pubkey: bob }),
      note('orange', { created_at: NOW_SECONDS - 10 }),
    ])
    const search = 'orange'
    expect(await find({ search, authors: [bob], kinds: [30023] })).toEqual([wanted.id])
    expect(await find({ search, tags: [{ name: 't', values: ['x', 'y'] }] })).toEqual([wanted.id])
    expect(await find({ search, since: NOW_SECONDS - 5, until: NOW_SECONDS - 5 })).toEqual([wanted.id])
    expect(await find({ search, ids: idsOf(wanted, apple) })).toEqual([wanted.id])
    expect(await find({ search, kinds: [] })).toEqual([])
  })

  claim('extensions are ignored; alone, they are no condition (Q-04)', async ({ put, find }) => {
    await put([orange, apple])
    expect(await find({ search: 'orange foo:bar include:spam' })).toEqual([orange.id])
    expect(new Set(await find({ search: 'language:en' }))).toEqual(new Set(idsOf(orange, apple)))
    expect(new Set(await find({ search: '' }))).toEqual(new Set(idsOf(orange, apple)))
    expect(await find({ search: '?!' })).toEqual([])
  })

  claim('spam is left out where that is asked for, and include:spam brings it back (Q-06)', async (bench) => {
    const { put, find, count } = bench
    const spam = note(`an orange a day: ${ADVERT}`)
    await put([orange, spam, apple])
    const left = { search: 'orange', spamFrom: 60 }
    expect(await find(left)).toEqual([orange.id])
    expect(await count(left)).toBe(1)
    expect(await count([left, { search: 'apple', spamFrom: 60 }])).toBe(2)
    expect((await bench.store.sketch(left, 8, NOW_SECONDS)).count).toBe(1)
    const all = new Set(idsOf(orange, spam))
    expect(new Set(await find({ ...left, search: 'orange include:spam' }))).toEqual(all)
    expect(await count({ ...left, search: 'Include:Spam orange' })).toBe(2)
    expect(new Set(await find({ search: 'orange' }))).toEqual(all)
  })

  claim('spam takes no place in the limit, however relevant it is (Q-06)', async ({ put, find }) => {
    const spam = Array.from({ length: 5 }, (_, n) => note(`orange orange orange ${ADVERT} ${n}`))
    const weak = note(`orange ${'and more '.repeat(50)}`)
    await put([weak, orange, ...spam])
    expect(await find({ search: 'orange', limit: 2, spamFrom: 60 })).toEqual(idsOf(orange, weak))
    expect(await find({ search: 'orange', limit: 1, spamFrom: 60 })).toEqual([orange.id])
  })

  claim('only texts are spam, and only for a search (Q-06)', async ({ put, find }) => {
    const article = note(`orange ${ADVERT}`, { kind: 30_023, tags: [['d', 'a']] })
    const spam = note(ADVERT)
    await put([article, spam])
    expect(await find({ search: 'orange', spamFrom: 60 })).toEqual([article.id])
    expect(new Set(await find({ search: 'lang:en', spamFrom: 60 }))).toEqual(new Set(idsOf(article, spam)))
    expect(new Set(await find({ spamFrom: 60 }))).toEqual(new Set(idsOf(article, spam)))
    // A score of exactly as much is too much, one more is not reached.
    expect(await find({ search: 'airdrop', kinds: [1], spamFrom: 125 })).toEqual([])
    expect(await find({ search: 'airdrop', kinds: [1], spamFrom: 126 })).toEqual([spam.id])
  })

  claim('what is typed is no error, whatever it is (Q-08)', async ({ put, find }) => {
    await put([orange])
    for (const search of ["'; DROP TABLE", '%_\\', '\uD800', '\u0000', '& | ! <-> :*', 'x'.repeat(10_240)])
      expect(await find({ search }), search).toEqual([])
    for (const search of ['"orange', 'orange & day', '-orange', '(orange OR'])
      expect(await find({ search }), search).toEqual(search.includes('OR') ? [] : [orange.id])
    expect(await find({ search: 'orange '.repeat(1_500) })).toEqual([orange.id])
  })

  claim('several searches are answered together, each with its limit', async ({ put, find }) => {
    const two = note('apple orange apple orange')
    await put([orange, apple, two])
    const found = await find([
      { search: 'orange', limit: 1 },
      { search: 'apple', limit: 1 },
    ])
    expect(found).toEqual([two.id])
    expect(new Set(await find([{ search: 'orange' }, { search: 'apple' }]))).toEqual(
      new Set(idsOf(orange, apple, two)),
    )
  })

  claim(
    'what a search finds comes before what other filters find, and once',
    async ({ put, find, count }) => {
      const old = note('orange', { created_at: NOW_SECONDS - 100 })
      await put([old, orange, apple])
      const filters = [{ authors: [alice] }, { search: 'orange' }]
      expect(await find(filters)).toEqual(idsOf(old, orange, apple))
      expect(await count(filters)).toBe(3)
      const newest = note('plum', { created_at: NOW_SECONDS + 1 })
      await put([newest])
      // The one that a limit keeps may be the one that the search has found.
      expect(await find([{ search: 'plum' }, { limit: 1 }])).toEqual([newest.id])
    },
  )

  claim(
    'what is gone is not found: deleted, replaced, removed, expired (Q-10)',
    async ({ store, put, find }) => {
      const profile = (name: string, created_at: number) =>
        testEvent({ kind: 0, content: JSON.stringify({ name }), created_at })
      const expiring = note('orange soon gone', { tags: [['expiration', `${NOW_SECONDS + 1}`]] })
      const removed = note('orange removed')
      await put([orange, expiring, removed, profile('orange', NOW_SECONDS - 1)])
      expect(await find({ search: 'orange' })).toHaveLength(4)
      await put([profile('plum', NOW_SECONDS), testEvent({ kind: 5, tags: [['e', orange.id]] })])
      await store.remove([removed.id])
      expect(await find({ search: 'orange' }, NOW_SECONDS + 1)).toEqual([])
      expect(await find({ search: 'plum' })).toHaveLength(1)
    },
  )

  claim('what is encrypted is never found, whoever asks (Q-10)', async ({ put, find }) => {
    await put([4, 1059, 14, 13].map((kind) => note('orange', { kind })))
    expect(await find({ search: 'orange' })).toEqual([])
  })

  claim('words of every script are found, and parts of what has no spaces (Q-11)', async ({ put, find }) => {
    const texts = [
      'un café crème',
      '我喜欢闪电网络',
      'ビットコインを買う',
      '비트코인은 좋다',
      'Ёлка',
      'สวัสดีชาวโลก',
    ]
    const events = texts.map((text) => note(text))
    await put(events)
    for (const [n, search] of ['CAFE', '闪电', 'コイン', '비트코인', 'елка', 'ชาว'].entries())
      expect(await find({ search }), search).toEqual([events[n]?.id])
    expect(await find({ search: '我' })).toEqual([events[1]?.id])
  })

  claim('opened again, the same is found', async ({ put, find, reopen }) => {
    await put([orange, apple, note('orange orange')])
    const before = await find({ search: 'orange' })
    const again = await reopen()
    expect(await again.find({ search: 'orange' })).toEqual(before)
    expect(before).toHaveLength(2)
  })
}
