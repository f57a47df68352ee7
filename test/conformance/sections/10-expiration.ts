import type { ControlledRelay } from '../kit/control.ts'
import { idsOf, type WireEvent } from '../kit/event.ts'
import type { Key } from '../kit/keys.ts'
import { checkPrefix } from '../kit/prefix.ts'
import type { Row } from '../kit/row.ts'
import { randomHex } from '../kit/sign.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, skip, sleep } from '../kit/verdict.ts'

export const rows: readonly Row[] = [
  {
    id: 'X-01',
    level: 'S',
    claim: 'An event that has expired already is refused with "invalid:", not stored and not sent live',
    run: async (t) => {
      t.requireNip(40)
      const [client, listener, key] = [await t.connect(), await t.connect(), t.key()]
      const live = await listener.subscribe('live', { authors: [key.pubkey] })
      const event = expiring(t, key, t.now() - 10, { created_at: t.now() - 100 })
      await client.refuse(event, ['invalid'], 'an expired event')
      await live.silence('an expired event is not sent live')
      checkSame(await client.query({ ids: [event.id] }), [], 'stored although expired')
    },
  },
  {
    id: 'X-02',
    level: 'S',
    claim: 'An event is served until it expires, and then absent from REQ and COUNT',
    run: async (t) => {
      t.requireNip(40)
      const [client, key] = [await t.connect(), t.key()]
      const [event, lasting] = [expiring(t, key, t.now() + 3), expiring(t, key, t.now() + 3600)]
      await client.accept(event, lasting)
      const filter = { authors: [key.pubkey] }
      checkSame(idsOf(await client.query({ ids: [event.id] })), [event.id], 'before it expires')
      await sleep(5000)
      checkSame(await client.query({ ids: [event.id] }), [], 'by id, after it expired')
      checkSame(idsOf(await client.query(filter)), [lasting.id], 'by author, after it expired')
      if (t.info.nips.has(45)) checkSame(await client.count(filter), 1, 'COUNT after it expired')
    },
  },
  {
    id: 'X-03',
    level: 'O',
    claim: 'The stored row is removed in time',
    timeoutMs: 40_000,
    needs: {
      relay: 'whose store the suite can look into (a RelayControl)',
      isShown: () => false,
      settings: { expirySweepMs: 1000 },
    },
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const storedEvents = t.relay?.storedEvents ?? skip('the control cannot look into the store')
      await client.accept(expiring(t, key, t.now() + 6), expiring(t, key, t.now() + 3600))
      await checkStored(storedEvents, 2, 'before one expires')
      await checkStored(storedEvents, 1, 'after one expired')
    },
  },
  {
    id: 'X-04',
    level: 'M',
    claim: 'An ephemeral event with an expiration is still not stored',
    run: async (t) => {
      const [client, listener, key] = [await t.connect(), await t.connect(), t.key()]
      const live = await listener.subscribe('live', { authors: [key.pubkey] })
      const event = expiring(t, key, t.now() + 3600, { kind: 20000 })
      await client.accept(event)
      await live.expectEvent(event)
      checkSame(await client.query({ ids: [event.id] }), [], 'stored ephemeral events')
    },
  },
  {
    id: 'X-05',
    level: 'P',
    claim: 'An expiration that is no decimal number is ignored or refused with "invalid:"',
    run: async (t) => {
      t.requireNip(40)
      const [client, key] = [await t.connect(), t.key()]
      for (const value of ['soon', '-1', '', '1e9', '99999999999999999999', ' 12', '1.5', undefined]) {
        const event = t.event(key, { tags: [value === undefined ? ['expiration'] : ['expiration', value]] })
        const { isAccepted, text } = await client.publish(event)
        t.note(`"${value}": ${isAccepted ? 'accepted' : text}`)
        if (!isAccepted) checkPrefix(text, ['invalid'], `expiration "${value}"`)
        else
          checkSame(
            idsOf(await client.query({ ids: [event.id] })),
            [event.id],
            `ids after expiration "${value}"`,
          )
      }
      await client.accept(expiring(t, key, t.now() + 3600))
    },
  },
  {
    id: 'X-06',
    level: 'P',
    claim: 'Of two expiration tags the first counts, or the smallest',
    run: async (t) => {
      t.requireNip(40)
      const [client, key, now] = [await t.connect(), t.key(), t.now()]
      const tags = [
        ['expiration', String(now - 10)],
        ['expiration', String(now + 3600)],
      ]
      await client.refuse(t.event(key, { tags }), ['invalid'], 'first and smallest value in the past')
      const { isAccepted } = await client.publish(t.event(key, { tags: tags.toReversed() }))
      t.note(isAccepted ? 'the first counts' : 'the smallest counts')
      await client.accept(expiring(t, key, now + 3600))
    },
  },
  {
    id: 'X-07',
    level: 'D',
    claim: 'When the newest version of an address expires, an older one does not reappear',
    run: async (t) => {
      t.requireNip(40)
      const [client, key, now] = [await t.connect(), t.key(), t.now()]
      const older = t.event(key, { kind: 30000, created_at: now - 10, tags: [['d', 'x']] })
      const tags = [
        ['d', 'x'],
        ['expiration', String(now + 2)],
      ]
      const newer = t.event(key, { kind: 30000, created_at: now, tags })
      await client.accept(older, newer)
      checkSame(idsOf(await client.query({ authors: [key.pubkey] })), [newer.id], 'before it expires')
      await sleep(4000)
      checkSame(await client.query({ authors: [key.pubkey] }), [], 'after the newest version expired')
    },
  },
  {
    id: 'X-08',
    level: 'D',
    claim: 'An event that is sent again after it expired is refused',
    run: async (t) => {
      t.requireNip(40)
      const client = await t.connect()
      const event = expiring(t, t.key(), t.now() + 2)
      await client.accept(event)
      await sleep(4000)
      const { isAccepted, text } = await client.publish(event)
      check(!isAccepted, `an expired event was answered true, "${text}"`)
      checkSame(await client.query({ ids: [event.id] }), [], 'served after it expired')
    },
  },
]

/** A relay may count behind the times: it has 15 seconds to name this number. */
async function checkStored(
  storedEvents: NonNullable<ControlledRelay['storedEvents']>,
  expected: number,
  when: string,
): Promise<void> {
  const deadline = Date.now() + 15_000
  let count = await storedEvents()
  while (count !== expected && Date.now() < deadline) {
    await sleep(250)
    count = await storedEvents()
  }
  checkSame(count, expected, `stored events ${when}`)
}

/** `at` in Unix seconds. */
function expiring(
  t: Trial,
  key: Key,
  at: number,
  draft: { kind?: number; created_at?: number } = {},
): WireEvent {
  return t.event(key, {
    ...draft,
    tags: [
      ['expiration', String(at)],
      ['t', randomHex(4)],
    ],
  })
}
