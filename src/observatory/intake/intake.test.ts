import { expect, test } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { createSignatureVerifier } from '../../platform/index.ts'
import { LANGUAGES } from '../languages.ts'
import { frameOf, NOW_SECONDS, rowsOf, signedEvent, testFeed, testIntake } from './testing/index.ts'

test('an event is an observation of each relay that shows it, and is verified once', async () => {
  const intake = await testIntake()
  const event = await signedEvent({
    content: 'this is the best of all and it was not here before',
    tags: [['client', 'Stoa']],
  })
  const relays = [3, 7, 9]
  for (const relay of relays) expect(intake.take(testFeed(relay), frameOf(event))).toBe(NOW_SECONDS)
  const rows = rowsOf(intake.takeBatch())
  expect(rows.map(({ relay }) => relay)).toEqual(relays)
  for (const row of rows) {
    expect(row).toEqual({
      relay: row.relay,
      event: {
        high: Number.parseInt(event.id.slice(0, 8), 16),
        low: Number.parseInt(event.id.slice(8, 16), 16),
      },
      author: {
        high: Number.parseInt(event.pubkey.slice(0, 8), 16),
        low: Number.parseInt(event.pubkey.slice(8, 16), 16),
      },
      kind: 1,
      createdAt: NOW_SECONDS,
      seenAt: NOW_SECONDS,
      client: 'Stoa',
      zapMsat: 0n,
      isZapSignerChecked: false,
      language: LANGUAGES.indexOf('en'),
    })
  }
  expect(intake.stats()).toMatchObject({ messages: 3, observations: 3, known: 2, verified: 1, refused: 0 })
  expect(intake.takeBatch().count).toBe(0)
})

test('a forged copy that comes first does not hide the real event', async () => {
  const intake = await testIntake()
  const event = await signedEvent({ content: 'real' })
  const liar = testFeed(1)
  const wrongSignature = { ...event, sig: 'ab'.repeat(64) }
  const wrongContent = { ...event, content: 'forged' }
  expect(intake.take(liar, frameOf(wrongSignature))).toBe(-1)
  expect(intake.take(liar, frameOf(wrongContent))).toBe(-1)
  expect(liar.offences).toEqual(['wrong-signature', 'forged-id'])
  expect(intake.take(testFeed(2), frameOf(event))).toBe(NOW_SECONDS)
  expect(rowsOf(intake.takeBatch()).map(({ relay }) => relay)).toEqual([2])
})

test('an id inside the event is no way to pass another event off as a known one', async () => {
  const intake = await testIntake()
  const known = await signedEvent({ content: 'known' })
  const unknown = await signedEvent({ content: 'unknown' })
  intake.take(testFeed(1), frameOf(known))
  const { id, ...rest } = unknown
  const nested = Buffer.from(
    `["EVENT","s",{"x":{"id":"${'0'.repeat(64)}"},"id":"${id}",${JSON.stringify(rest).slice(1)}]`,
  )
  expect(intake.take(testFeed(1), nested)).toBe(NOW_SECONDS)
  const ids = rowsOf(intake.takeBatch()).map(({ event }) => event.high)
  expect(ids).toEqual([known, unknown].map((event) => Number.parseInt(event.id.slice(0, 8), 16)))
})

test('nothing counts that was not asked for, known or not', async () => {
  const intake = await testIntake()
  const event = await signedEvent({ kind: 7 })
  const asked: unknown[] = []
  const feed = testFeed(1, (...question) => {
    asked.push(question)
    return false
  })
  expect(intake.take(feed, frameOf(event, 'unknown'))).toBe(-1)
  intake.take(testFeed(2), frameOf(event))
  expect(intake.take(feed, frameOf(event, 'known'))).toBe(-1)
  expect(feed.offences).toEqual(['not-asked-for', 'not-asked-for'])
  expect(asked).toEqual([
    ['unknown', 7, NOW_SECONDS],
    ['known', 7, NOW_SECONDS],
  ])
  expect(intake.takeBatch().count).toBe(1)
})

test('subscriptions are told apart whatever their names are', async () => {
  const intake = await testIntake()
  const event = await signedEvent()
  const names: string[] = []
  const feed = testFeed(1, (name) => names.push(name) > 0)
  const said = ['a', 'b', 'ab', 'b', 'ü', '"quoted"', '', 'a\\b', '☂']
  for (const name of said) intake.take(feed, frameOf(event, name))
  expect(names).toEqual(said)
  expect(intake.stats().observations).toBe(said.length)
})

