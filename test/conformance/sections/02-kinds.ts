import type { Client } from '../kit/client.ts'
import { type Draft, idsOf, type WireEvent } from '../kit/event.ts'
import type { Key } from '../kit/keys.ts'
import type { Row } from '../kit/row.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame } from '../kit/verdict.ts'

const REPLACEABLE = [0, 3, 10000, 19999]
const ADDRESSABLE = [30000, 39999]

export const rows: readonly Row[] = [
  {
    id: 'K-01',
    level: 'M',
    claim: 'Of a regular kind, every event is kept',
    run: async (t) => {
      const client = await t.connect()
      for (const kind of [1, 2, 4, 44, 1000, 9999]) {
        const key = t.key()
        await client.accept(...t.series(key, 2, { kind }))
        const { events, closed } = await client.request({ kinds: [kind], authors: [key.pubkey] })
        // Direct messages may be shown to those concerned only: then their acceptance is all there is to see.
        if (kind === 4 && events.length === 0) t.note(`kind 4 is not shown to strangers: ${closed ?? 'EOSE'}`)
        else checkSame(events.length, 2, `events of kind ${kind} returned`)
      }
    },
  },
  {
    id: 'K-02',
    level: 'M',
    claim: 'A newer replaceable event takes the place of the older one',
    run: async (t) => {
      const client = await t.connect()
      for (const kind of REPLACEABLE) await checkNewerWins(t, client, { kind })
    },
  },
  {
    id: 'K-03',
    level: 'M',
    claim: 'An older replaceable event that comes late changes nothing and is not sent live',
    run: async (t) => {
      const [client, listener] = [await t.connect(), await t.connect()]
      for (const kind of REPLACEABLE) await checkOlderLoses(t, client, { kind })
      const { key, older, newer } = twoVersions(t, { kind: 10000 })
      const live = await listener.subscribe('live', { authors: [key.pubkey] })
      await client.accept(newer)
      await live.expectEvent(newer)
      await client.publish(older)
      await live.silence('an older version must not be sent live')
    },
  },
  {
    id: 'K-04',
    level: 'M',
    claim: 'Of two replaceable events of one second, the lowest id stays, in either order of arrival',
    run: async (t) => {
      const client = await t.connect()
      for (const kind of REPLACEABLE) await checkTies(t, client, { kind })
    },
  },
  {
    id: 'K-05',
    level: 'M',
    claim: 'Replaceable events of two authors do not touch each other',
    run: async (t) => {
      const [client, one, two] = [await t.connect(), t.key(), t.key()]
      await client.accept(
        t.event(one, { kind: 10000, created_at: t.now() - 5 }),
        t.event(two, { kind: 10000 }),
      )
      const stored = await client.query({ kinds: [10000], authors: [one.pubkey, two.pubkey] })
      checkSame(stored.length, 2, 'events of two authors')
    },
  },
  {
    id: 'K-06',
    level: 'P',
    claim: 'A replaceable event that loses is answered OK false with "duplicate:"',
    run: async (t) => {
      const client = await t.connect()
      const { older, newer } = twoVersions(t, { kind: 10000 })
      await client.accept(newer)
      await client.refuse(older, ['duplicate'], 'the older version')
      const [low, high] = tiedVersions(t, { kind: 10000 })
      await client.accept(low)
      await client.refuse(high, ['duplicate'], 'the higher id of the same second')
    },
  },
  {
    id: 'K-07',
    level: 'S',
    claim: 'A REQ by kind and author returns only the newest version',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const versions = t.series(key, 5, { kind: 0 })
      await client.accept(...versions)
      const stored = await client.query({ kinds: [0], authors: [key.pubkey] })
      checkSame(idsOf(stored), idsOf(versions.slice(-1)), 'ids returned')
    },
  },
  {
    id: 'K-08',
    level: 'D',
    claim: 'A REQ by the id of a replaced version returns nothing',
    run: async (t) => {
      const client = await t.connect()
      const { older, newer } = twoVersions(t, { kind: 10000 })
      await client.accept(older)
      checkSame(idsOf(await client.query({ ids: [older.id] })), [older.id], 'before it was replaced')
      await client.accept(newer)
      checkSame(await client.query({ ids: [older.id] }), [], 'after it was replaced')
    },
  },
  {
    id: 'K-09',
    level: 'M',
    claim: 'Addressable events with one d value replace each other by time, ties to the lowest id',
    run: async (t) => {
      const client = await t.connect()
      for (const kind of ADDRESSABLE) {
        const draft = { kind, tags: [['d', 'page']] }
        await checkNewerWins(t, client, draft)
        await checkOlderLoses(t, client, draft)
        await checkTies(t, client, draft)
      }
    },
  },
  {
    id: 'K-10',
    level: 'M',
    claim: 'Addressable events whose d differs, if only by case or a trailing space, live side by side',
    run: async (t) => {
      const values = ['page', 'Page', 'page ', ' page', 'other']
      await checkSideBySide(
        t,
        values.map((d) => [['d', d]]),
      )
    },
  },
  {
    id: 'K-11',
    level: 'D',
    claim: 'No d tag, ["d"] and ["d",""] are one address',
    run: (t) => checkOneAddress(t, [[], [['d']], [['d', '']]]),
  },
  {
    id: 'K-12',
    level: 'D',
    claim: 'Of several d tags the first counts',
    run: async (t) => {
      await checkOneAddress(t, [
        [['d', 'a']],
        [
          ['d', 'a'],
          ['d', 'b'],
        ],
      ])
      await checkSideBySide(t, [
        [['d', 'b']],
        [
          ['d', 'a'],
          ['d', 'b'],
        ],
      ])
    },
  },
  {
    id: 'K-13',
    level: 'D',
    claim: 'A d tag on a replaceable kind does not make a second address',
    run: (t) => checkOneAddress(t, [[['d', 'a']], [['d', 'b']]], 10000),
  },
  {
    id: 'K-14',
    level: 'M',
    claim: 'A d value may hold colons: an address keeps everything after its second colon',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      await checkSideBySide(t, [[['d', 'a:b']], [['d', 'a:c']], [['d', 'a']], [['d', ':']]])
      const [kept, deleted] = ['a:c', 'a:b:c'].map((d) =>
        t.event(key, { kind: 30023, created_at: t.now() - 5, tags: [['d', d]] }),
      )
      check(kept !== undefined && deleted !== undefined, 'two events')
      await client.accept(kept, deleted)
      await client.accept(t.event(key, { kind: 5, tags: [['a', `30023:${key.pubkey}:a:b:c`]] }))
      const stored = await client.query({ kinds: [30023], authors: [key.pubkey] })
      checkSame(idsOf(stored), [kept.id], 'ids left after the deletion of the address a:b:c')
    },
  },
  {
    id: 'K-15',
    level: 'S',
    claim: 'An ephemeral event reaches a subscriber once, and a later REQ finds nothing',
    run: async (t) => {
      const [client, listener] = [await t.connect(), await t.connect()]
      for (const kind of [20000, 29999]) {
        const key = t.key()
        const live = await listener.subscribe(`kind ${kind}`, { kinds: [kind], authors: [key.pubkey] })
        const event = t.event(key, { kind })
        await client.accept(event)
        await live.expectEvent(event)
        await live.silence('an ephemeral event is delivered once')
        checkSame(await client.query({ ids: [event.id] }), [], `stored events of kind ${kind}`)
      }
    },
  },
  {
    id: 'K-16',
    level: 'O',
    claim: 'An ephemeral event that nobody listens to is answered true, or false with "mute:"',
    run: async (t) => {
      const client = await t.connect()
      const event = t.event(t.key(), { kind: 20001 })
      const { isAccepted, text } = await client.publish(event)
      check(isAccepted || text.startsWith('mute: '), `refused with "${text}"`)
      t.note(isAccepted ? 'answered true' : 'answered mute')
    },
  },
  {
    id: 'K-17',
    level: 'D',
    claim: 'An ephemeral event that is sent again is not a duplicate for ever',
    timeoutMs: 30_000,
    run: async (t) => {
      const [client, listener, key] = [await t.connect(), await t.connect(), t.key()]
      const live = await listener.subscribe('live', { authors: [key.pubkey] })
      const event = t.event(key, { kind: 20002 })
      await client.accept(event)
      await live.expectEvent(event)
      const answers = []
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const { isAccepted, text } = await client.publish(event)
        answers.push(`${isAccepted} "${text}"`)
        await live.silence('deliveries of the same event').catch(() => {})
      }
      t.note(`${live.timesSeen(event)} deliveries; answers ${answers.join(', ')}`)
      const last = answers.at(-1) ?? ''
      check(!last.includes('duplicate:'), `seconds later it is still answered ${last}`)
    },
  },
  {
    id: 'K-18',
    level: 'M',
    claim: 'Kinds 40 to 44 are regular: a channel description (41) is not replaced',
    run: async (t) => {
      const client = await t.connect()
      for (const kind of [40, 41, 42, 43, 44]) {
        const key = t.key()
        await client.accept(...t.series(key, 2, { kind, tags: [['e', '0'.repeat(64)]] }))
        const stored = await client.query({ kinds: [kind], authors: [key.pubkey] })
        checkSame(stored.length, 2, `events of kind ${kind}`)
      }
    },
  },
  {
    id: 'K-19',
    level: 'D',
    claim: 'Of 50 versions of one address sent over 10 connections at once, exactly the right one survives',
    run: async (t) => {
      const key = t.key()
      const clients = await Promise.all(Array.from({ length: 10 }, () => t.connect()))
      const start = t.now() - 10
      const versions = Array.from({ length: 50 }, (_, i) =>
        t.event(key, { kind: 30000, created_at: start + (i % 5), tags: [['d', 'race']] }),
      )
      await Promise.all(
        versions.map(async (version, i) => {
          await clients[i % clients.length]?.publish(version)
        }),
      )
      const stored = await clients[0]?.query({ kinds: [30000], authors: [key.pubkey] })
      checkSame(idsOf(stored ?? []), [winnerOf(versions).id], 'the surviving id')
    },
  },
]

