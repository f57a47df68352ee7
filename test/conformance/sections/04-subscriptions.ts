import { endsRequest, isEventFrame } from '../kit/client.ts'
import { idsOf } from '../kit/event.ts'
import { checkPrefix } from '../kit/prefix.ts'
import type { Row } from '../kit/row.ts'
import type { Trial } from '../kit/trial.ts'
import { check, checkSame, shorten, skip, sleep } from '../kit/verdict.ts'

/** What a relay may not keep for one client that does not read. */
const FLOOD_BYTES = 48 << 20
const FLOOD_BATCH = 16

export const rows: readonly Row[] = [
  {
    id: 'S-01',
    level: 'M',
    claim: 'A REQ returns the stored events, then exactly one EOSE',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const events = t.series(key, 3)
      await client.accept(...events)
      const subscription = await client.subscribe('s', { authors: [key.pubkey] })
      checkSame(idsOf(subscription.stored), idsOf(events.toReversed()), 'stored ids, newest first')
      await client.silence('there is one EOSE', (m) => m[0] === 'EOSE' && m[1] === 's')
      const eose = client.received.find(
        (frame) => frame.message !== undefined && endsRequest('s')(frame.message),
      )
      const length = eose?.message?.length ?? 0
      const isHinting = t.info.nips.has(67)
      check(length === 2 || (length === 3 && isHinting), `EOSE has ${length} elements: ${eose?.text}`)
    },
  },
  {
    id: 'S-02',
    level: 'M',
    claim: 'An event published by another connection after EOSE is delivered once, under this id',
    run: async (t) => {
      const [client, listener, key] = [await t.connect(), await t.connect(), t.key()]
      const live = await listener.subscribe('mine', { authors: [key.pubkey] })
      const event = t.event(key)
      await client.accept(event)
      await live.expectEvent(event)
      await listener.silence('it is delivered once', (m) => m[0] === 'EVENT')
    },
  },
  {
    id: 'S-03',
    level: 'M',
    claim: 'A connection receives its own events too',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const live = await client.subscribe('own', { authors: [key.pubkey] })
      const event = t.event(key)
      await client.accept(event)
      await live.expectEvent(event)
    },
  },
  {
    id: 'S-04',
    level: 'M',
    claim: 'Live events are not counted against limit',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      await client.accept(t.event(key))
      const live = await client.subscribe('limited', { authors: [key.pubkey], limit: 1 })
      checkSame(live.stored.length, 1, 'stored events')
      const events = [t.event(key), t.event(key), t.event(key)]
      await client.accept(...events)
      for (const event of events) await live.expectEvent(event)
    },
  },
  {
    id: 'S-05',
    level: 'M',
    claim: 'Live events obey every condition of the filter',
    run: async (t) => {
      const [client, listener, key] = [await t.connect(), await t.connect(), t.key()]
      const now = t.now()
      const tags = [['t', key.pubkey.slice(0, 16)]]
      const filter = {
        authors: [key.pubkey],
        kinds: [1],
        '#t': [tags[0]?.[1]],
        since: now - 20,
        until: now - 10,
      }
      const live = await listener.subscribe('strict', filter)
      const [inside, alsoInside] = [now - 20, now - 10].map((created_at) =>
        t.event(key, { created_at, tags }),
      )
      check(inside !== undefined && alsoInside !== undefined, 'two events')
      const outside = [
        t.event(key, { created_at: now - 21, tags }),
        t.event(key, { created_at: now - 9, tags }),
        t.event(key, { created_at: now - 15, tags: [['t', 'other']] }),
        t.event(key, { created_at: now - 15, kind: 2, tags }),
        t.event(t.key(), { created_at: now - 15, tags }),
      ]
      await client.accept(inside, ...outside, alsoInside)
      await live.expectEvent(inside)
      await live.expectEvent(alsoInside)
      await live.silence('only the two matching events are delivered')
    },
  },
  {
    id: 'S-06',
    level: 'M',
    claim: 'After CLOSE no event comes for that id',
    run: async (t) => {
      const [client, listener, key] = [await t.connect(), await t.connect(), t.key()]
      const [closed, open] = [
        await listener.subscribe('closed', { authors: [key.pubkey] }),
        await listener.subscribe('open', { authors: [key.pubkey] }),
      ]
      closed.close()
      await listener.fence()
      const event = t.event(key)
      await client.accept(event)
      await open.expectEvent(event)
      await closed.silence('the subscription is closed')
    },
  },
  {
    id: 'S-07',
    level: 'D',
    claim: 'CLOSE of an unknown id is ignored, and the connection lives',
    run: async (t) => {
      const client = await t.connect()
      client.send(['CLOSE', 'never-opened'])
      await client.fence()
      await client.accept(t.event(t.key()))
    },
  },
  {
    id: 'S-08',
    level: 'M',
    claim: 'A REQ with an open id replaces it: new stored events, new EOSE, the old filters are dead',
    run: async (t) => {
      const [client, one, two] = [await t.connect(), t.key(), t.key()]
      const [storedOne, storedTwo] = [t.event(one), t.event(two)]
      await client.accept(storedOne, storedTwo)
      const first = await client.subscribe('s', { authors: [one.pubkey] })
      checkSame(idsOf(first.stored), [storedOne.id], 'stored events of the first REQ')
      const second = await client.subscribe('s', { authors: [two.pubkey] })
      checkSame(idsOf(second.stored), [storedTwo.id], 'stored events of the second REQ')
      const liveTwo = t.event(two)
      await client.accept(t.event(one), liveTwo)
      await second.expectEvent(liveTwo)
      await second.silence('the first filters are dead')
    },
  },
  {
    id: 'S-09',
    level: 'M',
    claim: 'The same id on two connections is two subscriptions',
    run: async (t) => {
      const [a, b, one, two] = [await t.connect(), await t.connect(), t.key(), t.key()]
      const [ofA, ofB] = [
        await a.subscribe('same', { authors: [one.pubkey] }),
        await b.subscribe('same', { authors: [two.pubkey] }),
      ]
      const [eventOne, eventTwo, laterTwo] = [t.event(one), t.event(two), t.event(two)]
      await a.accept(eventOne, eventTwo)
      await ofA.expectEvent(eventOne)
      await ofB.expectEvent(eventTwo)
      ofA.close()
      await a.fence()
      await a.accept(laterTwo, t.event(one))
      await ofB.expectEvent(laterTwo)
      await ofA.silence('closed on A')
      checkSame([ofA.timesSeen(eventTwo), ofB.timesSeen(eventOne)], [0, 0], "deliveries of the other's event")
    },
  },
  {
    id: 'S-10',
    level: 'M',
    claim: 'Ids of 1 and 64 characters, with spaces, quotes and emoji work and come back exactly',
    run: (t) => checkIdsWork(t, ['x', 'y'.repeat(64), 'two words ', '"quoted" \\ back', '😀 emoji', '漢字']),
  },
  {
    id: 'S-11',
    level: 'M',
    claim: 'An empty id, one of 65 characters, a number and null are refused',
    run: async (t) => {
      const client = await t.connect()
      for (const id of ['', 'x'.repeat(65)]) {
        client.send(['REQ', id, { limit: 0 }])
        const end = await client.expect(`CLOSED for an id of ${id.length} characters`, endsRequest(id))
        checkSame(end[0], 'CLOSED', `the answer to an id of ${id.length} characters`)
        checkPrefix(String(end[2]), ['invalid'], `an id of ${id.length} characters`)
      }
      for (const id of [7, null]) {
        client.send(['REQ', id, { limit: 0 }])
        await client.expect(`a NOTICE after the id ${id}`, (m) => m[0] === 'NOTICE')
        checkSame(
          client.tally((m) => m[0] === 'EOSE' && m[1] === id),
          0,
          `EOSE for the id ${id}`,
        )
      }
      await client.fence()
    },
  },
  {
    id: 'S-12',
    level: 'P',
    claim: 'The length of an id is counted in characters: 64 astral ones are accepted',
    run: (t) => checkIdsWork(t, ['😀'.repeat(64)]),
  },
  {
    id: 'S-13',
    level: 'D',
    claim: 'A REQ without a filter is CLOSED with "invalid:"',
    run: async (t) => {
      const client = await t.connect()
      await client.refuseRequest([], ['invalid'], 'no filter')
      await client.query({ kinds: [1], limit: 1 })
    },
  },
  {
    id: 'S-14',
    level: 'M',
    claim: 'A REQ that is not served ends with CLOSED and a prefix, never with a NOTICE alone, nor with EOSE',
    run: async (t) => {
      const client = await t.connect()
      const refused = [[{ ids: ['not hex'] }], [{ kinds: ['one'] }, {}], [{ limit: 1 }, { since: 'today' }]]
      for (const filters of refused) await client.refuseRequest(filters, [], JSON.stringify(filters))
      const many = Array.from({ length: 1000 }, () => ({ kinds: [1], limit: 0 }))
      const { closed } = await client.request(...many)
      if (closed !== undefined) checkPrefix(closed, [], '1,000 filters')
      t.note(`1,000 filters: ${closed ?? 'served'}`)
      await client.silence('a REQ ends once', (m) => m[0] === 'EOSE' || m[0] === 'CLOSED')
      await client.query({ kinds: [1], limit: 1 })
    },
  },
  {
    id: 'S-15',
    level: 'S',
    claim:
      'One subscription above max_subscriptions is CLOSED, the others live, and a closed one frees its place',
    needs: {
      relay: 'that advertises max_subscriptions (at most 1,000)',
      isShown: (info) => (info.limit('max_subscriptions') ?? Number.POSITIVE_INFINITY) <= 1000,
      settings: { maxSubscriptions: 5 },
    },
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const max = t.info.limit('max_subscriptions')
      check(max !== undefined, 'NIP-11 shows no max_subscriptions')
      const filter = { authors: [key.pubkey] }
      const open = []
      for (let i = 0; i < max; i += 1) open.push(await client.subscribe(`s${i}`, filter))
      client.send(['REQ', 'extra', filter])
      const { closed } = await client.endOf('extra')
      check(closed !== undefined, `subscription ${max + 1} was served`)
      checkPrefix(closed, ['rate-limited', 'blocked', 'restricted'], `subscription ${max + 1}`)
      await client.subscribe('s0', filter)
      open.at(-1)?.close()
      await client.subscribe('freed', filter)
      const event = t.event(key)
      await client.accept(event)
      for (const subscription of open.slice(0, -1)) await subscription.expectEvent(event)
    },
  },
  {
    id: 'S-16',
    level: 'M',
    claim: 'EVENT comes only with an id that was opened and not closed on that connection',
    timeoutMs: 40_000,
    run: async (t) => {
      const [client, listener, key] = [await t.connect(), await t.connect(), t.key()]
      const filter = { authors: [key.pubkey], since: t.now() - 1 }
      const dead = new Set<string>()
      for (let round = 0; round < 12; round += 1) {
        const [kept, dropped] = [`kept ${round % 3}`, `dropped ${round}`]
        const live = await listener.subscribe(kept, filter)
        await listener.subscribe(dropped, filter)
        const event = t.event(key)
        client.send(['EVENT', event])
        listener.send(['CLOSE', dropped])
        await client.okFor(event.id)
        await live.expectEvent(event)
        await listener.fence()
        // An event on its way when CLOSE was handled may have come until here: from now on none may.
        await sleep(120)
        listener.takeEvents(dropped)
        dead.add(dropped)
      }
      await client.accept(t.event(key))
      const isStray = (id: unknown) => dead.has(String(id)) || !/^(kept|dropped) \d+$/.test(String(id))
      await listener.silence('closed ids stay silent', (m) => m[0] === 'EVENT' && isStray(m[1]))
    },
  },
  {
    id: 'S-17',
    level: 'D',
    claim: 'An event published while a REQ is being answered is delivered exactly once',
    timeoutMs: 40_000,
    run: async (t) => {
      const [client, listener, key] = [await t.connect(), await t.connect(), t.key()]
      await client.accept(...t.series(key, 40))
      const events = Array.from({ length: 25 }, () => t.event(key))
      for (const [i, event] of events.entries()) {
        const send = [
          () => listener.send(['REQ', `race${i}`, { authors: [key.pubkey] }]),
          () => client.send(['EVENT', event]),
        ]
        for (const act of i % 2 === 0 ? send : send.toReversed()) act()
        await client.okFor(event.id)
        const hasCome = () => listener.tally((m) => isEventFrame(m, `race${i}`, event.id)) > 0
        check(await listener.until(hasCome, t.options.answerMs), `race ${i}: the event was never delivered`)
        await listener.fence()
        listener.send(['CLOSE', `race${i}`])
      }
      await listener.fence()
      await sleep(t.options.quietMs)
      const counts = events.map((event, i) => listener.tally((m) => isEventFrame(m, `race${i}`, event.id)))
      checkSame(
        counts,
        events.map(() => 1),
        'deliveries in each of the races',
      )
    },
  },
  {
    id: 'S-18',
    level: 'D',
    claim:
      'A dropped socket takes its subscriptions with it; the same id starts clean on the next connection',
    run: async (t) => {
      const [client, dropped, one, two] = [await t.connect(), await t.connect(), t.key(), t.key()]
      await dropped.subscribe('again', { authors: [one.pubkey] })
      dropped.socket.terminate()
      const next = await t.connect()
      const live = await next.subscribe('again', { authors: [two.pubkey] })
      const event = t.event(two)
      await client.accept(t.event(one), event)
      await live.expectEvent(event)
      await next.silence('nothing of the dropped connection', (m) => m[0] === 'EVENT')
    },
  },
  {
    id: 'S-19',
    level: 'D',
    claim:
      'A client that does not read is bounded: it is closed or loses its subscription, and others are not held up',
    timeoutMs: 90_000,
    isAlone: true,
    run: checkSlowReader,
  },
  {
    id: 'S-20',
    level: 'M',
    claim: 'A duplicate is not delivered again',
    run: async (t) => {
      const [client, listener, key] = [await t.connect(), await t.connect(), t.key()]
      const live = await listener.subscribe('live', { authors: [key.pubkey] })
      const event = t.event(key)
      await client.accept(event)
      await live.expectEvent(event)
      await client.publish(event)
      await listener.publish(event)
      await live.silence('a duplicate is not delivered')
    },
  },
  {
    id: 'S-21',
    level: 'M',
    claim: 'A refused event is neither delivered nor stored',
    run: async (t) => {
      const [client, listener, key] = [await t.connect(), await t.connect(), t.key()]
      const live = await listener.subscribe('live', { authors: [key.pubkey] })
      const bad = [
        { ...t.event(key), sig: t.event(t.key()).sig },
        { ...t.event(key), content: 'changed' },
        t.event(key, { kind: 65536 }),
      ]
      for (const event of bad)
        await client.refuse(event, ['invalid'], `kind ${event.kind}, "${event.content}"`)
      const good = t.event(key)
      await client.accept(good)
      await live.expectEvent(good)
      await live.silence('refused events are not delivered')
      checkSame(idsOf(await client.query({ authors: [key.pubkey] })), [good.id], 'stored ids')
      checkSame(await client.query({ ids: idsOf(bad) }), [], 'stored under the ids of the refused')
    },
  },
  {
    id: 'S-22',
    level: 'D',
    claim: 'What was answered OK true is seen at once by a REQ of another connection',
    run: async (t) => {
      const [client, reader, key] = [await t.connect(), await t.connect(), t.key()]
      for (const event of t.series(key, 20)) {
        await client.accept(event)
        checkSame(idsOf(await reader.query({ ids: [event.id] })), [event.id], 'ids seen right after OK')
      }
    },
  },
  {
    id: 'S-23',
    level: 'O',
    claim: 'A relay that ends a subscription itself, here by stopping, says CLOSED with "error:"',
    needs: {
      relay: 'whose process the suite can stop (a RelayControl)',
      isShown: () => false,
      settings: {},
    },
    run: async (t) => {
      const client = await t.connect()
      await client.subscribe('open', { kinds: [1], limit: 0 })
      if (t.relay?.signal === undefined) skip('the control cannot send signals')
      await t.relay.signal('SIGTERM')
      const closed = await client.find((m) => m[0] === 'CLOSED' && m[1] === 'open', t.options.answerMs)
      if (closed === undefined) skip('the relay closes the socket without CLOSED, as it may')
      checkPrefix(String(closed[2]), ['error'], 'CLOSED while stopping')
    },
  },
  {
    id: 'S-25',
    level: 'O',
    claim:
      'A REQ that asks for ids only may be CLOSED once all are sent; one that can still match stays open',
    run: async (t) => {
      const [client, key] = [await t.connect(), t.key()]
      const [stored, awaited] = [t.event(key), t.event(key)]
      await client.accept(stored)
      const done = await client.subscribe('done', { ids: [stored.id] })
      checkSame(idsOf(done.stored), [stored.id], 'stored ids')
      const open = await client.subscribe('open', { ids: [stored.id, awaited.id] })
      await client.accept(awaited)
      await open.expectEvent(awaited)
      const closed = await client.find((m) => m[0] === 'CLOSED' && m[1] === 'done', t.options.quietMs)
      t.note(closed === undefined ? 'the exhausted REQ stays open' : 'the exhausted REQ is closed')
    },
  },
  {
    id: 'S-24',
    level: 'D',
    claim: 'A subscription that is idle for ten minutes, pings answered, stays open',
    isSlow: true,
    timeoutMs: 660_000,
    run: async (t) => {
      const [listener, key] = [await t.connect(), t.key()]
      const live = await listener.subscribe('patient', { authors: [key.pubkey] })
      await sleep(600_000)
      const client = await t.connect()
      const event = t.event(key)
      await client.accept(event)
      await live.expectEvent(event)
    },
  },
]

