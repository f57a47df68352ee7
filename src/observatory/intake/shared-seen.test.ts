import { expect, test, vi } from 'vitest'
import { createManualClock } from '../../kernel/index.ts'
import { type Bus, createMemoryBus, openBus } from '../../platform/bus/index.ts'
import { isRedisInstalled, startTestRedis } from '../../platform/bus/testing/index.ts'
import { createSharedSeen, type SharedSeen } from './shared-seen.ts'
import { frameOf, NOW_SECONDS, rowsOf, signedEvent, testFeed, testIntake } from './testing/index.ts'

test('what one collector has verified the other one does not verify, and still observes', async () => {
  await expectSharing(createMemoryBus())
})

test.skipIf(!isRedisInstalled)('the same over Redis', async () => {
  const redis = await startTestRedis()
  const bus = await openBus({ url: redis.url, prefix: 'test:', name: 'test' })
  await expectSharing(bus)
  await bus.close()
  await redis.dispose()
})

async function expectSharing(bus: Bus): Promise<void> {
  const one = await testIntake({ shared: createSharedSeen(bus) })
  const other = await testIntake({ shared: createSharedSeen(bus) })
  const heard: string[] = []
  other.onEvent(({ id }) => heard.push(id))
  const event = await signedEvent()
  const news = await signedEvent({ content: 'news' })
  expect(one.take(testFeed(1), frameOf(event))).toBe(NOW_SECONDS)
  await one.settled()
  // What it has verified is told with the next look.
  await one.settled()
  await vi.waitFor(async () => expect(await createSharedSeen(bus).knownOf([event.id])).toEqual([true]))
  for (const each of [event, event, news]) expect(other.take(testFeed(2), frameOf(each))).toBe(NOW_SECONDS)
  expect(other.waitingRows).toBe(0)
  await other.settled()
  expect(other.settled()).toBeUndefined()
  expect(rowsOf(other.takeBatch()).map(({ relay }) => relay)).toEqual([2, 2, 2])
  expect(other.stats()).toMatchObject({ verified: 1, spared: 1, known: 1 })
  // Whoever verifies hands on.
  expect(heard).toEqual([news.id])
}

test('an event that waits for the answer does not let a forged copy through, nor does the copy hide it', async () => {
  const intake = await testIntake({ shared: createSharedSeen(createMemoryBus()) })
  const event = await signedEvent()
  const liar = testFeed(1)
  expect(intake.take(liar, frameOf({ ...event, content: 'forged' }))).toBe(-1)
  expect(intake.take(liar, frameOf({ ...event, sig: 'a'.repeat(128) }))).toBe(NOW_SECONDS)
  expect(intake.take(testFeed(2), frameOf(event))).toBe(NOW_SECONDS)
  await intake.settled()
  expect(liar.offences).toEqual(['forged-id', 'wrong-signature'])
  expect(rowsOf(intake.takeBatch()).map(({ relay }) => relay)).toEqual([2])
})

test.each<[string, SharedSeen['knownOf']]>([
  ['answers nothing', async () => undefined],
  ['answers too little', async () => []],
  ['breaks', () => Promise.reject(new TypeError('broken'))],
])('with a shared table that %s everything is verified here', async (_what, knownOf) => {
  const intake = await testIntake({ shared: { knownOf, add: () => {} } })
  const liar = testFeed(1)
  const event = await signedEvent()
  intake.take(liar, frameOf({ ...event, sig: 'a'.repeat(128) }))
  intake.take(testFeed(2), frameOf(event))
  await intake.settled()
  expect(liar.offences).toEqual(['wrong-signature'])
  expect(intake.takeBatch().count).toBe(1)
})

test('when more events wait for the answer than may, the next ones are verified at once', async () => {
  const intake = await testIntake({
    limits: { maxAsking: 2 },
    shared: { knownOf: () => new Promise(() => {}), add: () => {} },
  })
  for (const content of ['a', 'b', 'c', 'd'])
    intake.take(testFeed(1), frameOf(await signedEvent({ content })))
  expect(intake.waitingRows).toBe(2)
})

test('an id is known for the hour in which it was verified and the one after it', async () => {
  const clock = createManualClock(0)
  const shared = createSharedSeen(createMemoryBus(), clock)
  const ids = ['a', 'b'].map((digit) => digit.repeat(64))
  shared.add([ids[0]!])
  expect(await shared.knownOf(ids)).toEqual([true, false])
  clock.advanceSeconds(3_600)
  expect(await shared.knownOf(ids)).toEqual([true, false])
  clock.advanceSeconds(3_600)
  expect(await shared.knownOf(ids)).toEqual([false, false])
})
