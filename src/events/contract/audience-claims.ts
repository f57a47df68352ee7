import { expect } from 'vitest'
import type { Filter } from '../../nostr/index.ts'
import { type Audience, mayRead } from '../audience.ts'
import { alice, bob, carol, drain, idIn, NOW_SECONDS, pairsIn, testEvent } from '../testing/index.ts'
import { type Claim, idsOf } from './claim.ts'

const DRAFT = 31_234
const REPORT = 1_984

function readBy(...pubkeys: readonly string[]): Audience {
  return { pubkeys, privateKinds: [4, 1059], authorOnlyKinds: [DRAFT], hiddenKinds: [REPORT] }
}

const message = (from: string, to: string, offset: number) =>
  testEvent({ kind: 4, pubkey: from, tags: [['p', to]], created_at: NOW_SECONDS - offset })

const events = [
  testEvent({ tags: [['p', bob]] }),
  message(alice, bob, 1),
  message(bob, alice, 2),
  message(carol, bob, 3),
  testEvent({
    kind: 1059,
    pubkey: carol,
    tags: [
      ['p', bob],
      ['p', alice],
    ],
    created_at: NOW_SECONDS - 4,
  }),
  testEvent({
    kind: DRAFT,
    tags: [
      ['p', bob],
      ['d', 'a'],
    ],
    created_at: NOW_SECONDS - 5,
  }),
  testEvent({ kind: REPORT, pubkey: bob, tags: [['p', alice]], created_at: NOW_SECONDS - 6 }),
  testEvent({
    kind: 4,
    pubkey: carol,
    tags: [['P', alice], ['p', bob, alice], ['p']],
    created_at: NOW_SECONDS - 7,
  }),
  testEvent({ pubkey: carol, content: 'oldest', created_at: NOW_SECONDS - 8 }),
]

const filters: readonly Filter[] = [
  {},
  { kinds: [4] },
  { kinds: [1059] },
  { kinds: [1, 4] },
  { kinds: [4, 1059] },
  { kinds: [DRAFT] },
  { kinds: [DRAFT, 4], authors: [alice] },
  { kinds: [REPORT] },
  { kinds: [REPORT, 1] },
  { authors: [carol, bob] },
  { authors: [alice], kinds: [1, 4, DRAFT] },
  { tags: [{ name: 'p', values: [bob] }] },
  { tags: [{ name: 'p', values: [alice, bob] }], kinds: [4, 1059] },
  { ids: idsOf(...events) },
  { ids: idsOf(...events.slice(3)), kinds: [4, REPORT] },
  { since: NOW_SECONDS - 6, until: NOW_SECONDS - 1 },
  { kinds: [4], since: NOW_SECONDS - 2 },
]

const readers: Readonly<Record<string, Audience>> = {
  nobody: readBy(),
  alice: readBy(alice),
  bob: readBy(bob),
  'bob and carol': readBy(bob, carol),
  stranger: readBy('0'.repeat(64)),
}

export function audienceClaims(claim: Claim): void {
  for (const [name, audience] of Object.entries(readers)) {
    claim(
      `${name} finds and counts exactly what ${name} may read`,
      async ({ put, findFor, countFor, find }) => {
        await put(events)
        const readable = new Set(idsOf(...events.filter((event) => mayRead(audience, event))))
        for (const filter of filters) {
          const visible = (await find(filter)).filter((id) => readable.has(id))
          const where = JSON.stringify(filter)
          expect(await findFor(audience, filter), where).toEqual(visible)
          expect(await countFor(audience, filter), where).toBe(visible.length)
          expect(await findFor(audience, { ...filter, limit: 2 }), where).toEqual(visible.slice(0, 2))
        }
      },
    )
  }

  claim('without an audience everything is shown', async ({ put, find }) => {
    await put(events)
    expect(await find({})).toEqual(idsOf(...events))
  })

  claim('what a reader may not see takes no place in a limit', async ({ put, findFor }) => {
    const secrets = Array.from({ length: 30 }, (_, n) => message(carol, bob, n))
    const note = testEvent({ created_at: NOW_SECONDS - 100 })
    await put([...secrets, note])
    expect(await findFor(readBy(alice), { limit: 1 })).toEqual([note.id])
    expect(
      await findFor(readBy(alice), [
        { kinds: [1, 4], limit: 3 },
        { kinds: [4], limit: 1 },
      ]),
    ).toEqual([note.id])
  })

  claim(
    'a kind that nobody but its author may read is not shown to those it names',
    async ({ put, findFor }) => {
      const draft = testEvent({ kind: DRAFT, tags: [['p', bob]] })
      await put([draft])
      const inBothLists = { ...readBy(bob), privateKinds: [DRAFT] }
      expect(await findFor(inBothLists, { kinds: [DRAFT] })).toEqual([])
      expect(await findFor({ ...inBothLists, pubkeys: [alice] }, { kinds: [DRAFT] })).toEqual([draft.id])
    },
  )

  claim('a hidden kind is not shown to its author either', async ({ put, findFor }) => {
    const report = testEvent({ kind: REPORT })
    await put([report])
    const inAllLists = { ...readBy(alice), privateKinds: [REPORT], authorOnlyKinds: [REPORT] }
    expect(await findFor(inAllLists, [{ ids: [report.id] }, { authors: [alice] }])).toEqual([])
  })

  claim('an audience without special kinds sees everything', async ({ put, findFor, countFor }) => {
    await put(events)
    const open = { pubkeys: [], privateKinds: [], authorOnlyKinds: [], hiddenKinds: [] }
    expect(await findFor(open, {})).toEqual(idsOf(...events))
    expect(await countFor(open, { kinds: [4] })).toBe(4)
  })

  claim('a reader finds their own among many of others, in pages of any size', async ({ store, put }) => {
    const others = Array.from({ length: 200 }, (_, n) => message(carol, bob, n))
    const own = Array.from({ length: 12 }, (_, n) =>
      n % 2 === 0 ? message(bob, alice, n * 15) : message(alice, carol, n * 15),
    )
    await put([...others, ...own])
    for (const pageSizes of [[1], [5], [100]]) {
      const cursor = store.query([{ kinds: [4, 1059] }], NOW_SECONDS, readBy(alice))
      expect((await drain(cursor, pageSizes)).map(idIn)).toEqual(idsOf(...own))
    }
  })

  claim('registers and sets of ids show a reader no more than a query', async ({ store, put }) => {
    await put(events)
    for (const audience of Object.values(readers)) {
      const readable = events.filter((event) => mayRead(audience, event))
      const set = await store.idSet({}, 100, NOW_SECONDS, audience)
      expect(pairsIn(set)?.map(([, id]) => id)).toEqual(idsOf(...readable.toReversed()))
      const { count, registers } = await store.sketch({}, 8, NOW_SECONDS, audience)
      expect(count).toBe(readable.length)
      const authors = new Set(readable.map(({ pubkey }) => Buffer.from(pubkey, 'hex')[8]))
      expect(new Set([...registers.keys()].filter((index) => registers[index] !== 0))).toEqual(authors)
    }
  })
}
