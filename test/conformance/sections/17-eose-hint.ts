import type { Answer, Client } from '../kit/client.ts'
import { idsOf } from '../kit/event.ts'
import type { Need, Row } from '../kit/row.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, fail, skip } from '../kit/verdict.ts'

/** Small enough that a row can store more than the relay sends at once. */
const SMALL_LIMIT = 60

const WITH_HINTS: Need = {
  relay: 'with NIP-67',
  isShown: (info) => info.nips.has(67),
  settings: { eoseHint: true },
  isShared: true,
}

export const rows: readonly Row[] = [
  {
    id: 'H-01',
    level: 'O',
    claim: 'When all that matches was sent, EOSE says ["finish"]',
    needs: WITH_HINTS,
    run: async (t) => {
      const [client, key] = [await hinting(t), t.key()]
      checkSame((await client.request({ authors: [key.pubkey] })).hints, [['finish']], 'hints for nothing')
      await client.accept(...t.series(key, 4))
      for (const filters of [
        [{ authors: [key.pubkey] }],
        [{ authors: [key.pubkey], limit: 10 }],
        [
          { authors: [key.pubkey], limit: 10 },
          { authors: [t.key().pubkey], limit: 10 },
        ],
      ])
        checkSame((await client.request(...filters)).hints, [['finish']], JSON.stringify(filters))
    },
  },
  {
    id: 'H-02',
    level: 'M',
    claim:
      "EOSE never says finish when a limit, the client's or the relay's, of any filter held something back",
    needs: {
      relay: `with NIP-67 and a max_limit of at most ${SMALL_LIMIT}`,
      isShown: (info) => info.nips.has(67) && (info.limit('max_limit') ?? Infinity) <= SMALL_LIMIT,
      settings: { eoseHint: true, maxLimit: 20, defaultLimit: 10 },
    },
    run: async (t) => {
      const [client, key, other] = [await hinting(t), t.key(), t.key()]
      const cap = t.info.limit('max_limit') ?? fail('NIP-11 shows no max_limit')
      await client.accept(...t.series(key, cap + 5), ...t.series(other, 3))
      const [many, few] = [{ authors: [key.pubkey] }, { authors: [other.pubkey] }]
      for (const filters of [
        [{ ...many, limit: 3 }],
        [{ ...many, limit: 0 }],
        [{ ...many, limit: cap + 50 }],
        [many],
        [few, { ...many, limit: 3 }],
        [{ ...many, limit: 3 }, few],
        [
          { ...few, limit: 2 },
          { ...many, limit: 2 },
        ],
      ])
        checkUnfinished(await client.request(...filters), JSON.stringify(filters))
      checkSame((await client.request(few)).hints, [['finish']], 'hints when nothing was held back')
    },
  },
  {
    id: 'H-03',
    level: 'O',
    claim: 'Without NIP-67 EOSE has two elements',
    needs: {
      relay: 'without NIP-67',
      isShown: (info) => !info.nips.has(67),
      settings: { eoseHint: false },
    },
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      await client.accept(t.event(key))
      for (const filter of [{ authors: [key.pubkey] }, { authors: [key.pubkey], limit: 1 }])
        checkSame((await client.request(filter)).hints, [], JSON.stringify(filter))
    },
  },
  {
    id: 'H-04',
    level: 'S',
    claim: 'A relay that gives hints lists NIP-67',
    run: async (t) => {
      const other = t.info.nips.has(67) ? undefined : await t.startIfPossible(WITH_HINTS.settings)
      const trials = other === undefined ? [t] : [t, await t.on(other)]
      const hinted = await Promise.all(trials.map(listsItsHints))
      if (!hinted.includes(true)) skip('EOSE carries no hint')
    },
  },
  {
    id: 'H-05',
    level: 'S',
    claim: 'Paging by until loses nothing where a page ends among events of the same second',
    needs: WITH_HINTS,
    run: async (t) => {
      const [client, key, now] = [await hinting(t), t.key(), t.now()]
      const times = [0, 0, 1, 1, 2, 2, 3].map((secondsAgo) => now - secondsAgo)
      const events = times.map((created_at) => t.event(key, { created_at }))
      await client.accept(...events)
      const seen = new Set<string>()
      let until = now
      for (let page = 1; ; page += 1) {
        const answer = await client.request({ authors: [key.pubkey], until, limit: 3 })
        for (const id of idsOf(answer.events)) seen.add(id)
        if (isFinished(answer)) break
        if (page > 12) fail('paging does not come to an end: no page says finish')
        until = nextUntil(answer, until)
      }
      checkSame([...seen].sort(), idsOf(events).toSorted(), 'events seen on all pages')
    },
  },
  {
    id: 'H-06',
    level: 'D',
    claim: 'Events that a reader may not see do not show in the hint',
    needs: WITH_HINTS,
    run: async (t) => {
      if (!t.info.nips.has(59) && !t.info.nips.has(17)) skip('NIP-11 lists neither NIP-17 nor NIP-59')
      const [client, reader, key, other] = [
        await hinting(t),
        await t.connect({ auth: t.info.isAuthRequired ? t.key() : false }),
        t.key(),
        t.key(),
      ]
      const tags = [['p', t.key().pubkey]]
      await client.accept(t.event(key), ...t.series(key, 6, { kind: 1059, tags }), t.event(other))
      for (const limit of [2, 3, 5, 50]) {
        const seen = async (pubkey: string) => reader.request({ authors: [pubkey], limit })
        const [mixed, plain] = [await seen(key.pubkey), await seen(other.pubkey)]
        checkSame([mixed.events.length, plain.events.length], [1, 1], `notes seen with limit ${limit}`)
        checkSame(mixed.hints, plain.hints, `hints with limit ${limit}`)
      }
    },
  },
]

/** Whether EOSE carries a hint; fails when it does and NIP-11 does not say so. */
async function listsItsHints(t: Trial): Promise<boolean> {
  const client = await t.connect()
  const { hints } = await client.request({ authors: [t.key().pubkey] })
  if (hints.length === 0) return false
  check(t.info.nips.has(67), `EOSE carries ${JSON.stringify(hints)}, and NIP-67 is not listed`)
  return true
}

/** A connection to a relay that has NIP-67. */
async function hinting(t: Trial): Promise<Client> {
  t.requireNip(67)
  return t.connect()
}

function isFinished({ hints }: Answer): boolean {
  return JSON.stringify(hints).includes('"finish"')
}

/** No hint, or "more". */
function checkUnfinished(answer: Answer, what: string): void {
  check(answer.closed === undefined, `${what} was refused with "${answer.closed}"`)
  check(
    !isFinished(answer),
    `${what}: something was held back, and EOSE says ${JSON.stringify(answer.hints)}`,
  )
  const words = answer.hints.flat()
  check(
    words.every((word) => word === 'more'),
    `${what}: unknown hints ${JSON.stringify(answer.hints)}`,
  )
}

/** The oldest second seen, once more, lest some of it be missing; one less when the page holds nothing else. */
function nextUntil({ events }: Answer, until: number): number {
  const oldest = Math.min(...events.map((event) => event.created_at))
  return oldest === until ? until - 1 : oldest
}