interface Versions {
  readonly key: Key
  readonly older: WireEvent
  readonly newer: WireEvent
}

function twoVersions(t: Trial, draft: Partial<Draft>): Versions {
  const key = t.key()
  return { key, older: t.event(key, { ...draft, created_at: t.now() - 10 }), newer: t.event(key, draft) }
}

/** Two events of one author and second; the lower id first. */
function tiedVersions(t: Trial, draft: Partial<Draft>): readonly [WireEvent, WireEvent] {
  const [key, created_at] = [t.key(), t.now() - 5]
  const [a, b] = [t.event(key, { ...draft, created_at }), t.event(key, { ...draft, created_at })]
  return a.id < b.id ? [a, b] : [b, a]
}

function winnerOf(versions: readonly WireEvent[]): WireEvent {
  return versions.reduce((best, next) => {
    const isBetter =
      next.created_at > best.created_at || (next.created_at === best.created_at && next.id < best.id)
    return isBetter ? next : best
  })
}

async function checkNewerWins(t: Trial, client: Client, draft: Partial<Draft>): Promise<void> {
  const { older, newer } = twoVersions(t, draft)
  await client.accept(older, newer)
  await checkSurvivor(client, newer, `newer after older, kind ${newer.kind}`)
}

async function checkOlderLoses(t: Trial, client: Client, draft: Partial<Draft>): Promise<void> {
  const { older, newer } = twoVersions(t, draft)
  await client.accept(newer)
  await client.publish(older)
  await checkSurvivor(client, newer, `older after newer, kind ${newer.kind}`)
}

