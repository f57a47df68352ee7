import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createAuditLog } from '../../audit/index.ts'
import type { EventStore } from '../../events/index.ts'
import { encodeEvent, type NostrEvent } from '../../nostr/index.ts'
import { eventually } from '../../platform/bus/testing/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import {
  type Author,
  createRig,
  type ModerationUnderTest,
  newAuthor,
  type Rig,
  TEST_SETTINGS,
} from '../testing/index.ts'
import type { ReportedTarget } from './reports.ts'

const MODERATOR = { actor: 'cd'.repeat(32), role: 'moderator' }

let database: Database
let rig: Rig
let author: Author
let post: NostrEvent
let target: ReportedTarget
const ready = { database: () => database }

beforeEach(async () => {
  database = await testDatabase()
  rig = createRig()
  author = newAuthor()
  post = await author.write()
  target = { subject: 'event', target: post.id }
})
afterEach(async () => {
  await rig.close()
  await database.close()
})

describe('reports', () => {
  test('of one thing are one entry, and trusted keys come before any number of strangers up to their weight', async () => {
    const [trusted, member] = [newAuthor(), newAuthor()]
    const other = await author.write()
    const running = await rig.start({
      ...ready,
      configuredLevels: () => ({ members: [member.pubkey], trusted: [trusted.pubkey] }),
    })
    await running.moderation.refresh()
    for (const type of ['spam', 'illegal', 'spam']) await report(running, newAuthor(), post, type)
    await report(running, trusted, other, 'nudity')
    await report(running, member, other, 'nudity', 'look at it')
    expect(await listed(running)).toMatchObject([
      {
        subject: 'event',
        target: other.id,
        reporters: 2,
        weight: 13,
        types: ['nudity'],
        complaints: [
          { reporter: trusted.pubkey, weight: 10 },
          { reporter: member.pubkey, weight: 3, comment: 'look at it' },
        ],
      },
      { target: post.id, reporters: 3, weight: 3, types: ['illegal', 'spam'] },
    ])
  })

  test('by one key count once, as long as the first is open', async () => {
    const running = await rig.start(ready)
    const reporter = newAuthor()
    await report(running, reporter, post, 'spam', 'one')
    await report(running, reporter, post, 'spam', 'two')
    expect(await listed(running)).toMatchObject([{ reporters: 1 }])
  })

  test('by somebody who is banned are not noted', async () => {
    const running = await rig.start(ready)
    const reporter = newAuthor()
    const by = MODERATOR
    await running.moderation.change([{ do: 'ban-pubkey', pubkey: reporter.pubkey, reason: '' }], { by })
    await report(running, reporter, post, 'spam')
    expect(await listed(running)).toEqual([])
  })

  test('remove nothing by themselves', async () => {
    const running = await rig.start(ready)
    await put(running.store, post)
    for (let index = 0; index < 5; index++) await report(running, newAuthor(), post, 'spam')
    await running.moderation.refresh()
    expect(await running.store.has(post.id)).toBe(true)
  })

  test('that were stored while there was no database are found in the store', async () => {
    let current: Database | undefined
    const running = await rig.start({ database: () => current })
    await report(running, newAuthor(), post, 'spam')
    current = database
    await running.moderation.refresh()
    expect(await listed(running)).toMatchObject([{ target: post.id, reporters: 1 }])
  })

  test('that were stored while the program was down are found at the next start, those of before are not again', async () => {
    const first = await rig.start(ready)
    await report(first, newAuthor(), post, 'spam')
    await listed(first)
    await first.moderation.reports.resolve(target, { decision: 'dismiss', by: MODERATOR })
    await first.stop()
    const other = await author.write()
    await put(first.store, await reportOf(newAuthor(), other, 'spam'))
    const { moderation } = await rig.start({ ...ready, store: first.store })
    await moderation.refresh()
    expect(await moderation.reports.list()).toMatchObject({ value: [{ target: other.id }] })
  })

  test('of strangers are not noted when too much is open, those of members are', async () => {
    const member = newAuthor()
    const running = await rig.start({
      ...ready,
      settings: { ...TEST_SETTINGS, maxOpenReports: 1 },
      configuredLevels: () => ({ members: [member.pubkey], trusted: [] }),
    })
    for (const reporter of [newAuthor(), newAuthor(), member]) await report(running, reporter, post, 'spam')
    expect(await listed(running)).toMatchObject([{ reporters: 2, weight: 4 }])
  })

  test('without a database are refused, not empty', async () => {
    const { moderation } = await rig.start()
    expect(await moderation.reports.list()).toMatchObject({ refusal: { code: 'UNAVAILABLE' } })
  })
})

