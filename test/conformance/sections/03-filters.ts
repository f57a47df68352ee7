import type { Client } from '../kit/client.ts'
import { byNewest, idsOf, type WireEvent } from '../kit/event.ts'
import type { Key } from '../kit/keys.ts'
import { checkPrefix } from '../kit/prefix.ts'
import type { Row } from '../kit/row.ts'
import { randomHex } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, skip, sleep } from '../kit/verdict.ts'

const LETTERS = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ']
/** The longest list of events that a row signs to pass a limit. */
const MAX_SIGNED = 1100

export const rows: readonly Row[] = [
  {
    id: 'F-01',
    level: 'M',
    claim: 'ids, authors, kinds, #x, since and until alone each match exactly',
    run: async (t) => {
      const { client, one, two } = await twoEvents(t)
      await checkIds(client, { ids: [one.id] }, [one])
      await checkIds(client, { authors: [two.pubkey] }, [two])
      await checkIds(client, { '#t': [two.tags[0]?.[1]] }, [two])
      await checkAlone(client, { kinds: [two.kind] }, (event) => event.kind === two.kind, two)
      await checkAlone(client, { since: one.created_at }, (event) => event.created_at >= one.created_at, one)
      const until = two.created_at
      await checkAlone(client, { until, limit: 100 }, (event) => event.created_at <= until, undefined)
    },
  },
  {
    id: 'F-02',
    level: 'M',
    claim: 'Several attributes of one filter must all match',
    run: async (t) => {
      const { client, one, two } = await twoEvents(t)
      await checkIds(client, { ids: [one.id], authors: [one.pubkey], kinds: [one.kind], until: t.now() }, [
        one,
      ])
      await checkIds(client, { ids: [one.id], authors: [two.pubkey] }, [])
      await checkIds(client, { authors: [one.pubkey], kinds: [two.kind] }, [])
      await checkIds(client, { authors: [one.pubkey], since: one.created_at + 1 }, [])
    },
  },
  {
    id: 'F-03',
    level: 'M',
    claim: 'Of several values in one list any may match',
    run: async (t) => {
      const { client, one, two } = await twoEvents(t)
      const both = [one, two]
      await checkIds(client, { ids: [one.id, two.id, randomHex()] }, both)
      await checkIds(client, { authors: [one.pubkey, two.pubkey, t.key().pubkey] }, both)
      await checkIds(client, { '#t': [one.tags[0]?.[1], two.tags[0]?.[1], 'neither'] }, both)
      await checkIds(client, { kinds: [one.kind, two.kind], authors: [one.pubkey, two.pubkey] }, both)
    },
  },
  {
    id: 'F-04',
    level: 'M',
    claim: 'Two tag attributes must both match',
    run: async (t) => {
      const [client, a, b] = [await t.connect(), randomHex(8), randomHex(8)]
      const whole = t.event(t.key(), {
        tags: [
          ['t', a],
          ['r', b],
        ],
      })
      const half = t.event(t.key(), {
        tags: [
          ['t', a],
          ['r', 'elsewhere'],
        ],
      })
      await client.accept(whole, half)
      await checkIds(client, { '#t': [a], '#r': [b] }, [whole])
      await checkIds(client, { '#t': [a] }, [whole, half])
    },
  },
  {
    id: 'F-05',
    level: 'M',
    claim: 'Of several filters any may match',
    run: async (t) => {
      const { client, one, two } = await twoEvents(t)
      const stored = await client.query({ authors: [one.pubkey] }, { ids: [two.id] }, { ids: [randomHex()] })
      checkSame(idsOf(stored).toSorted(), idsOf([one, two]).toSorted(), 'ids for three filters')
    },
  },
  {
    id: 'F-06',
    level: 'D',
    claim: 'An event that matches two filters of one REQ is sent once, stored and live',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const [stored, live] = [t.event(key), t.event(key)]
      await client.accept(stored)
      const subscription = await client.subscribe(
        'twice',
        { authors: [key.pubkey] },
        { kinds: [1], authors: [key.pubkey] },
      )
      checkSame(idsOf(subscription.stored), [stored.id], 'stored ids')
      await client.accept(live)
      await subscription.expectEvent(live)
      await subscription.silence('the live event is sent once')
    },
  },
  {
    id: 'F-07',
    level: 'M',
    claim: 'A prefix in ids, authors, #e or #p is refused; it never matches',
    run: async (t) => {
      const { client, filters } = await hexFilters(t)
      for (const { attribute, value } of filters) {
        await client.refuseRequest(
          [{ [attribute]: [value.slice(0, 10)] }],
          ['invalid'],
          `prefix in ${attribute}`,
        )
      }
    },
  },
  {
    id: 'F-08',
    level: 'M',
    claim: 'Uppercase hex in ids, authors, #e or #p is refused or matches nothing',
    run: async (t) => {
      const { client, filters } = await hexFilters(t)
      for (const { attribute, value } of filters) {
        const { events, closed } = await client.request({ [attribute]: [value.toUpperCase()] })
        if (closed !== undefined) checkPrefix(closed, ['invalid'], `uppercase in ${attribute}`)
        checkSame(events, [], `events for uppercase ${attribute}`)
      }
    },
  },
  {
    id: 'F-09',
    level: 'M',
    claim: 'Tag values are compared exactly: another case is no match',
    run: async (t) => {
      const [client, value] = [await t.connect(), `Word-${randomHex(8)}`]
      const event = t.event(t.key(), { tags: [['t', value]] })
      await client.accept(event)
      await checkIds(client, { '#t': [value] }, [event])
      await checkIds(client, { '#t': [value.toLowerCase()] }, [])
      await checkIds(client, { '#t': [value.toUpperCase()] }, [])
    },
  },
  {
    id: 'F-10',
    level: 'M',
    claim: 'All 52 one-letter tags are indexed, and #e is not #E',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const values = new Map(LETTERS.map((letter) => [letter, randomHex()]))
      const half = (letters: readonly string[]) => letters.map((letter) => [letter, values.get(letter) ?? ''])
      const [lower, upper] = [half(LETTERS.slice(0, 26)), half(LETTERS.slice(26))]
      const events = [t.event(key, { tags: lower }), t.event(key, { tags: upper })] as const
      await client.accept(...events)
      for (const letter of LETTERS) {
        const isLower = letter === letter.toLowerCase()
        const value = values.get(letter)
        await checkIds(client, { [`#${letter}`]: [value] }, [events[isLower ? 0 : 1]])
        const other = isLower ? letter.toUpperCase() : letter.toLowerCase()
        await checkIds(client, { [`#${other}`]: [value] }, [])
      }
    },
  },
  {
    id: 'F-11',
    level: 'M',
    claim: 'Only the first value of a tag is matched',
    run: async (t) => {
      const [client, first, second] = [await t.connect(), randomHex(8), randomHex(8)]
      const event = t.event(t.key(), { tags: [['t', first, second]] })
      await client.accept(event)
      await checkIds(client, { '#t': [first] }, [event])
      await checkIds(client, { '#t': [second] }, [])
    },
  },
  {
    id: 'F-12',
    level: 'D',
    claim: 'A tag without a value is not found by an empty value',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const event = t.event(key, { tags: [['t']] })
      await client.accept(event)
      await checkIds(client, { authors: [key.pubkey] }, [event])
      await checkIds(client, { authors: [key.pubkey], '#t': [''] }, [])
    },
  },
  {
    id: 'F-13',
    level: 'P',
    claim: 'Multi-letter tags and unknown attributes are refused with "unsupported:", not dropped',
    run: async (t) => {
      const { client, one } = await twoEvents(t)
      for (const attribute of ['#alt', '#-', '#1', '#', 'foo']) {
        const filter = { ids: [one.id], [attribute]: ['x'] }
        await client.refuseRequest([filter], ['unsupported'], `attribute ${attribute}`)
      }
    },
  },
  {
    id: 'F-14',
    level: 'M',
    claim: 'since and until include events of exactly that second, stored and live',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const events = t.series(key, 5)
      const [first, second, , fourth] = events
      check(first !== undefined && second !== undefined && fourth !== undefined, 'five events')
      const rest = events.slice(1)
      await client.accept(...rest)
      const range = { authors: [key.pubkey], since: second.created_at, until: fourth.created_at }
      await checkIds(client, range, events.slice(1, 4))
      await checkIds(client, { ...range, since: second.created_at + 1 }, events.slice(2, 4))
      const edge = { authors: [key.pubkey], since: first.created_at, until: first.created_at }
      const live = await client.subscribe('edge', edge)
      await client.accept(first)
      await live.expectEvent(first)
    },
  },
  {
    id: 'F-15',
    level: 'D',
    claim: 'since above until gives no events and EOSE',
    run: async (t) => {
      const { client, one } = await twoEvents(t)
      const filter = { authors: [one.pubkey], since: one.created_at, until: one.created_at }
      await checkIds(client, filter, [one])
      await checkIds(client, { ...filter, since: one.created_at + 1, until: one.created_at - 1 }, [])
    },
  },
  {
    id: 'F-16',
    level: 'D',
    claim: 'The empty filter returns the newest events of any kind, newest first',
    run: async (t) => {
      const client = await t.connect()
      const event = t.event(t.key(), { kind: 9999 })
      await client.accept(event)
      const { events, closed } = await client.request({})
      if (closed !== undefined) {
        checkPrefix(closed, [], 'the empty filter')
        return t.note(`refused by policy: ${closed}`)
      }
      const times = events.map((found) => found.created_at)
      checkSame(
        times,
        times.toSorted((a, b) => b - a),
        'created_at values, newest first',
      )
      check(events.length > 0, 'no event came, though one was just stored')
      const isFound = events.some((found) => found.id === event.id)
      const oldest = times.at(-1) ?? Number.POSITIVE_INFINITY
      check(
        isFound || oldest >= event.created_at,
        'the event just stored is missing although older ones came',
      )
    },
  },
  {
    id: 'F-17',
    level: 'P',
    claim: 'An empty list matches nothing, stored and live; it is not "no condition"',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const tag = randomHex(8)
      const [stored, live] = [t.event(key, { tags: [['t', tag]] }), t.event(key, { tags: [['t', tag]] })]
      await client.accept(stored)
      await checkIds(client, { '#t': [tag] }, [stored])
      const filters = [
        { authors: [], '#t': [tag] },
        { ids: [], '#t': [tag] },
        { kinds: [], '#t': [tag] },
        { '#t': [] },
      ]
      const open: string[] = []
      for (const [i, filter] of filters.entries()) {
        client.send(['REQ', `empty${i}`, filter])
        const { events, closed } = await client.endOf(`empty${i}`)
        checkSame(events, [], `events for ${JSON.stringify(filter)}`)
        if (closed === undefined) open.push(`empty${i}`)
        else checkPrefix(closed, ['invalid'], JSON.stringify(filter))
      }
      await client.accept(live)
      await client.silence(
        'an empty list matches nothing live',
        (m) => m[0] === 'EVENT' && open.includes(String(m[1])),
      )
    },
  },
  {
    id: 'F-18',
    level: 'M',
    claim: 'Wrong types in a filter are refused',
    run: async (t) => {
      const client = await t.connect()
      const broken = [
        { authors: 'x' },
        { ids: randomHex() },
        { ids: [1] },
        { kinds: ['1'] },
        { kinds: 1 },
        { since: '1' },
        { since: 1.5 },
        { until: null },
        { limit: -1 },
        { limit: 1.5 },
        { limit: '1' },
        { '#t': 'x' },
        { '#t': [1] },
        null,
        [],
        'x',
      ]
      for (const filter of broken) await client.refuseRequest([filter], ['invalid'], JSON.stringify(filter))
      await client.query({ kinds: [1], limit: 1 })
    },
  },
  {
    id: 'F-19',
    level: 'P',
    claim: 'Kinds 65536 and -1 in a filter are refused or match nothing',
    run: async (t) => {
      const { client, one } = await twoEvents(t)
      for (const kind of [65536, -1])
        await checkInvalidOr(client, { authors: [one.pubkey], kinds: [kind] }, [])
      await checkIds(client, { ids: [one.id] }, [one])
    },
  },
  {
    id: 'F-20',
    level: 'P',
    claim: 'since -1 and until above 2^53 are no bound or refused, without overflow',
    run: async (t) => {
      const { client, one } = await twoEvents(t)
      const authors = [one.pubkey]
      await checkInvalidOr(client, { authors, since: -1 }, [one])
      for (const until of [2 ** 53, 2 ** 63, 2 ** 64]) await checkInvalidOr(client, { authors, until }, [one])
    },
  },
  {
    id: 'F-21',
    level: 'M',
    claim: 'limit keeps the newest events; they come newest first, equal times lowest id first',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const events = await storeGroups(t, client, key, [3, 4, 3])
      const ordered = events.toSorted(byNewest)
      const all = await client.query({ authors: [key.pubkey] })
      checkSame(idsOf(all), idsOf(ordered), 'order of all')
      const some = await client.query({ authors: [key.pubkey], limit: 7 })
      checkSame(idsOf(some), idsOf(ordered.slice(0, 7)), 'the newest seven')
    },
  },
  {
    id: 'F-22',
    level: 'M',
    claim: 'A limit that cuts a group of one second keeps its lowest ids',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const events = await storeGroups(t, client, key, [2, 6])
      const ordered = idsOf(events.toSorted(byNewest))
      for (const limit of [1, 3, 5, 7]) {
        const kept = await client.query({ authors: [key.pubkey], limit })
        checkSame(idsOf(kept), ordered.slice(0, limit), `ids kept by limit ${limit}`)
      }
    },
  },
  {
    id: 'F-23',
    level: 'M',
    claim: 'limit 0 returns no stored events, EOSE at once, and then live ones',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const [stored, live] = [t.event(key), t.event(key)]
      await client.accept(stored)
      const subscription = await client.subscribe('zero', { authors: [key.pubkey], limit: 0 })
      checkSame(subscription.stored, [], 'stored events with limit 0')
      await client.accept(live)
      await subscription.expectEvent(live)
    },
  },
  {
    id: 'F-24',
    level: 'M',
    claim: 'A limit above max_limit is clamped to it, not refused',
    timeoutMs: 60_000,
    needs: {
      relay: `whose max_limit is at most ${MAX_SIGNED - 100}`,
      isShown: (info) => (info.limit('max_limit') ?? Number.POSITIVE_INFINITY) <= MAX_SIGNED - 100,
      settings: { maxLimit: 20, defaultLimit: 10 },
    },
    run: async (t) => {
      const max = t.info.limit('max_limit')
      check(max !== undefined, 'NIP-11 shows no max_limit')
      const [client, key] = [await t.connect(), t.key()]
      await storeMany(t, client, key, max + 3)
      const stored = await client.query({ authors: [key.pubkey], limit: max + 2 })
      checkSame(stored.length, max, 'events for a limit above max_limit')
      const far = await client.query({ authors: [key.pubkey], limit: 1_000_000 })
      checkSame(far.length, max, 'events for a limit of a million')
    },
  },
  {
    id: 'F-25',
    level: 'S',
    claim: 'Without a limit at most default_limit (or max_limit) events are returned',
    timeoutMs: 60_000,
    needs: {
      relay: `that advertises a default_limit or max_limit of at most ${MAX_SIGNED - 100}`,
      isShown: (info) => (defaultLimitOf(info) ?? Number.POSITIVE_INFINITY) <= MAX_SIGNED - 100,
      settings: { maxLimit: 20, defaultLimit: 10 },
    },
    run: async (t) => {
      const limit = defaultLimitOf(t.info)
      check(limit !== undefined, 'NIP-11 shows neither default_limit nor max_limit')
      const [client, key] = [await t.connect(), t.key()]
      await storeMany(t, client, key, limit + 3)
      const stored = await client.query({ authors: [key.pubkey] })
      check(
        stored.length > 0 && stored.length <= limit,
        `${stored.length} events came; the limit is ${limit}`,
      )
    },
  },
  {
    id: 'F-26',
    level: 'D',
    claim: 'Each filter of a REQ has its own limit',
    run: async (t) => {
      const [client, one, two] = [await t.connect(), t.key(), t.key()]
      const [ofOne, ofTwo] = [t.series(one, 5), t.series(two, 5)]
      await client.accept(...ofOne, ...ofTwo)
      const stored = await client.query(
        { authors: [one.pubkey], limit: 2 },
        { authors: [two.pubkey], limit: 3 },
      )
      const expected = [...ofOne.slice(-2), ...ofTwo.slice(-3)]
      checkSame(idsOf(stored).toSorted(), idsOf(expected).toSorted(), 'ids for limits 2 and 3')
    },
  },
  {
    id: 'F-27',
    level: 'D',
    claim: 'A filter of 2,500 authors, 500 ids or 20 kinds is answered, or CLOSED with a reason',
    run: async (t) => {
      const { client, one } = await twoEvents(t)
      const room = (t.info.limit('max_message_length') ?? 524_288) - 200
      const fitting = (count: number) => Math.min(count, Math.floor(room / 67)) - 1
      const strangers = (count: number) => Array.from({ length: fitting(count) }, () => randomHex())
      await checkLarge(t, client, { authors: [...strangers(2500), one.pubkey] }, one)
      await checkLarge(t, client, { ids: [...strangers(500), one.id] }, one)
      const kinds = Array.from({ length: 20 }, (_, i) => 1000 + i)
      await checkLarge(t, client, { kinds: [...kinds, one.kind], authors: [one.pubkey] }, one)
    },
  },
  {
    id: 'F-28',
    level: 'D',
    claim: '#a is compared as a plain string',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const addresses = [`30023:${key.pubkey}:slug`, `10002:${key.pubkey}:`]
      const events = addresses.map((a) => t.event(key, { tags: [['a', a]] }))
      await client.accept(...events)
      for (const [i, a] of addresses.entries()) await checkIds(client, { '#a': [a] }, events.slice(i, i + 1))
      await checkIds(client, { '#a': [`30023:${key.pubkey}:Slug`, `10002:${key.pubkey}`] }, [])
    },
  },
  {
    id: 'F-29',
    level: 'D',
    claim: 'Long and non-ASCII tag values are found; an event whose value cannot be indexed is refused',
    run: async (t) => {
      const client = await t.connect()
      const values = ['k'.repeat(1000), 'm'.repeat(10_000), 'žluťoučký 😀 漢字'].map(
        (text) => text + randomHex(8),
      )
      for (const value of values) {
        const event = t.event(t.key(), { tags: [['t', value]] })
        const { isAccepted, text } = await client.publish(event)
        if (isAccepted) await checkIds(client, { '#t': [value] }, [event])
        else t.note(`a value of ${value.length} characters is refused: ${text}`)
      }
      const short = t.event(t.key(), { tags: [['t', `é${randomHex(8)}`]] })
      await client.accept(short)
      await checkIds(client, { '#t': [short.tags[0]?.[1]] }, [short])
    },
  },
]