async function checkTies(t: Trial, client: Client, draft: Partial<Draft>): Promise<void> {
  for (const isLowFirst of [true, false]) {
    const [low, high] = tiedVersions(t, draft)
    const [first, second] = isLowFirst ? [low, high] : [high, low]
    await client.accept(first)
    await client.publish(second)
    await checkSurvivor(client, low, `${isLowFirst ? 'lower' : 'higher'} id first, kind ${low.kind}`)
  }
}

async function checkSurvivor(client: Client, survivor: WireEvent, what: string): Promise<void> {
  const stored = await client.query({ kinds: [survivor.kind], authors: [survivor.pubkey] })
  checkSame(idsOf(stored), [survivor.id], `surviving ids, ${what}`)
}

type Tags = readonly (readonly string[])[]

/** Publishes one event after the other with these tags: all of them must stay. */
async function checkSideBySide(t: Trial, tagLists: readonly Tags[]): Promise<void> {
  const [client, key] = [await t.connect(), t.key()]
  const events = tagLists.map((tags, i) => t.event(key, { kind: 30000, created_at: t.now() - 20 + i, tags }))
  await client.accept(...events)
  const stored = await client.query({ kinds: [30000], authors: [key.pubkey] })
  checkSame(idsOf(stored).toSorted(), idsOf(events).toSorted(), 'ids stored side by side')
}

/** Publishes them in turn, each newer than the one before: only the last may stay. */
async function checkOneAddress(t: Trial, tagLists: readonly Tags[], kind = 30000): Promise<void> {
  const [client, key] = [await t.connect(), t.key()]
  for (const [i, tags] of tagLists.entries()) {
    const event = t.event(key, { kind, created_at: t.now() - 20 + i, tags })
    await client.accept(event)
    await checkSurvivor(client, event, `tags ${JSON.stringify(tags)}`)
  }
}
