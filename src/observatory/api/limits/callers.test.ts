import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { createManualClock, refused } from '../../../kernel/index.ts'
import { createMemoryBus } from '../../../platform/bus/index.ts'
import { ADDRESS_LIMIT, Callers, UNCHANGED_LIMIT } from './callers.ts'
import { MAX_SUBJECTS, RequestWindows, WINDOW_SECONDS } from './request-windows.ts'

const clock = createManualClock(1_800_000_000_000)

function callers(more: Partial<ConstructorParameters<typeof Callers>[0]> = {}): Callers {
  return new Callers({
    keys: () => undefined,
    tiers: () => undefined,
    rates: createMemoryBus(),
    clock,
    addressOf: () => '192.0.2.1',
    ...more,
  })
}

test('answers that bring nothing new are bounded too, and then count as requests', async () => {
  const limits = callers()
  const who = await limits.of({ headers: {} } as IncomingMessage)
  if (!who.ok) throw new Error('an address is always known')
  for (let n = 0; n < UNCHANGED_LIMIT + ADDRESS_LIMIT; n++) {
    expect(limits.takeUnchanged(who.value).isAllowed).toBe(true)
  }
  expect(limits.takeUnchanged(who.value).isAllowed).toBe(false)
})

test('the operator says how much an address may ask, and pages of the site have six times that', async () => {
  const limits = callers({ addressLimit: 20 })
  const ofAddress = await limits.of({ headers: {} } as IncomingMessage)
  const ofPage = await limits.of({ headers: { 'sec-fetch-site': 'same-origin' } } as never)
  expect([ofAddress, ofPage]).toMatchObject([{ value: { limit: 20 } }, { value: { limit: 120 } }])
})

describe('an address that says of some requests that a page of the site sends them', () => {
  const plain = { headers: {} } as IncomingMessage
  const marked = { headers: { 'sec-fetch-site': 'same-origin' } } as never

  /** How many of so many requests were let through. */
  async function passed(limits: Callers, request: IncomingMessage, count: number, cost = 1): Promise<number> {
    const who = await limits.of(request)
    if (!who.ok) throw new Error('an address is always known')
    return Array.from({ length: count }, () => limits.take(who.value, cost)).filter((one) => one.isAllowed)
      .length
  }
  const remaining = async (limits: Callers, request: IncomingMessage) => {
    const who = await limits.of(request)
    return who.ok ? limits.look(who.value).remaining : undefined
  }

  test('has 600 in all, and 100 of them without saying so', async () => {
    const limits = callers()
    expect(await passed(limits, plain, 150)).toBe(100)
    expect(await remaining(limits, marked)).toBe(500)
    expect(await passed(limits, marked, 700)).toBe(500)
    expect(await passed(limits, plain, 1)).toBe(0)
  })

  test('has nothing left without saying so when it has spent them with it', async () => {
    const limits = callers()
    expect(await passed(limits, marked, 570)).toBe(570)
    expect(await remaining(limits, plain)).toBe(30)
    // What one of the two refuses costs in neither.
    expect(await passed(limits, plain, 5, 10)).toBe(3)
    expect(await remaining(limits, marked)).toBe(0)
  })

  test('has 600 in all over several processes, too', async () => {
    const bus = createMemoryBus()
    const [one, other] = [callers({ rates: bus }), callers({ rates: bus })]
    let sum = 0
    // Each tells the others what it counted, and hears of them, after each turn.
    for (let turn = 0; turn < 100; turn++) {
      sum += await passed(one, plain, 10)
      await new Promise(setImmediate)
      sum += await passed(other, marked, 20)
      await new Promise(setImmediate)
    }
    expect(sum).toBeGreaterThanOrEqual(600)
    // So many may be under way to the others at a time.
    expect(sum).toBeLessThanOrEqual(640)
    await bus.close()
  })

  test('has its answers "not modified" once, not once for each way to ask', async () => {
    const limits = callers()
    const [asPlain, asMarked] = await Promise.all([limits.of(plain), limits.of(marked)])
    if (!asPlain.ok || !asMarked.ok) throw new Error('an address is always known')
    for (let n = 0; n < UNCHANGED_LIMIT; n++) limits.takeUnchanged(asPlain.value)
    expect(limits.takeUnchanged(asMarked.value).remaining).toBe(599)
  })
})

test('while the shared count is away, this process counts alone', () => {
  const away = refused({ code: 'BUS_DOWN', text: 'away' } as const)
  const windows = new RequestWindows({ increment: async () => away, renew: async () => away }, clock)
  const allowed = Array.from({ length: 150 }, () => windows.take('somebody', 100).isAllowed)
  expect(allowed.filter((one) => one)).toHaveLength(100)
})

test('a window ends after a quarter of an hour at the latest, and what was shared of it is forgotten', async () => {
  const bus = createMemoryBus()
  const windows = new RequestWindows(bus, clock)
  while (windows.take('somebody', 5).isAllowed);
  const { resetSeconds } = windows.look('somebody', 5)
  expect(resetSeconds).toBeLessThanOrEqual(WINDOW_SECONDS)
  clock.advanceSeconds(resetSeconds)
  expect(windows.take('somebody', 5)).toMatchObject({ isAllowed: true, remaining: 4 })
  await bus.close()
})

test('a process that was started late learns what the others have counted', async () => {
  const bus = createMemoryBus()
  const [early, late] = [new RequestWindows(bus, clock), new RequestWindows(bus, clock)]
  for (let n = 0; n < 40; n++) early.take('somebody', 100)
  await new Promise(setImmediate)
  late.take('somebody', 100)
  await new Promise(setImmediate)
  const { remaining } = late.look('somebody', 100)
  // At most so many are not shared yet as are shared at once.
  expect(remaining).toBeGreaterThanOrEqual(100 - 41)
  expect(remaining).toBeLessThanOrEqual(100 - 41 + 20)
  await bus.close()
})

test('however many different addresses come, so many are remembered and no more', () => {
  const windows = new RequestWindows(
    {
      increment: async () => refused({ code: 'BUS_DOWN', text: '' } as const),
      renew: async () => refused({ code: 'BUS_DOWN', text: '' } as const),
    },
    clock,
  )
  windows.take('the first', 100)
  for (let n = 0; n < MAX_SUBJECTS; n++) windows.take(`address ${n}`, 100)
  expect(windows.look('the first', 100).remaining).toBe(100)
  expect(windows.look(`address ${MAX_SUBJECTS - 1}`, 100).remaining).toBe(99)
})