test('spaces and another order of members change nothing', async () => {
  const intake = await testIntake()
  const event = await signedEvent({ content: '"id":"no"' })
  const { id, sig, ...rest } = event
  const frames = [
    Buffer.from(JSON.stringify(['EVENT', 's', event], undefined, 2)),
    Buffer.from(JSON.stringify(['EVENT', 's', { ...rest, sig, id }])),
    Buffer.from(` ["EVENT" ,"s",${JSON.stringify({ sig, ...rest, id })} ]`),
    Buffer.from(`["EVENT","s",${JSON.stringify({ sig, ...rest, id })},"more"]`),
  ]
  for (const frame of frames) expect(intake.take(testFeed(1), frame)).toBe(NOW_SECONDS)
  expect(intake.stats()).toMatchObject({ observations: 4, verified: 1 })
})

test('an event out of time is an observation and an offence of each relay that shows it', async () => {
  const intake = await testIntake()
  const late = await signedEvent({ created_at: NOW_SECONDS + 15 * 60 + 1 })
  const onEdge = await signedEvent({ created_at: NOW_SECONDS + 15 * 60 })
  const early = await signedEvent({ created_at: 1_604_707_199 })
  const beyond = await signedEvent({ created_at: Number.MAX_SAFE_INTEGER })
  for (const feed of [testFeed(1), testFeed(2)]) {
    expect(intake.take(feed, frameOf(late))).toBe(-1)
    expect(intake.take(feed, frameOf(onEdge))).toBe(onEdge.created_at)
    expect(intake.take(feed, frameOf(early))).toBe(-1)
    expect(intake.take(feed, frameOf(beyond))).toBe(-1)
    expect(feed.offences).toEqual(['future-date', 'absurd-date', 'future-date'])
  }
  expect(intake.takeBatch().count).toBe(8)
})

test('what is no event is held against the relay by what it is', async () => {
  const intake = await testIntake()
  const feed = testFeed(1)
  const event = await signedEvent()
  const shapes: readonly (readonly [string, string])[] = [
    ['["EVENT","s",{', 'not-json'],
    ['["EVENT"', 'not-json'],
    ['["EVENT","s"]', 'malformed-event'],
    ['["EVENT",5,{}]', 'malformed-event'],
    ['["EVENT","s",{"id":"x"}]', 'malformed-event'],
    [JSON.stringify(['EVENT', 's', { ...event, kind: -1 }]), 'malformed-event'],
    [JSON.stringify(['EVENT', 's', { ...event, id: event.id.toUpperCase() }]), 'malformed-event'],
  ]
  for (const [text] of shapes) expect(intake.take(feed, Buffer.from(text))).toBe(-1)
  expect(feed.offences).toEqual(shapes.map(([, offence]) => offence))
})

test('each event is handed on once, after it was verified', async () => {
  const intake = await testIntake()
  const heard: NostrEvent[] = []
  const stop = intake.onEvent((event) => heard.push(event))
  const event = await signedEvent()
  intake.take(testFeed(1), frameOf({ ...event, sig: '0'.repeat(128) }))
  for (const relay of [1, 2]) intake.take(testFeed(relay), frameOf(event))
  stop()
  intake.take(testFeed(1), frameOf(await signedEvent({ content: 'later' })))
  expect(heard).toEqual([event])
})

test('what is only listened to is verified, handed on once, and no observation of anybody', async () => {
  const intake = await testIntake({ uncounted: new Set([30_166]) })
  const heard: NostrEvent[] = []
  intake.onEvent((event) => heard.push(event))
  const event = await signedEvent({ kind: 30_166 })
  expect(intake.take(testFeed(1), frameOf({ ...event, sig: '0'.repeat(128) }))).toBe(-1)
  for (const relay of [1, 2]) expect(intake.take(testFeed(relay), frameOf(event))).toBe(NOW_SECONDS)
  const late = await signedEvent({ kind: 30_166, created_at: NOW_SECONDS + 1_000 })
  const feed = testFeed(3)
  expect(intake.take(feed, frameOf(late))).toBe(-1)
  expect(feed.offences).toEqual(['future-date'])
  expect(heard).toEqual([event, late])
  expect(intake.takeBatch().count).toBe(0)
})

test('it is full when more rows wait than may, takes what was read already, and says when it is empty', async () => {
  const intake = await testIntake({ limits: { maxRows: 2 } })
  const frame = frameOf(await signedEvent())
  let drains = 0
  intake.onDrain(() => drains++)
  let notices = 0
  intake.whenRows(2, () => notices++)
  const full = [1, 2, 3, 4].map((relay) => {
    intake.take(testFeed(relay), frame)
    return intake.isFull
  })
  expect(full).toEqual([false, false, true, true])
  expect(intake.takeBatch().count).toBe(4)
  expect([intake.isFull, drains, notices]).toEqual([false, 1, 1])
  intake.takeBatch()
  expect(drains).toBe(1)
})

