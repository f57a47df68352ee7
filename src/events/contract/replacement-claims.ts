import { expect } from 'vitest'
import { alice, bob, NOW_SECONDS, testEvent } from '../testing/index.ts'
import { byLowestId, type Claim, idsOf } from './claim.ts'

// 62 is regular too, but takes along what came before it (NIP-62).
const regularKinds = [1, 2, 4, 40, 41, 44, 45, 999, 1000, 9999, 40_000, 65_535]
const replaceableKinds = [0, 3, 10_000, 19_999]
const addressableKinds = [30_000, 39_999]
const versionedKinds = [...replaceableKinds, ...addressableKinds]

export function replacementClaims(claim: Claim): void {
  claim('regular kinds do not replace one another (K-01, K-18)', async ({ put, count }) => {
    for (const kind of regularKinds) {
      const events = [NOW_SECONDS - 1, NOW_SECONDS].map((created_at) => testEvent({ kind, created_at }))
      expect(await put(events), `kind ${kind}`).toEqual(['stored', 'stored'])
      expect(await count({ kinds: [kind] }), `kind ${kind}`).toBe(2)
    }
  })

  for (const kind of versionedKinds) {
    const older = testEvent({ kind, created_at: NOW_SECONDS - 1 })
    const newer = testEvent({ kind, created_at: NOW_SECONDS })

    claim(
      `kind ${kind}: a newer version takes the older one's place (K-02, K-09)`,
      async ({ store, put, find }) => {
        expect(await put([older])).toEqual(['stored'])
        expect(await put([newer])).toEqual(['stored'])
        expect(await find({ kinds: [kind] })).toEqual([newer.id])
        expect(await find({ ids: [older.id] })).toEqual([])
        expect(await store.has(older.id)).toBe(false)
        expect(store.stats().events).toBe(1)
      },
    )

    claim(`kind ${kind}: an older version is superseded (K-03, K-06)`, async ({ store, put, find }) => {
      expect(await put([newer])).toEqual(['stored'])
      expect(await put([older])).toEqual(['superseded'])
      expect(await put([older])).toEqual(['superseded'])
      expect(await find({ kinds: [kind] })).toEqual([newer.id])
      expect(await store.has(older.id)).toBe(false)
    })

    claim(
      `kind ${kind}: a version that was replaced is superseded when it returns`,
      async ({ put, find }) => {
        await put([older])
        await put([newer])
        expect(await put([older, newer])).toEqual(['superseded', 'duplicate'])
        expect(await find({})).toEqual([newer.id])
      },
    )

    claim(
      `kind ${kind}: of one second the lowest id survives, in both orders (K-04)`,
      async ({ put, find }) => {
        for (const [pubkey, lowestFirst] of [
          [alice, true],
          [bob, false],
        ] as const) {
          const versions = ['a', 'b'].map((content) => testEvent({ kind, pubkey, content }))
          const [lower, higher] = byLowestId(versions[0]!, versions[1]!)
          const outcomes = await put(lowestFirst ? [lower, higher] : [higher, lower])
          expect(outcomes).toEqual(lowestFirst ? ['stored', 'superseded'] : ['stored', 'stored'])
          expect(await find({ authors: [pubkey] })).toEqual([lower.id])
        }
      },
    )

    claim(`kind ${kind}: another author's version is another event (K-05)`, async ({ put, count }) => {
      const versions = [alice, bob].map((pubkey) => testEvent({ kind, pubkey }))
      expect(await put(versions)).toEqual(['stored', 'stored'])
      expect(await count({ kinds: [kind] })).toBe(2)
    })
  }

  claim('kinds next to one another are independent', async ({ put, count }) => {
    await put(versionedKinds.map((kind) => testEvent({ kind })))
    expect(await count({})).toBe(versionedKinds.length)
  })

  claim(
    'addresses that differ only by case, space or a colon are different (K-10, K-14)',
    async ({ put, count }) => {
      const identifiers = [
        '',
        'slug',
        'Slug',
        'slug ',
        ' slug',
        'slug:',
        ':slug',
        'a:b',
        'a',
        'é',
        'e\u0301',
        '"',
        '\\',
      ]
      const articles = identifiers.map((d) => testEvent({ kind: 30_023, tags: [['d', d]] }))
      expect(new Set(await put(articles))).toEqual(new Set(['stored']))
      expect(await count({ kinds: [30_023] })).toBe(identifiers.length)
    },
  )

  claim(
    'no d tag, one without a value and an empty one are the same address (K-11)',
    async ({ put, find }) => {
      const versions = [[], [['d']], [['d', '']], [['t', 'x']]].map((tags, n) =>
        testEvent({ kind: 30_023, tags, created_at: NOW_SECONDS + n }),
      )
      await put(versions)
      expect(await find({ kinds: [30_023] })).toEqual([versions.at(-1)?.id])
    },
  )

  claim('of several d tags the first counts (K-12)', async ({ put, find }) => {
    const first = testEvent({ kind: 30_023, tags: [['d', 'a']] })
    const tags = [
      ['d', 'b'],
      ['d', 'a'],
    ]
    const other = testEvent({ kind: 30_023, tags, created_at: NOW_SECONDS - 1 })
    expect(await put([first, other])).toEqual(['stored', 'stored'])
    expect(await find({ kinds: [30_023] })).toEqual(idsOf(first, other))
  })

  claim('a d tag means nothing on a replaceable kind (K-13)', async ({ put, find }) => {
    const older = testEvent({ kind: 10_000, tags: [['d', 'a']], created_at: NOW_SECONDS - 1 })
    const newer = testEvent({ kind: 10_000, tags: [['d', 'b']] })
    expect(await put([older, newer])).toEqual(['stored', 'stored'])
    expect(await find({})).toEqual([newer.id])
  })

  claim('a d value of 10 KB addresses like any other', async ({ put, find }) => {
    const long = 'long '.repeat(2_000)
    const article = (d: string, created_at: number) =>
      testEvent({ kind: 30_023, tags: [['d', d]], created_at })
    const [older, newer] = [article(long, NOW_SECONDS - 1), article(long, NOW_SECONDS)]
    const other = article(`${long}!`, NOW_SECONDS - 2)
    expect(await put([older, other, newer])).toEqual(['stored', 'stored', 'stored'])
    expect(await find({})).toEqual(idsOf(newer, other))
  })

  claim('versions compare correctly across the whole range of dates (E-16)', async ({ put, find }) => {
    const versions = [
      0,
      1,
      2 ** 31,
      2 ** 32,
      2 ** 32 + 1,
      Number.MAX_SAFE_INTEGER - 1,
      Number.MAX_SAFE_INTEGER,
    ].map((created_at) => testEvent({ kind: 10_000, created_at }))
    for (const version of versions) expect(await put([version])).toEqual(['stored'])
    for (const version of versions.slice(0, -1)) expect(await put([version])).toEqual(['superseded'])
    expect(await find({})).toEqual([versions.at(-1)?.id])
  })

  claim('ephemeral kinds are not stored, and never duplicates (K-15, K-17)', async ({ store, put, find }) => {
    for (const kind of [20_000, 29_999]) {
      const event = testEvent({ kind })
      expect(await put([event, event])).toEqual(['ephemeral', 'ephemeral'])
      expect(await put([event])).toEqual(['ephemeral'])
      expect(await store.has(event.id)).toBe(false)
    }
    expect(await find({})).toEqual([])
    expect(store.stats().events).toBe(0)
  })
}
