import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createAuditLog } from '../../audit/index.ts'
import { openLogStore } from '../../events/log/index.ts'
import { systemClock } from '../../kernel/index.ts'
import { encodeEvent, type NostrEvent } from '../../nostr/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { crashChild, createRig, newAuthor, type Rig, TEST_SETTINGS } from '../testing/index.ts'

const MODERATOR = { actor: 'cd'.repeat(32), role: 'moderator' }
const WAITS = { isAccepted: true, text: expect.stringMatching(/^info: /) }

let database: Database
let rig: Rig
const ready = { database: () => database }

beforeEach(async () => {
  database = await testDatabase()
  rig = createRig()
})
afterEach(async () => {
  await rig.close()
  await database.close()
})

describe('a held event', () => {
  test('is accepted when it is in the database, word for word, and not in the store', async () => {
    const { moderation, store } = await rig.start(ready)
    const event = await newAuthor().write({ content: 'a\0b "quoted" 🏛' })
    expect(await moderation.held.hold(event, 'the first\0 post')).toEqual(WAITS)
    expect(await moderation.held.list()).toEqual({
      ok: true,
      value: [{ event, why: 'the first post', heldAtSeconds: rig.clock.nowSeconds(), state: 'waiting' }],
    })
    expect(await store.has(event.id)).toBe(false)
  })

  test('is refused while there is no database', async () => {
    const { moderation } = await rig.start()
    const answer = await moderation.held.hold(await newAuthor().write(), '')
    expect(answer).toEqual({ isAccepted: false, text: expect.stringMatching(/^error: /) })
  })

  test('that comes again is the same one', async () => {
    const { moderation } = await rig.start(ready)
    const event = await newAuthor().write()
    await moderation.held.hold(event, 'once')
    expect(await moderation.held.hold(event, 'twice')).toEqual(WAITS)
    expect(await moderation.status()).toMatchObject({ heldEvents: 1 })
  })

  test('is one too many when its author, or everybody together, has as many as may wait', async () => {
    const settings = { ...TEST_SETTINGS, maxHeldPerAuthor: 2, maxHeldEvents: 3 }
    const { moderation } = await rig.start({ ...ready, settings })
    const [alice, bob] = [newAuthor(), newAuthor()]
    const answers = []
    for (const author of [alice, alice, alice, bob, bob]) {
      answers.push((await moderation.held.hold(await author.write(), '')).isAccepted)
    }
    expect(answers).toEqual([true, true, false, true, false])
  })

  test('that is approved is stored and brought to listeners once', async () => {
    const { moderation, store, published } = await rig.start(ready)
    const event = await newAuthor().write()
    await moderation.held.hold(event, '')
    expect(await moderation.held.approve(event.id, MODERATOR)).toEqual({
      ok: true,
      value: { answer: 'stored' },
    })
    expect(await moderation.held.approve(event.id, MODERATOR)).toMatchObject({ refusal: { code: 'DECIDED' } })
    await moderation.refresh()
    expect(published).toEqual([event.id])
    expect(await store.has(event.id)).toBe(true)
    expect(await moderation.held.list({ state: 'published' })).toMatchObject({
      value: [{ event, decidedBy: MODERATOR.actor, answer: 'stored' }],
    })
    expect(await auditOf(database)).toMatchObject([
      {
        ...MODERATOR,
        action: 'moderation.event_approved',
        subject: event.id,
        before: { author: event.pubkey },
      },
    ])
  })

  test('that two moderators approve at once is published once', async () => {
    const { moderation, published } = await rig.start(ready)
    const event = await newAuthor().write()
    await moderation.held.hold(event, '')
    const outcomes = await Promise.all([1, 2, 3].map(() => moderation.held.approve(event.id, MODERATOR)))
    expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1)
    expect(published).toEqual([event.id])
  })

  test('that is rejected is not stored, and refused when it comes again', async () => {
    const { moderation, store } = await rig.start(ready)
    const event = await newAuthor().write()
    await moderation.held.hold(event, '')
    expect(await moderation.held.reject(event.id, MODERATOR)).toEqual({ ok: true, value: undefined })
    expect(await moderation.held.approve(event.id, MODERATOR)).toMatchObject({ refusal: { code: 'DECIDED' } })
    const again = await moderation.held.hold(event, '')
    expect(again).toEqual({ isAccepted: false, text: expect.stringMatching(/^blocked: /) })
    expect(await store.has(event.id)).toBe(false)
  })

  test('nobody knows of cannot be decided about', async () => {
    const { moderation } = await rig.start(ready)
    const outcome = await moderation.held.reject('0'.repeat(64), MODERATOR)
    expect(outcome).toMatchObject({ refusal: { code: 'NOT_FOUND' } })
  })

  test('leaves the queue when it or its author is banned', async () => {
    const { moderation } = await rig.start(ready)
    const author = newAuthor()
    const [first, second] = [await newAuthor().write(), await author.write()]
    for (const event of [first, second]) await moderation.held.hold(event, '')
    await moderation.change([{ do: 'ban-event', id: first.id, reason: '' }], { by: MODERATOR })
    await moderation.change([{ do: 'ban-pubkey', pubkey: author.pubkey, reason: '' }], { by: MODERATOR })
    expect(await moderation.held.list()).toEqual({ ok: true, value: [] })
    expect(await moderation.held.list({ state: 'rejected' })).toMatchObject({ value: { length: 2 } })
  })

  test('that nobody looks at is forgotten in the end, and so is what was decided', async () => {
    const { moderation } = await rig.start(ready)
    const events = [await newAuthor().write(), await newAuthor().write()]
    for (const event of events) await moderation.held.hold(event, '')
    await moderation.held.reject(events[0]!.id, MODERATOR)
    rig.clock.advanceSeconds(29 * 86_400)
    await moderation.refresh()
    expect(await rows()).toHaveLength(2)
    rig.clock.advanceSeconds(2 * 86_400)
    await moderation.refresh()
    expect(await rows()).toEqual([])
  })

  test('that the store cannot take is published as soon as it can', async () => {
    let isDiskFull = true
    const seen: string[] = []
    const { moderation } = await rig.start({
      ...ready,
      publish: async ({ id }) => {
        if (isDiskFull) return { status: 'failed', message: 'the disk is full' }
        seen.push(id)
        return { status: 'stored', seq: 1 }
      },
    })
    const event = await newAuthor().write()
    await moderation.held.hold(event, '')
    expect(await moderation.held.approve(event.id, MODERATOR)).toEqual({
      ok: true,
      value: { answer: 'later' },
    })
    isDiskFull = false
    await moderation.refresh()
    expect(seen).toEqual([event.id])
  })

  test('comes in pages, the oldest first', async () => {
    const { moderation } = await rig.start(ready)
    const ids: string[] = []
    for (const seconds of [0, 0, 1, 0]) {
      rig.clock.advanceSeconds(seconds)
      const event = await newAuthor().write()
      ids.push(event.id)
      await moderation.held.hold(event, '')
    }
    const found: string[] = []
    let after: { readonly heldAtSeconds: number; readonly id: string } | undefined
    for (;;) {
      const page = await moderation.held.list({ limit: 1, ...(after !== undefined && { after }) })
      const [last] = page.ok ? page.value : []
      if (last === undefined) break
      found.push(last.event.id)
      after = { heldAtSeconds: last.heldAtSeconds, id: last.event.id }
    }
    expect(found).toEqual([...ids.slice(0, 2).toSorted(), ...ids.slice(2).toSorted()])
  })
})