/** Two events of two authors, kinds and tag values, both stored. */
async function twoEvents(t: Trial): Promise<{ client: Client; one: WireEvent; two: WireEvent }> {
  const client = await t.connect()
  const one = t.event(t.key(), { kind: 1, tags: [['t', randomHex(8)]] })
  const two = t.event(t.key(), { kind: 4567, created_at: t.now() - 100, tags: [['t', randomHex(8)]] })
  await client.accept(one, two)
  return { client, one, two }
}

/** A filter for each attribute that takes hex, with a stored event that the whole value finds. */
async function hexFilters(t: Trial) {
  const client = await t.connect()
  const [e, p] = [`abcdef${randomHex(29)}`, `abcdef${randomHex(29)}`]
  const event = t.event(t.key(), {
    tags: [
      ['e', e],
      ['p', p],
    ],
  })
  await client.accept(event)
  const filters = [
    { attribute: 'ids', value: event.id },
    { attribute: 'authors', value: event.pubkey },
    { attribute: '#e', value: e },
    { attribute: '#p', value: p },
  ]
  for (const { attribute, value } of filters) await checkIds(client, { [attribute]: [value] }, [event])
  return { client, filters }
}

/** The filter must return exactly these events, in any order. */
async function checkIds(client: Client, filter: object, expected: readonly WireEvent[]): Promise<void> {
  const found = idsOf(await client.query(filter)).toSorted()
  checkSame(found, idsOf(expected).toSorted(), `ids for ${JSON.stringify(filter).slice(0, 160)}`)
}