test('events that are forgotten with their generation are verified again', async () => {
  const intake = await testIntake({ limits: { seenSeconds: 100 } })
  const event = frameOf(await signedEvent())
  const feed = testFeed(1)
  const takeAnother = async () =>
    intake.take(feed, frameOf(await signedEvent({ content: `${intake.clock.nowMs()}` })))
  intake.take(feed, event)
  intake.clock.advanceSeconds(100)
  await takeAnother()
  intake.take(feed, event)
  expect(intake.stats()).toMatchObject({ verified: 2, known: 1 })
  intake.clock.advanceSeconds(100)
  await takeAnother()
  intake.take(feed, event)
  expect(intake.stats()).toMatchObject({ verified: 4, known: 1 })
})

test('more events than the table holds cost memory only for as many as it holds', async () => {
  const verifier = { name: 'believes', isNative: false, verify: () => true }
  const intake = await testIntake({ verifier, limits: { maxSeenEvents: 16, maxAuthors: 4 } })
  const events = await Promise.all(
    Array.from({ length: 100 }, (_, by) => signedEvent({ by, tags: [['client', `c${by}`]] })),
  )
  for (const event of events) expect(intake.take(testFeed(1), frameOf(event))).toBe(NOW_SECONDS)
  expect(intake.stats().seenEvents).toBeLessThanOrEqual(32)
  expect(rowsOf(intake.takeBatch()).map(({ client }) => client)).toEqual(events.map((_, n) => `c${n}`))
  intake.take(testFeed(2), frameOf(events.at(-1)!))
  expect(rowsOf(intake.takeBatch())[0]).toMatchObject({ relay: 2, client: 'c99' })
})

test('a relay that alone shows many new keys is told so at the end of the hour, and its new keys are refused then', async () => {
  const intake = await testIntake({ limits: { maxLoneAuthors: 5 } })
  const shared = await Promise.all(Array.from({ length: 10 }, (_, by) => signedEvent({ by })))
  const invented = await Promise.all(Array.from({ length: 6 }, (_, n) => signedEvent({ by: 100 + n })))
  const [honest, other, liar] = [testFeed(1), testFeed(2), testFeed(3)]
  for (const event of shared) intake.take(honest, frameOf(event))
  for (const event of shared) intake.take(other, frameOf(event))
  for (const event of invented) intake.take(liar, frameOf(event))
  intake.clock.advanceSeconds(3_600)
  const more = await Promise.all(Array.from({ length: 7 }, (_, n) => signedEvent({ by: 200 + n })))
  const taken = more.map((event) => intake.take(liar, frameOf(event)))
  expect(taken).toEqual(more.map(() => -1))
  expect(liar.offences).toEqual(['too-many-keys', ...more.map(() => 'too-many-keys')])
  expect(intake.take(honest, frameOf(more[0]!))).toBe(NOW_SECONDS)
  expect(intake.take(liar, frameOf(more[0]!))).toBe(NOW_SECONDS)
  expect([...honest.offences, ...other.offences]).toEqual([])
  // It stays so as long as it goes on, and ends when it does not.
  intake.clock.advanceSeconds(3_600)
  expect(intake.take(liar, frameOf(more[1]!))).toBe(-1)
  intake.clock.advanceSeconds(3_600)
  expect(intake.take(liar, frameOf(more[1]!))).toBe(NOW_SECONDS)
})

test('our own relay may have many authors whom nobody else shows', async () => {
  const intake = await testIntake({ limits: { maxLoneAuthors: 5 } })
  const own = { ...testFeed(1), isOwn: true }
  const authors = await Promise.all(Array.from({ length: 20 }, (_, n) => signedEvent({ by: 100 + n })))
  for (const event of authors.slice(0, 10)) intake.take(own, frameOf(event))
  intake.clock.advanceSeconds(3_600)
  const taken = authors.slice(10).map((event) => intake.take(own, frameOf(event)))
  expect(taken).toEqual(taken.map(() => NOW_SECONDS))
  expect(own.offences).toEqual([])
})

test('the verifier in WebAssembly serves as well', async () => {
  const intake = await testIntake({ verifier: await createSignatureVerifier('wasm') })
  const event = await signedEvent()
  expect(intake.take(testFeed(1), frameOf({ ...event, sig: '1'.repeat(128) }))).toBe(-1)
  expect(intake.take(testFeed(1), frameOf(event))).toBe(NOW_SECONDS)
})
