import { connectAs } from '../kit/auth.ts'
import type { Client } from '../kit/client.ts'
import { idsOf, type WireEvent } from '../kit/event.ts'
import { type NegItem, Reconciliation, varint } from '../kit/negentropy.ts'
import {
  checkNegError,
  itemsOf,
  messageOf,
  negAnswer,
  openNeg,
  reconcile,
  sendNeg,
} from '../kit/negentropy-session.ts'
import type { Row } from '../kit/row.ts'
import { randomHex, sha256Hex } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { type NegentropyCase, negentropyCases } from '../kit/vectors.ts'
import { check, checkSame, fail, skip, sleep } from '../kit/verdict.ts'

/** Nothing in the whole range, from a client that has nothing. */
const EMPTY = '6100000200'
/** EVENTs sent before their OKs are waited for. */
const PIPELINE = 500
const SIGNED_AT_ONCE = 20
/** "A few": with 16 parts in each round, a million items take five. */
const FEW_ROUNDS = 7

export const rows: readonly Row[] = [
  {
    id: 'N-01',
    level: 'M',
    claim: 'In the seven situations of negentropy.json a client learns what it has and needs',
    timeoutMs: 60_000,
    run: async (t) => {
      const [client, key, mark] = [await reconciling(t), t.key(), randomHex(8)]
      const cases = negentropyCases()
      for (const vector of cases) checkOwnClient(vector)
      const start = t.now() - 1000
      const events = Array.from({ length: 206 }, (_, n) => {
        const tags = cases.flatMap(({ relayItems }, i) => (relayItems.includes(n) ? [['t', mark + i]] : []))
        return t.event(key, { created_at: start + Math.floor(n / 3), tags })
      })
      await publishAll(client, events)
      const chosen = (numbers: readonly number[]) => numbers.map((n) => events[n] ?? fail(`no item ${n}`))
      for (const [i, vector] of cases.entries()) {
        const found = await reconcile(client, { '#t': [mark + i] }, itemsOf(chosen(vector.clientItems)))
        checkSame(found.have, idsOf(chosen(vector.clientHas)).sort(), `${vector.name}: have`)
        checkSame(found.need, idsOf(chosen(vector.clientNeeds)).sort(), `${vector.name}: need`)
      }
    },
  },
  {
    id: 'N-02',
    level: 'M',
    claim: 'Sets of every size end in their exact differences, in few rounds',
    timeoutMs: 180_000,
    run: async (t) => {
      const client = await reconciling(t)
      const size = t.options.isSlow ? 10_000 : 2_000
      const sets = [
        { name: 'one item', count: 1, perSecond: 3 },
        { name: '100 items of one second', count: 100, perSecond: 100 },
        { name: `${size} items`, count: size, perSecond: 3 },
      ]
      for (const { name, count, perSecond } of sets) {
        const events = await manyEvents(t, count, { perSecond })
        await publishAll(client, events)
        const filter = { authors: [events[0]?.pubkey] }
        await checkDifferences(client, { name: `${name}, equal`, filter, theirs: events, ours: events })
        await checkDifferences(client, { name: `${name}, client empty`, filter, theirs: events, ours: [] })
        const ours = events.filter((_, i) => i % 100 !== 50 && i !== 0)
        const extra = await manyEvents(t, Math.ceil(events.length / 100))
        await checkDifferences(client, { name, filter, theirs: events, ours: [...ours, ...extra] })
      }
      const nobody = { authors: [t.key().pubkey] }
      await checkDifferences(client, { name: 'both empty', filter: nobody, theirs: [], ours: [] })
    },
  },
  {
    id: 'N-03',
    level: 'M',
    claim: 'The ids of reconciliations and of subscriptions have nothing to do with each other',
    run: async (t) => {
      const [client, key] = [await reconciling(t), t.key()]
      const events = t.series(key, 10)
      await client.accept(...events)
      const live = await client.subscribe('same', { authors: [key.pubkey], limit: 1 })
      const filter = { authors: [key.pubkey] }
      messageOf(await openNeg(client, 'same', filter, EMPTY))
      client.send(['CLOSE', 'same'])
      const told = messageOf(await sendNeg(client, 'same', EMPTY))
      check(
        events.every(({ id }) => told.includes(id)),
        'after CLOSE the reconciliation does not tell all ids',
      )
      const again = await client.subscribe('same', { authors: [key.pubkey], limit: 1 })
      client.send(['NEG-CLOSE', 'same'])
      const next = t.event(key)
      await client.accept(next)
      await again.expectEvent(next)
      checkSame(live.stored.length, 1, 'stored events of the first REQ')
    },
  },
  {
    id: 'N-04',
    level: 'M',
    claim: 'A NEG-OPEN on an open id drops the old reconciliation and answers the new one',
    run: async (t) => {
      const [client, one, two] = [await reconciling(t), t.key(), t.key()]
      const [first, second] = [t.event(one), t.event(two)]
      await client.accept(first, second)
      messageOf(await openNeg(client, 'n', { authors: [one.pubkey] }, EMPTY))
      const found = await reconcile(client, { authors: [two.pubkey] }, [], { id: 'n' })
      checkSame(found.need, [second.id], 'ids needed after the second NEG-OPEN')
    },
  },
  {
    id: 'N-05',
    level: 'M',
    claim: 'After NEG-CLOSE a NEG-MSG gets NEG-ERR "closed:"',
    run: async (t) => {
      const client = await reconciling(t)
      messageOf(await openNeg(client, 'n', { authors: [t.key().pubkey] }, EMPTY))
      messageOf(await sendNeg(client, 'n', EMPTY))
      client.send(['NEG-CLOSE', 'n'])
      checkNegError(await sendNeg(client, 'n', EMPTY), ['closed'], 'NEG-MSG after NEG-CLOSE')
      checkNegError(await sendNeg(client, 'never', EMPTY), ['closed'], 'NEG-MSG on an id never opened')
    },
  },
  {
    id: 'N-06',
    level: 'M',
    claim:
      'Another version of the protocol is answered with the byte 61 alone, what is no version with NEG-ERR',
    run: async (t) => {
      const [client, filter] = [await reconciling(t), { authors: [t.key().pubkey] }]
      for (const version of ['60', '62', '6f']) {
        const answer = await openNeg(client, `v${version}`, filter, `${version}00000200`)
        checkSame(messageOf(answer), '61', `answer to version byte ${version}`)
      }
      for (const version of ['00', '5f', '70', 'ff'])
        checkNegError(await openNeg(client, 'n', filter, `${version}00000200`), [], `version byte ${version}`)
    },
  },
  {
    id: 'N-07',
    level: 'S',
    claim: 'A filter that matches too many events gets NEG-ERR "blocked:" and the maximum',
    needs: {
      relay: 'that reconciles at most 10 events (a RelayControl)',
      isShown: (info) => !info.nips.has(77),
      settings: { negentropy: { maxRecords: 10 } },
    },
    run: async (t) => {
      const [client, key, few] = [await reconciling(t), t.key(), t.key()]
      const events = t.series(few, 10)
      await client.accept(...t.series(key, 11), ...events)
      const answer = await openNeg(client, 'n', { authors: [key.pubkey] }, EMPTY)
      checkNegError(answer, ['blocked'], 'NEG-OPEN for eleven events')
      checkSame('rest' in answer ? answer.rest : [], [10], 'elements behind the reason')
      const found = await reconcile(client, { authors: [few.pubkey] }, [])
      checkSame(found.need, idsOf(events).sort(), 'ids of ten events')
    },
  },
  {
    id: 'N-08',
    level: 'S',
    claim: 'A reconciliation that is idle is ended with NEG-ERR "closed:"',
    timeoutMs: 60_000,
    needs: {
      relay: 'that ends idle reconciliations after a second (a RelayControl)',
      isShown: (info) => !info.nips.has(77),
      settings: { negentropy: { idleMs: 1000 } },
    },
    run: async (t) => {
      const client = await reconciling(t)
      messageOf(await openNeg(client, 'n', { authors: [t.key().pubkey] }, EMPTY))
      checkNegError(await negAnswer(client, 'n', 40_000), ['closed'], 'an idle reconciliation')
      checkNegError(await sendNeg(client, 'n', EMPTY), ['closed'], 'NEG-MSG afterwards')
    },
  },
  {
    id: 'N-09',
    level: 'M',
    claim: 'After NEG-ERR the reconciliation is gone',
    run: async (t) => {
      const client = await reconciling(t)
      messageOf(await openNeg(client, 'n', { authors: [t.key().pubkey] }, EMPTY))
      checkNegError(await sendNeg(client, 'n', '61ff'), [], 'a message that breaks off')
      checkNegError(await sendNeg(client, 'n', EMPTY), ['closed'], 'NEG-MSG afterwards')
    },
  },
  {
    id: 'N-10',
    level: 'P',
    claim: 'Messages that cannot be read get NEG-ERR "invalid:", and the connection lives',
    run: async (t) => {
      const [client, filter] = [await reconciling(t), { authors: [t.key().pubkey] }]
      for (const [what, message] of Object.entries(brokenMessages()))
        checkNegError(await openNeg(client, 'n', filter, message), ['invalid'], what)
      for (const message of [7, null, ['61']]) {
        client.send(['NEG-OPEN', 'n', filter, message])
        checkNegError(await negAnswer(client, 'n'), ['invalid'], JSON.stringify(message))
      }
      messageOf(await openNeg(client, 'n', filter, EMPTY))
    },
  },
  {
    id: 'N-11',
    level: 'P',
    claim: 'A filter that cannot be gets NEG-ERR "invalid:"',
    run: async (t) => {
      const client = await reconciling(t)
      for (const filter of [null, [], 'x', { ids: ['abc'] }, { kinds: ['1'] }, { since: '1' }])
        checkNegError(await openNeg(client, 'n', filter, EMPTY), ['invalid'], JSON.stringify(filter))
    },
  },
  {
    id: 'N-12',
    level: 'P',
    claim: "Private kinds get NEG-ERR, and their ids are in nobody's set but their recipient's",
    run: async (t) => {
      t.requireNip(42)
      if (!t.info.nips.has(59) && !t.info.nips.has(17)) skip('NIP-11 lists neither NIP-17 nor NIP-59')
      const [sender, key, recipient] = [await reconciling(t), t.key(), t.key()]
      const wrap = t.event(key, { kind: 1059, tags: [['p', recipient.pubkey]] })
      const note = t.event(key)
      await sender.accept(wrap, note)
      const filter = { kinds: [1059], '#p': [recipient.pubkey] }
      const nobody = await t.connect({ auth: false })
      checkNegError(await openNeg(nobody, 'n', filter, EMPTY), ['auth-required'], 'NEG-OPEN before AUTH')
      const stranger = await connectAs(t, t.key())
      const answer = await openNeg(stranger, 'n', filter, EMPTY)
      if ('error' in answer) checkNegError(answer, ['restricted'], 'NEG-OPEN by a stranger')
      else check(!answer.message.includes(wrap.id), 'a stranger is told the id')
      const mixed = await reconcile(stranger, { authors: [key.pubkey] }, [])
      checkSame(mixed.need, [note.id], 'ids told to a stranger')
      const reader = await connectAs(t, recipient)
      checkSame((await reconcile(reader, filter, [])).need, [wrap.id], 'ids told to the recipient')
    },
  },
  {
    id: 'N-13',
    level: 'P',
    claim: 'Deleted, replaced and expired events are not in the set',
    run: async (t) => {
      const [client, key, now] = [await reconciling(t), t.key(), t.now()]
      const [deleted, kept] = [t.event(key), t.event(key)]
      const profiles = [now - 1, now].map((created_at) => t.event(key, { kind: 0, created_at }))
      await client.accept(deleted, kept, ...profiles)
      if (t.info.nips.has(40))
        await client.accept(t.event(key, { tags: [['expiration', String(t.now() + 3)]] }))
      await client.accept(t.event(key, { kind: 5, tags: [['e', deleted.id]] }))
      if (t.info.nips.has(40)) await sleep(5000)
      const { need } = await reconcile(client, { kinds: [0, 1], authors: [key.pubkey] }, [])
      checkSame(need, idsOf([kept, ...profiles.slice(1)]).sort(), 'ids in the set')
    },
  },
  {
    id: 'N-14',
    level: 'P',
    claim: 'Events that come in meanwhile do not disturb a reconciliation, and are not in it',
    run: async (t) => {
      const [client, writer] = [await reconciling(t), await t.connect()]
      const events = await manyEvents(t, 300)
      await publishAll(client, events)
      const filter = { '#t': [markOf(events)] }
      const late = await manyEvents(t, 30, { mark: markOf(events) })
      const between = () => publishAll(writer, late)
      const ours = events.filter((_, i) => i % 10 !== 3)
      const { need, have } = await reconcile(client, filter, itemsOf(ours), { between })
      checkSame(need, idsOf(events.filter((_, i) => i % 10 === 3)).sort(), 'ids needed')
      checkSame(have, [], 'ids that the relay lacks')
      const again = await reconcile(client, filter, itemsOf(events))
      checkSame(again.need, idsOf(late).sort(), 'ids needed by the next reconciliation')
    },
  },
  {
    id: 'N-15',
    level: 'D',
    claim: 'With a bound on frames the answers stay below it, and both sides still come to an end',
    timeoutMs: 60_000,
    needs: {
      relay: 'that answers reconciliations with at most 4096 bytes (a RelayControl)',
      isShown: (info) => !info.nips.has(77),
      settings: { negentropy: { maxFrameBytes: 4096 } },
    },
    run: async (t) => {
      const client = await reconciling(t)
      const events = await manyEvents(t, 600)
      await publishAll(client, events)
      const filter = { '#t': [markOf(events)] }
      for (const ours of [[], events.filter((_, i) => i % 3 === 0)]) {
        const { need, have, longest, rounds } = await reconcile(client, filter, itemsOf(ours))
        check(longest <= 2 * 4096, `a message has ${longest} hex digits`)
        check(rounds > 1, 'so many ids cannot have fitted into one frame')
        checkSame(need, idsOf(events.filter((event) => !ours.includes(event))).sort(), 'ids needed')
        checkSame(have, [], 'ids that the relay lacks')
      }
    },
  },
  {
    id: 'N-16',
    level: 'P',
    claim: 'More reconciliations at a time than a connection may have get NEG-ERR "blocked:"',
    needs: {
      relay: 'that allows three reconciliations at a time (a RelayControl)',
      isShown: (info) => !info.nips.has(77),
      settings: { negentropy: { maxSessions: 3 } },
    },
    run: async (t) => {
      const [client, other, filter] = [
        await reconciling(t),
        await reconciling(t),
        { authors: [t.key().pubkey] },
      ]
      for (const id of ['1', '2', '3']) messageOf(await openNeg(client, id, filter, EMPTY))
      checkNegError(await openNeg(client, '4', filter, EMPTY), ['blocked'], 'the fourth')
      messageOf(await sendNeg(client, '3', EMPTY))
      messageOf(await openNeg(client, '3', filter, EMPTY))
      messageOf(await openNeg(other, '1', filter, EMPTY))
      client.send(['NEG-CLOSE', '2'])
      messageOf(await openNeg(client, '4', filter, EMPTY))
    },
  },
  {
    id: 'N-18',
    level: 'D',
    claim: 'The time 2^64-1, which is reserved for infinity, is refused in a bound',
    run: async (t) => {
      const [client, filter] = [await reconciling(t), { authors: [t.key().pubkey] }]
      const bound = `${varint(1n << 64n).toString('hex')}00`
      checkNegError(await openNeg(client, 'n', filter, `61${bound}00`), ['invalid'], 'a skip up to 2^64-1')
      const empty = `61${bound}0200`
      checkNegError(await openNeg(client, 'n', filter, empty), ['invalid'], 'ids up to 2^64-1')
      messageOf(await openNeg(client, 'n', filter, EMPTY))
    },
  },
]