/** On a store shared with others: everything returned matches, and `mine` is among it if there was room. */
async function checkAlone(
  client: Client,
  filter: object,
  matches: (event: WireEvent) => boolean,
  mine: WireEvent | undefined,
): Promise<void> {
  const found = await client.query(filter)
  const stray = found.find((event) => !matches(event))
  check(stray === undefined, `${JSON.stringify(filter)} returned ${JSON.stringify(stray)}`)
  check(found.length > 0, `${JSON.stringify(filter)} returned nothing`)
  if (mine === undefined || idsOf(found).includes(mine.id)) return
  check(found.length >= 100, `${JSON.stringify(filter)} did not return ${mine.id}`)
}

async function checkInvalidOr(client: Client, filter: object, expected: readonly WireEvent[]): Promise<void> {
  const { events, closed } = await client.request(filter)
  if (closed !== undefined) return checkPrefix(closed, ['invalid'], JSON.stringify(filter))
  checkSame(idsOf(events), idsOf(expected), `ids for ${JSON.stringify(filter)}`)
}

async function checkLarge(t: Trial, client: Client, filter: object, expected: WireEvent): Promise<void> {
  const what = Object.entries(filter).map(([name, list]) => `${list.length} ${name}`)
  const { events, closed } = await client.request(filter)
  if (closed === undefined) return checkSame(idsOf(events), [expected.id], `ids for ${what}`)
  checkPrefix(closed, [], `${what}`)
  t.note(`${what}: ${closed}`)
}

