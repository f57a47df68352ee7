import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import { DEFAULT_MIRROR } from './mirror-settings.ts'
import { mirrorTable } from './mirror-table.ts'

let database: Database
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

test('what one process knows of mirrors the next one finds; what a former one writes late is not kept', async () => {
  let isMine = true
  const state = mirrorTable(database.db, async () => isMine)
  expect(await state.load()).toEqual([])
  const added = { ...DEFAULT_MIRROR, url: 'wss://relay.example', filters: [{ kinds: [1] }] }
  const records = [
    { name: 'relay.example', isPaused: true, added },
    { name: 'other.example', isPaused: false },
  ]
  await state.save([])
  await state.save(records)
  expect(await mirrorTable(database.db, async () => true).load()).toEqual(records)
  isMine = false
  await expect(state.save([])).rejects.toMatchObject({ code: 'LEADERSHIP_LOST' })
  expect(await state.load()).toEqual(records)
})
