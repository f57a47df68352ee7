import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { alertFigures, OPERATOR } from './index.ts'
import { openTestAlerts } from './testing/index.ts'

let database: Database
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

test('alerts are counted by state, those that are paused apart', async () => {
  const { alerts, stop } = await openTestAlerts(database, { sends: false })
  const condition = { type: 'threshold', figure: 'events', is: 'above', value: 5 } as const
  for (const isPaused of [false, true, true])
    expect(
      await alerts.rules.create(OPERATOR, { name: 'n', range: '24h', condition, channels: [], isPaused }),
    ).toMatchObject({ ok: true })
  expect(await alertFigures(database.db)).toEqual({
    rules: [
      { state: 'quiet', count: 1 },
      { state: 'firing', count: 0 },
      { state: 'paused', count: 2 },
    ],
    deliveries: [],
  })
  await stop()
})