/** A connection to a relay that has NIP-77. */
async function reconciling(t: Trial): Promise<Client> {
  t.requireNip(77)
  return t.connect()
}

/** The recorded exchange, with the suite's client in place of the recorded one: it must ask and learn the same. */
function checkOwnClient({ name, clientItems, clientHas, clientNeeds, exchange }: NegentropyCase): void {
  const client = new Reconciliation(clientItems.map(vectorItem))
  let question: string | undefined = client.first()
  for (const round of exchange) {
    checkSame(question, round.client, `negentropy.json, ${name}: what the suite's client asks`)
    question = client.next(round.relay)
  }
  const ids = (numbers: readonly number[]) => numbers.map((n) => vectorItem(n).id).sort()
  checkSame([...client.have].sort(), ids(clientHas), `negentropy.json, ${name}: have`)
  checkSame([...client.need].sort(), ids(clientNeeds), `negentropy.json, ${name}: need`)
}

/** The items of the vectors, three in a second. */
function vectorItem(n: number): NegItem {
  return { time: 1_700_000_000 + Math.floor(n / 3), id: sha256Hex(`item${n}`) }
}

/** Events by one fresh key under one mark, a few in each second, the newest of them now. */
async function manyEvents(
  t: Trial,
  count: number,
  { perSecond = 3, mark = randomHex(8) }: { readonly perSecond?: number; readonly mark?: string } = {},
): Promise<readonly WireEvent[]> {
  const [key, start] = [t.key(), t.now() - Math.floor((count - 1) / perSecond)]
  const events: WireEvent[] = []
  for (let n = 0; n < count; n += 1) {
    events.push(t.event(key, { created_at: start + Math.floor(n / perSecond), tags: [['t', mark]] }))
    // Signing takes seconds, in which the rows beside this one must have their turns.
    if (n % SIGNED_AT_ONCE === 0) await sleep(0)
  }
  return events
}