/** Stores groups of events of one second each, the sizes from the newest group to the oldest. */
async function storeGroups(
  t: Trial,
  client: Client,
  key: Key,
  sizes: readonly number[],
): Promise<WireEvent[]> {
  const now = t.now()
  const events = sizes.flatMap((size, age) =>
    Array.from({ length: size }, () => t.event(key, { created_at: now - 10 * age })),
  )
  await client.accept(...events)
  return events
}

/** Sends events without waiting, then waits for all answers. */
async function storeMany(t: Trial, client: Client, key: Key, count: number): Promise<void> {
  const events: WireEvent[] = []
  for (let i = 0; i < count; i += 1) {
    const event = t.event(key, { created_at: t.now() - count + i })
    events.push(event)
    client.send(['EVENT', event])
    // Signing takes a millisecond or more: the rows beside this one must get to read their answers.
    if (i % 8 === 7) await sleep(0)
  }
  for (const event of events) {
    const { isAccepted, text } = await client.okFor(event.id)
    if (!isAccepted && text.startsWith('rate-limited')) skip(`storing ${count} events is rate-limited`)
    check(isAccepted, `refused with "${text}"`)
  }
}

function defaultLimitOf(info: Trial['info']): number | undefined {
  return info.limit('default_limit') ?? info.limit('max_limit')
}