describe('a kill', () => {
  test.each([
    ['between approval and put', 'approve', 'stored'],
    ['between put and the note that it was', 'approve-after-put', 'duplicate'],
  ])('%s leaves an event that is stored once after the next start', async (_, what, answer) => {
    const event = await newAuthor().write()
    const before = await rig.start(ready)
    await before.moderation.held.hold(event, '')
    await before.stop()
    expect(await crashChild(database.url, rig.folder, what, event.id)).toBe('publishing')
    const store = await openLogStore({ folder: join(rig.folder, 'events') })
    try {
      const publish = async (approved: NostrEvent) =>
        (await store.put([Buffer.from(encodeEvent(approved))], systemClock.nowSeconds()))[0]!
      const { moderation } = await rig.start({ ...ready, store, publish })
      await moderation.refresh()
      expect(await moderation.held.list({ state: 'published' })).toMatchObject({ value: [{ event, answer }] })
      expect(await store.count([{ ids: [event.id] }], systemClock.nowSeconds())).toBe(1)
      expect(store.stats().lastSeq).toBe(1)
    } finally {
      await rig.close()
      await store.close()
    }
  })
})

test('letting an event in takes it out of the queue and off the list', async () => {
  const { moderation, published } = await rig.start(ready)
  const [held, banned] = [await newAuthor().write(), await newAuthor().write()]
  await moderation.held.hold(held, '')
  await moderation.change([{ do: 'ban-event', id: banned.id, reason: '' }], { by: MODERATOR })
  for (const { id } of [held, banned])
    expect(await moderation.allowEvent(id, MODERATOR)).toMatchObject({ ok: true })
  expect(published).toEqual([held.id])
  expect(moderation.lists().bannedEvents).toEqual({})
})

function auditOf({ db }: Database) {
  return createAuditLog({ db, clock: systemClock }).list()
}

function rows() {
  return database.db.selectFrom('moderation_held_events').selectAll().execute()
}
