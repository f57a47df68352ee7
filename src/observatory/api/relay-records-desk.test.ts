import { expect, test } from 'vitest'
import { createManualClock } from '../../kernel/index.ts'
import type { RelayLogEntry } from '../history.ts'
import type { RecordsReader } from './deps.ts'
import { RelayRecordsDesk } from './relay-records-desk.ts'

const URL = 'wss://relay.example'

/** A table whose log has as many lines as it was asked. */
function testDesk() {
  const clock = createManualClock(1_800_000_000_000)
  const warnings: unknown[] = []
  const state = { asked: 0, isAway: false }
  const line: RelayLogEntry = { atSeconds: 1, level: 'info', what: 'live', count: 1, detail: undefined }
  const reader: RecordsReader = {
    relayHistory: async () => [],
    relayLogs: async () => {
      state.asked++
      if (state.isAway) throw new Error('the database is away')
      return Array.from({ length: state.asked }, () => line)
    },
    monitors: async () => [],
    activeDays: async () => [],
    windowUsers: () => Promise.reject(new Error('nobody asks for this')),
  }
  const logger = { warn: (entry: unknown) => warnings.push(entry) }
  const desk = new RelayRecordsDesk({ records: () => reader, clock, logger: logger as never })
  const lines = async () => (await desk.of(URL, '24h'))?.logs.length
  return { clock, state, warnings, lines }
}

test('tables are asked once for all who come within ten seconds', async () => {
  const { clock, state, lines } = testDesk()
  expect(await Promise.all([lines(), lines()])).toEqual([1, 1])
  clock.advanceSeconds(9)
  expect(await lines()).toBe(1)
  expect(state.asked).toBe(1)
})

test('later what is there is shown at once while they are asked again, once, for the next one', async () => {
  const { clock, state, lines } = testDesk()
  await lines()
  clock.advanceSeconds(10)
  expect(await Promise.all([lines(), lines()])).toEqual([1, 1])
  expect(await lines()).toBe(2)
  expect(state.asked).toBe(2)
})

test('after a minute nobody is shown it any more', async () => {
  const { clock, lines } = testDesk()
  await lines()
  clock.advanceSeconds(60)
  expect(await lines()).toBe(2)
})

test('what could not be asked again stays for the rest of the minute, and then there is nothing', async () => {
  const { clock, state, warnings, lines } = testDesk()
  await lines()
  state.isAway = true
  clock.advanceSeconds(30)
  expect([await lines(), await lines()]).toEqual([1, 1])
  expect(warnings).toHaveLength(1)
  clock.advanceSeconds(30)
  expect(await lines()).toBeUndefined()
  state.isAway = false
  clock.advanceSeconds(60)
  expect(await lines()).toBeGreaterThan(0)
})