/** Every id must give its stored event, EOSE and live events, spelled exactly as it was sent. */
async function checkIdsWork(t: Trial, ids: readonly string[]): Promise<void> {
  const [client, key] = [await t.connect(), t.key()]
  const stored = t.event(key)
  await client.accept(stored)
  for (const id of ids) {
    const live = await client.subscribe(id, {
      authors: [key.pubkey],
      kinds: [1],
      until: t.now() + 60,
      limit: 1,
    })
    checkSame(live.stored.length, 1, `stored events for the id ${JSON.stringify(id)}`)
    const event = t.event(key)
    await client.accept(event)
    await live.expectEvent(event)
    live.close()
  }
}

/** Ephemeral events, so that nothing of the flood is stored. */
async function checkSlowReader(t: Trial): Promise<void> {
  const [client, slow, quick, key] = [await t.connect(), await t.connect(), await t.connect(), t.key()]
  const filter = { authors: [key.pubkey] }
  await slow.subscribe('slow', filter)
  await quick.subscribe('quick', filter)
  const size = Math.min(
    60_000,
    (t.info.limit('max_message_length') ?? 65_536) - 1_000,
    t.info.limit('max_content_length') ?? 60_000,
  )
  const count = Math.ceil(FLOOD_BYTES / size / FLOOD_BATCH) * FLOOD_BATCH
  const content = 'x'.repeat(size)
  slow.socket.pause()
  const delays: number[] = []
  for (let sent = 0; sent < count; sent += FLOOD_BATCH) {
    const startedAtMs = Date.now()
    const batch = Array.from({ length: FLOOD_BATCH }, (_, i) =>
      t.event(key, { kind: 20_100, content, tags: [['n', String(sent + i)]] }),
    )
    for (const event of batch) client.send(['EVENT', event])
    for (const event of batch) {
      const { isAccepted, text } = await client.okFor(event.id)
      if (!isAccepted) skip(`the flood of ${count} events was refused with "${shorten(text, 100)}"`)
      await quick.expect('delivery while another client does not read', (m) =>
        isEventFrame(m, 'quick', event.id),
      )
    }
    delays.push(Date.now() - startedAtMs)
    quick.received.length = 0
  }
  t.note(`${count} events of ${size} bytes; slowest batch of ${FLOOD_BATCH} took ${Math.max(...delays)} ms`)
  slow.socket.resume()
  const cut = () => slow.ended !== undefined || slow.tally((m) => m[0] === 'CLOSED' && m[1] === 'slow') > 0
  const all = () => slow.tally((m) => m[0] === 'EVENT') === count
  await slow.until(() => cut() || all(), 20_000)
  check(
    cut(),
    `the relay kept ${slow.tally((m) => m[0] === 'EVENT')} of ${count} large events for the client`,
  )
  t.note(
    slow.ended === undefined
      ? 'its subscription was CLOSED'
      : `its connection was closed with ${slow.ended.code}`,
  )
}
