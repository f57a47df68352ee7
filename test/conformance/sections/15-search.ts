import { connectAs } from '../kit/auth.ts'
import { type Client, isEventFrame } from '../kit/client.ts'
import { type Draft, idsOf, type WireEvent } from '../kit/event.ts'
import { checkPrefix } from '../kit/prefix.ts'
import type { Row } from '../kit/row.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, fail, skip, sleep } from '../kit/verdict.ts'
import { randomWord } from '../kit/words.ts'

/** How long a relay may take to find what it has just stored: an index may be filled beside the events. */
const INDEX_MS = 5000
const POLL_MS = 200

/** Words that mean nothing to a search, to make a text long. */
const FILLER = Array.from({ length: 120 }, (_, i) => `filler${String.fromCharCode(97 + (i % 26))}`).join(' ')

/** Nobody would call it anything else. */
const ADVERT =
  'free money, claim your airdrop now: https://t.me/airdrop https://bit.ly/casino, guaranteed 100% profit, buy followers'

export const rows: readonly Row[] = [
  {
    id: 'Q-01',
    level: 'S',
    claim: 'A search finds the events whose content holds the word, and no others',
    run: async (t) => {
      const [client, key, word] = [await searching(t), t.key(), randomWord()]
      const match = t.event(key, { content: `an ${word} a day` })
      await client.accept(match, t.event(key, { content: `a ${randomWord()} a day` }))
      await checkFound(client, { search: word }, [match])
      await checkFound(client, { search: word.toUpperCase() }, [match])
      checkSame(await client.query({ search: randomWord() }), [], 'a word that nobody wrote')
    },
  },
  {
    id: 'Q-02',
    level: 'S',
    claim: 'The best match comes first however old it is, and the limit cuts the others off',
    run: async (t) => {
      const [client, one, two] = [await searching(t), randomWord(), randomWord()]
      const text = (content: string, secondsAgo: number) =>
        t.event(t.key(), { content, created_at: t.now() - secondsAgo })
      const best = text(`${one} ${two}`, 600)
      const others = [60, 30, 0].map((age) => text(`${one} ${FILLER} ${two} ${FILLER}`, age))
      await client.accept(best, ...others)
      const found = await findAll(client, { search: `${one} ${two}` }, 4)
      checkSame(found[0]?.id, best.id, 'the first result')
      const cut = await client.query({ search: `${one} ${two}`, limit: 1 })
      checkSame(idsOf(cut), [best.id], 'the only result with limit 1')
    },
  },
  {
    id: 'Q-03',
    level: 'S',
    claim: 'The other members of the filter hold beside the text',
    run: async (t) => {
      const [client, key, search] = [await searching(t), t.key(), randomWord()]
      const [tag, now] = [randomWord(), t.now()]
      const draft = (rest: Partial<Draft>) => t.event(key, { content: `${search} again`, ...rest })
      const tagged = draft({ tags: [['t', tag]], created_at: now - 20 })
      const article = draft({ kind: 30023, tags: [['d', tag]], created_at: now - 40 })
      const foreign = t.event(t.key(), { content: search, created_at: now - 60 })
      await client.accept(tagged, article, foreign)
      await findAll(client, { search }, 3)
      await checkFound(client, { search, kinds: [30023] }, [article])
      await checkFound(client, { search, authors: [foreign.pubkey] }, [foreign])
      await checkFound(client, { search, '#t': [tag] }, [tagged])
      await checkFound(client, { search, since: now - 30 }, [tagged])
      await checkFound(client, { search, until: now - 50 }, [foreign])
      await checkFound(client, { search, authors: [key.pubkey], until: now - 30 }, [article])
    },
  },
  {
    id: 'Q-04',
    level: 'S',
    claim: 'A key:value that the relay does not know is ignored, and the rest of the search still works',
    run: async (t) => {
      const [client, word] = [await searching(t), randomWord()]
      const match = t.event(t.key(), { content: word })
      await client.accept(match)
      await checkFound(client, { search: `${word} conformance:unknown` }, [match])
      await checkFound(client, { search: `conformance:unknown ${word}` }, [match])
      checkSame(await client.query({ search: `${randomWord()} conformance:unknown` }), [], 'another word')
    },
  },
  {
    id: 'Q-05',
    level: 'O',
    claim: 'The extensions of NIP-50 are carried out or ignored, and never an error',
    run: async (t) => {
      const [client, word] = [await searching(t), randomWord()]
      await client.accept(t.event(t.key(), { content: `${word} is a fine English sentence` }))
      const found = await findAll(client, { search: word }, 1)
      const extensions = [
        'include:spam',
        'domain:example.com',
        'language:en',
        'sentiment:neutral',
        'nsfw:true',
      ]
      for (const extension of extensions) {
        const events = await client.query({ search: `${word} ${extension}` })
        const strangers = events.filter(({ id }) => !idsOf(found).includes(id))
        checkSame(strangers, [], `${extension} brings other events`)
        t.note(`${extension}: ${events.length === found.length ? 'all results' : 'fewer results'}`)
      }
    },
  },
  {
    id: 'Q-06',
    level: 'S',
    claim: 'Spam is left out of what a search finds and counts, and include:spam brings it back',
    run: async (t) => {
      const [client, word] = [await searching(t), randomWord()]
      const honest = t.event(t.key(), { content: `an ${word} a day` })
      const spam = t.event(t.key(), { content: `${word} ${ADVERT}` })
      await client.accept(honest)
      if (!(await client.publish(spam)).isAccepted) {
        t.note('spam is not even stored')
        return
      }
      const withSpam = { search: `${word} include:spam` }
      checkSame(idsOf(await findAll(client, withSpam, 2)).toSorted(), idsOf([honest, spam]).toSorted(), 'all')
      const usual = idsOf(await findAll(client, { search: word }, 1))
      check(usual.includes(honest.id), 'an honest note is left out')
      if (usual.includes(spam.id)) skip('this relay leaves no spam out')
      if (!t.info.nips.has(45)) return
      checkSame(await client.count({ search: word }), 1, 'COUNT without spam')
      checkSame(await client.count(withSpam), 2, 'COUNT with spam')
    },
  },
  {
    id: 'Q-07',
    level: 'P',
    claim: 'Without NIP-50 a search is refused with "unsupported:", and never answered with everything',
    needs: {
      relay: 'without NIP-50',
      isShown: (info) => !info.nips.has(50),
      settings: { search: false },
    },
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      await client.accept(t.event(key))
      const filter = { authors: [key.pubkey], search: randomWord() }
      await client.refuseRequest([filter], ['unsupported'], 'a search')
      if (!t.info.nips.has(45)) return
      const result = await client.countResult(filter)
      if (typeof result !== 'string') fail(`COUNT of a search was answered ${result.count}`)
      checkPrefix(result, ['unsupported'], 'COUNT of a search')
    },
  },
  {
    id: 'Q-08',
    level: 'P',
    claim: 'Empty, long and hostile search strings are answered, and the next search works',
    run: async (t) => {
      const [client, key, word] = [await searching(t), t.key(), randomWord()]
      const match = t.event(key, { content: word })
      await client.accept(match)
      for (const search of hostileSearches(word)) {
        const { closed, events } = await client.request({ search, authors: [key.pubkey] })
        if (closed !== undefined) checkPrefix(closed, ['invalid', 'unsupported'], JSON.stringify(search))
        check(events.length <= 1, `${JSON.stringify(search)} found ${events.length} events of one author`)
      }
      const { closed } = await client.request({ search: 7 })
      check(closed !== undefined, 'a search that is a number was answered')
      await checkFound(client, { search: word }, [match])
    },
  },
  {
    id: 'Q-09',
    level: 'P',
    claim: 'A search stays open for new events by the same words, or for none at all',
    run: async (t) => {
      const [client, writer, word] = [await searching(t), await t.connect(), randomWord()]
      const live = await client.subscribe('live', { search: `${word} foo:bar` })
      const [other, match] = [
        t.event(t.key(), { content: randomWord() }),
        t.event(t.key(), { content: `a live ${word}` }),
      ]
      await writer.accept(other, match)
      const seen = await client.find((m) => isEventFrame(m, 'live', match.id), t.options.quietMs)
      await live.silence('no event without the word comes')
      await checkFound(client, { search: word }, [match])
      t.note(seen === undefined ? 'searches have no live phase' : 'new matches come live')
    },
  },
  {
    id: 'Q-10',
    level: 'D',
    claim: 'Deleted, replaced, expired and private events are not found',
    timeoutMs: 30_000,
    run: async (t) => {
      const [client, key, search] = [await searching(t), t.key(), randomWord()]
      const now = t.now()
      const note = (rest: Partial<Draft> = {}) => t.event(key, { content: search, ...rest })
      const article = (created_at: number) => note({ kind: 30023, created_at, tags: [['d', 'x']] })
      const [deleted, kept, newer] = [note(), note({ tags: [['t', 'kept']] }), article(now)]
      await client.accept(deleted, kept, article(now - 10), newer)
      if (t.info.nips.has(40)) await client.accept(note({ tags: [['expiration', String(t.now() + 3)]] }))
      const wrap = note({ kind: 1059, tags: [['p', t.key().pubkey]] })
      if (t.info.nips.has(59) || t.info.nips.has(17)) await client.accept(wrap)
      await client.accept(t.event(key, { kind: 5, tags: [['e', deleted.id]] }))
      if (t.info.nips.has(40)) await sleep(5000)
      await checkFound(client, { search }, [kept, newer])
      if (!t.info.nips.has(42)) return
      const stranger = await connectAs(t, t.key())
      await checkFound(stranger, { search }, [kept, newer])
    },
  },
  {
    id: 'Q-11',
    level: 'D',
    claim:
      'Words of other scripts are found: accents, Cyrillic, Greek, Arabic, Devanagari, and parts of CJK text',
    run: async (t) => {
      const [client, key] = [await searching(t), t.key()]
      const texts: readonly (readonly [string, string])[] = [
        ['une crème brûlée à Paris', 'brûlée'],
        ['площадь для общины', 'площадь'],
        ['η αγορά της πόλης', 'αγορά'],
        ['السوق القديم في المدينة', 'السوق'],
        ['यह एक बाज़ार है', 'बाज़ार'],
        ['私は東京都に住んでいます', '東京'],
        ['广场上有很多人', '广场'],
        ['시장에서 만나요', '시장에서'],
      ]
      const events = texts.map(([content]) => t.event(key, { content }))
      await client.accept(...events)
      for (const [i, [, search]] of texts.entries())
        await checkFound(client, { search, authors: [key.pubkey] }, events.slice(i, i + 1))
    },
  },
]

