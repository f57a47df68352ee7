import { once } from 'node:events'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { createManualClock } from './kernel/index.ts'
import { type OpeningPart, openPatiently } from './stoa-observatory-opening.ts'

const HOUR_MS = 3_600_000

/** Parts that fail as often as is said, each with its own words, and then open. */
function partsThatFail(failures: Readonly<Record<string, readonly string[]>>) {
  const calls: string[] = []
  const parts = Object.entries(failures).map(([name, reasons]): OpeningPart => {
    const left = [...reasons]
    return {
      name,
      open: async () => {
        calls.push(name)
        const reason = left.shift()
        if (reason !== undefined) throw new Error(reason)
      },
    }
  })
  return { calls, parts }
}

/** Time passes by pauses alone. */
function testPorts({ endsAfterMs = Number.POSITIVE_INFINITY } = {}) {
  const stopping = new AbortController()
  const clock = createManualClock(0)
  const pauses: number[] = []
  const lines: Record<string, unknown>[] = []
  const logger = pino({ base: null, timestamp: false }, { write: (line) => lines.push(JSON.parse(line)) })
  const pause = async (ms: number): Promise<void> => {
    pauses.push(ms)
    clock.advanceMs(ms)
    if (clock.nowMs() >= endsAfterMs) stopping.abort()
  }
  return { stopping, clock, pauses, lines, ports: { signal: stopping.signal, logger, clock, pause } }
}

test('what fails twice is open at the third try, and what was open before is not opened again', async () => {
  const { calls, parts } = partsThatFail({ tiers: [], monitor: ['no table', 'no table'], alerts: [] })
  const { pauses, lines, ports } = testPorts()
  const opening = openPatiently(parts, ports)
  await opening.settled
  expect(calls).toEqual(['tiers', 'monitor', 'monitor', 'monitor', 'alerts'])
  expect(pauses).toEqual([1_000, 2_000])
  expect(opening.failure()).toBeUndefined()
  expect(lines).toMatchObject([
    { msg: 'observatory.open_failed', part: 'monitor', tries: 1, nextTryMs: 1_000 },
    { msg: 'observatory.opened_late', tries: 3 },
  ])
})

test('nothing is said of what opens at once', async () => {
  const { parts } = partsThatFail({ tiers: [], monitor: [], alerts: [] })
  const { lines, pauses, ports } = testPorts()
  await openPatiently(parts, ports).settled
  expect({ lines, pauses }).toEqual({ lines: [], pauses: [] })
})

test('ended during a pause, it opens nothing more; until then the reason is given in words', async () => {
  const { calls, parts } = partsThatFail({ tiers: ['the ledger is closed'], alerts: [] })
  const { stopping, ports } = testPorts()
  let isPausing = (): void => {}
  const pausing = new Promise<void>((resolve) => {
    isPausing = resolve
  })
  const opening = openPatiently(parts, {
    ...ports,
    pause: async (_ms, signal) => {
      isPausing()
      await once(signal, 'abort')
    },
  })
  await pausing
  expect(opening.failure()).toBe('tiers cannot be opened: the ledger is closed')
  stopping.abort()
  await opening.settled
  expect(calls).toEqual(['tiers'])
})

test('what was in the way is not said any more when that part is open, though the next one is waited for', async () => {
  const { parts } = partsThatFail({ tiers: ['not now'] })
  const { stopping, ports } = testPorts()
  let isWaited = (): void => {}
  const waited = new Promise<void>((resolve) => {
    isWaited = resolve
  })
  const alerts: OpeningPart = {
    name: 'alerts',
    open: async () => {
      isWaited()
      await once(stopping.signal, 'abort')
    },
  }
  const opening = openPatiently([...parts, alerts], ports)
  await waited
  expect(opening.failure()).toBeUndefined()
  stopping.abort()
  await opening.settled
})

test('what fails because it is ended is no failure', async () => {
  const { stopping, lines, ports } = testPorts()
  const open = async (): Promise<void> => {
    stopping.abort()
    throw new Error('the database was closed')
  }
  const opening = openPatiently([{ name: 'alerts', open }], ports)
  await opening.settled
  expect({ failure: opening.failure(), lines }).toEqual({ failure: undefined, lines: [] })
})

test('what fails for good is told once, then every hour, with how often it was tried', async () => {
  const reasons = Array.from({ length: 1_000 }, () => 'permission denied for table api_subscriptions')
  const { calls, parts } = partsThatFail({ tiers: reasons })
  const { lines, pauses, ports } = testPorts({ endsAfterMs: 2.5 * HOUR_MS })
  await openPatiently(parts, ports).settled
  expect(pauses.at(-1)).toBe(60_000)
  expect(calls.length).toBeGreaterThan(150)
  expect(lines.map(({ msg }) => msg)).toEqual(Array.from({ length: 3 }, () => 'observatory.open_failed'))
  // Of the first hour: pauses of 1, 2, 4, 8, 16 and 32 seconds, and then one a minute.
  expect(lines.map(({ tries }) => tries)).toEqual([1, 66, 126])
})

test('another reason, or another part, is told at once', async () => {
  const { parts } = partsThatFail({ tiers: ['no route', 'no route', 'no table'], alerts: ['no table'] })
  const { lines, ports } = testPorts()
  await openPatiently(parts, ports).settled
  expect(lines.slice(0, -1)).toMatchObject([
    { part: 'tiers', tries: 1, err: { message: 'no route' } },
    { part: 'tiers', tries: 3, err: { message: 'no table' } },
    { part: 'alerts', tries: 4, err: { message: 'no table' } },
  ])
})
