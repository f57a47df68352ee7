import { expect, test } from 'vitest'
import { createManualClock } from '../../kernel/index.ts'
import { LostRoutes } from './lost-routes.ts'
import { RouteTable } from './route-table.ts'

const MINUTE_MS = 60_000

test('a route that went is expected back for a minute, with all below it, and not while there is one', () => {
  const clock = createManualClock(1_000_000)
  const table = new RouteTable()
  const lost = new LostRoutes(table, clock)
  const learn = (prefix: string): boolean =>
    table.learn({
      source: 'learned',
      prefix,
      peerId: 'b',
      relation: 'peer',
      path: [prefix],
      auth: Buffer.alloc(32),
    })
  learn('test.c')
  expect(lost.isExpected('test.c.pay')).toBe(false)
  table.forget('b', 'test.c')
  expect(lost.isExpected('test.c')).toBe(true)
  expect(lost.isExpected('test.c.pay.x')).toBe(true)
  expect(lost.isExpected('test.cc')).toBe(false)
  expect(lost.isExpected('test')).toBe(false)
  learn('test.c')
  expect(lost.isExpected('test.c')).toBe(false)
  table.forget('b', 'test.c')
  clock.advanceMs(MINUTE_MS)
  expect(lost.isExpected('test.c')).toBe(false)
  expect(lost.isNew).toBe(false)
})