function markOf([first]: readonly WireEvent[]): string {
  return first?.tags[0]?.[1] ?? fail('there is no event')
}

/** Publishes many events, each of which must be accepted, without waiting for one after the other. */
async function publishAll(client: Client, events: readonly WireEvent[]): Promise<void> {
  for (let start = 0; start < events.length; start += PIPELINE) {
    const some = events.slice(start, start + PIPELINE)
    for (const event of some) client.send(['EVENT', event])
    for (const { id } of some) {
      const { isAccepted, text } = await client.okFor(id)
      check(isAccepted, `an event was refused with "${text}"`)
    }
  }
}

interface TwoSets {
  readonly name: string
  readonly filter: object
  readonly theirs: readonly WireEvent[]
  readonly ours: readonly WireEvent[]
}

async function checkDifferences(client: Client, { name, filter, theirs, ours }: TwoSets): Promise<void> {
  const { have, need, rounds } = await reconcile(client, filter, itemsOf(ours))
  const [mine, yours] = [new Set(idsOf(ours)), new Set(idsOf(theirs))]
  checkSame(need, [...yours].filter((id) => !mine.has(id)).sort(), `${name}: need`)
  checkSame(have, [...mine].filter((id) => !yours.has(id)).sort(), `${name}: have`)
  check(rounds <= FEW_ROUNDS, `${name}: took ${rounds} rounds`)
}

function brokenMessages(): Record<string, string> {
  const [infinity, id, fingerprint] = ['0000', randomHex(), randomHex(16)]
  return {
    'an odd number of digits': '610',
    'no hex': '61zz',
    'no byte at all': '',
    'a number that breaks off': '6181',
    'a bound without a mode': `61${infinity}`,
    'a prefix that breaks off': '610104aabb',
    'a prefix of 33 bytes': `610121${'aa'.repeat(33)}00`,
    'a mode that is none': `61${infinity}03`,
    'a fingerprint that breaks off': `61${infinity}01${fingerprint.slice(2)}`,
    'fewer ids than counted': `61${infinity}0202${id}`,
    'a count beyond all memory': `61${infinity}02${varint(1n << 62n).toString('hex')}${id}`,
    'a number longer than it need be': `618000000200`,
    'a number beyond 64 bits': `61${'ff'.repeat(12)}7f0000`,
  }
}