describe('a judgement', () => {
  test('dismisses all reports of a thing; a new one opens it again', async () => {
    const running = await rig.start(ready)
    const reporter = newAuthor()
    for (const by of [reporter, newAuthor()]) await report(running, by, post, 'spam')
    await listed(running)
    const judgement = { decision: 'dismiss', by: MODERATOR } as const
    expect(await running.moderation.reports.resolve(target, judgement)).toEqual({
      ok: true,
      value: { reports: 2 },
    })
    expect(await running.moderation.reports.resolve(target, judgement)).toMatchObject({
      refusal: { code: 'NOT_FOUND' },
    })
    expect(await listed(running)).toEqual([])
    await report(running, reporter, post, 'spam', 'still there')
    expect(await listed(running)).toMatchObject([{ reporters: 1 }])
  })

  test('that bans an event removes it and tells the relay', async () => {
    const running = await rig.start(ready)
    await put(running.store, post)
    await report(running, newAuthor(), post, 'spam')
    await listed(running)
    const outcome = await running.moderation.reports.resolve(target, {
      decision: 'ban-event',
      by: MODERATOR,
      reason: 'spam',
    })
    expect(outcome).toEqual({ ok: true, value: { reports: 1 } })
    expect(await running.store.has(post.id)).toBe(false)
    expect(running.relayLists().bannedEvents).toEqual({ [post.id]: 'spam' })
  })

  test('about the author of an event asks the event, not the report', async () => {
    const running = await rig.start(ready)
    const framed = newAuthor()
    await put(running.store, post)
    await reportTags(running, newAuthor(), [
      ['e', post.id, 'spam'],
      ['p', framed.pubkey],
    ])
    await listed(running)
    await running.moderation.reports.resolve(target, { decision: 'ban-pubkey', by: MODERATOR, purge: true })
    expect(Object.keys(running.relayLists().bannedPubkeys)).toEqual([author.pubkey])
    await eventually(async () => !(await running.store.has(post.id)))
  })

  test('about the author of an event is refused when whoever decides may not judge them, and nothing changes', async () => {
    const running = await rig.start(ready)
    await put(running.store, post)
    await report(running, newAuthor(), post, 'spam')
    await listed(running)
    const asked: string[] = []
    const mayJudge = async (pubkey: string) => {
      asked.push(pubkey)
      return false
    }
    for (const decision of ['ban-pubkey', 'shadow-pubkey'] as const) {
      const outcome = await running.moderation.reports.resolve(target, {
        decision,
        by: MODERATOR,
        mayJudge,
      })
      expect(outcome).toMatchObject({ refusal: { code: 'NOT_ALLOWED' } })
    }
    expect(asked).toEqual([author.pubkey, author.pubkey])
    expect(await listed(running)).toHaveLength(1)
    expect(running.relayLists().bannedPubkeys).toEqual({})
  })

  test('is written down with the API key that was used', async () => {
    const running = await rig.start(ready)
    await put(running.store, post)
    await report(running, newAuthor(), post, 'spam')
    await listed(running)
    const by = { ...MODERATOR, apiKey: { id: '0123456789abcdef', name: 'the bot' } }
    await running.moderation.reports.resolve(target, { decision: 'ban-event', by })
    const entries = await createAuditLog({ db: database.db, clock: rig.clock }).list()
    expect(entries.map(({ action }) => action)).toEqual(['moderation.reports_resolved', 'relay.event_banned'])
    for (const entry of entries) expect(entry).toMatchObject(by)
  })

  test('about the author of an event that is not stored is refused, and the reports stay open', async () => {
    const running = await rig.start(ready)
    await report(running, newAuthor(), post, 'spam')
    await listed(running)
    const outcome = await running.moderation.reports.resolve(target, {
      decision: 'ban-pubkey',
      by: MODERATOR,
    })
    expect(outcome).toMatchObject({ refusal: { code: 'NOT_FOUND' } })
    expect(await listed(running)).toHaveLength(1)
  })

  test('that cannot be carried out is not written down', async () => {
    const running = await rig.start({ ...ready, settings: { ...TEST_SETTINGS, maxEntries: 1 } })
    const by = MODERATOR
    await running.moderation.change([{ do: 'block-ip', ip: '10.0.0.1', reason: '' }], { by })
    await report(running, newAuthor(), post, 'spam')
    await listed(running)
    const outcome = await running.moderation.reports.resolve(target, { decision: 'ban-event', by })
    expect(outcome).toMatchObject({ refusal: { code: 'LIMIT_REACHED' } })
    expect(await listed(running)).toHaveLength(1)
  })
})

async function put(store: EventStore, event: NostrEvent): Promise<void> {
  await store.put([Buffer.from(encodeEvent(event))], rig.clock.nowSeconds())
}

function reportOf(reporter: Author, event: NostrEvent, type: string, content = ''): Promise<NostrEvent> {
  return reporter.write({
    kind: 1984,
    tags: [['e', event.id, type]],
    content,
    created_at: rig.clock.nowSeconds(),
  })
}

/** As the relay does it: the event is stored, and then everybody hears of it. */
async function report(running: ModerationUnderTest, ...reported: Parameters<typeof reportOf>): Promise<void> {
  const event = await reportOf(...reported)
  await put(running.store, event)
  running.moderation.onStored(event)
}

async function reportTags(
  running: ModerationUnderTest,
  reporter: Author,
  tags: readonly string[][],
): Promise<void> {
  const event = await reporter.write({ kind: 1984, tags: [...tags], created_at: rig.clock.nowSeconds() })
  await put(running.store, event)
  running.moderation.onStored(event)
}

/** What is in the queue when everything that came is noted. */
async function listed({ moderation }: ModerationUnderTest) {
  await moderation.refresh()
  const page = await moderation.reports.list()
  return page.ok ? page.value : []
}