/** A connection to a relay that has NIP-50. */
async function searching(t: Trial): Promise<Client> {
  t.requireNip(50)
  return t.connect()
}

/** Asks again until there are `count` results, for as long as an index may take. */
async function findAll(client: Client, filter: object, count: number): Promise<readonly WireEvent[]> {
  const deadline = Date.now() + INDEX_MS
  for (;;) {
    const events = await client.query(filter)
    if (events.length >= count) return events
    if (Date.now() > deadline) fail(`${JSON.stringify(filter)} found ${events.length} events, not ${count}`)
    await sleep(POLL_MS)
  }
}

/** The search must find exactly these, in any order. */
async function checkFound(client: Client, filter: object, events: readonly WireEvent[]): Promise<void> {
  const found = await findAll(client, filter, events.length)
  checkSame(idsOf(found).toSorted(), idsOf(events).toSorted(), `what ${JSON.stringify(filter)} finds`)
}

function hostileSearches(word: string): readonly string[] {
  return [
    '',
    ' ',
    word.repeat(1000),
    'x '.repeat(5000),
    '"',
    `"${word}`,
    `${word} AND (NOT`,
    `${word} & | ! <-> :*`,
    "'; DROP TABLE events; --",
    '%_\\*?[](){}^$',
    '\u0000',
    '\u202e\u200d\ufeff',
    ':',
    'a:b:c',
    '-',
  ]
}
