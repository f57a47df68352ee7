import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../kernel/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { type AccessChange, type AuthLevel, EMPTY_ACCESS_LISTS } from '../../relay/index.ts'
import { changesFor, sameLists, withChanges } from './lists.ts'
import { planChange } from './plan-change.ts'
import { readLists } from './read-lists.ts'
import { writeChange } from './write-change.ts'

let database: Database
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())

const pubkey = fc.constantFrom('a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64))
const reason = fc.string({ maxLength: 10 }).map((text) => text.replaceAll('\0', ''))
const kind = fc.integer({ min: 0, max: 2 })
const ip = fc.constantFrom('10.0.0.1', '10.0.0.0/8', '2001:db8::/32')
const level = fc.constantFrom<AuthLevel>(0, 1, 2, 3, 4)

const anyChange: fc.Arbitrary<AccessChange> = fc.oneof(
  fc.record({ do: fc.constantFrom('ban-pubkey', 'allow-pubkey', 'shadow-pubkey'), pubkey, reason }),
  fc.record({
    do: fc.constantFrom('unban-pubkey', 'unallow-pubkey', 'unshadow-pubkey', 'unset-level'),
    pubkey,
  }),
  fc.record({ do: fc.constant('ban-event'), id: pubkey, reason }),
  fc.record({ do: fc.constant('unban-event'), id: pubkey }),
  fc.record({ do: fc.constantFrom('allow-kind', 'disallow-kind', 'forget-kind'), kind }),
  fc.record({ do: fc.constant('block-ip'), ip, reason }),
  fc.record({ do: fc.constantFrom('unblock-ip', 'unlimit-ip', 'limit-ip'), ip }),
  fc.record(
    { do: fc.constant('set-level'), pubkey, level, expiresAtSeconds: fc.nat() },
    { requiredKeys: ['do', 'pubkey', 'level'] },
  ),
  fc.record({ do: fc.constant('set-maintenance'), maintenance: fc.boolean() }),
  fc.record(
    { do: fc.constant('set-max-connections'), maxConnections: fc.integer({ min: 1, max: 9 }) },
    { requiredKeys: ['do'] },
  ),
  fc.record(
    { do: fc.constant('set-information'), name: reason, description: reason, icon: reason },
    { requiredKeys: ['do'] },
  ),
) as fc.Arbitrary<AccessChange>

test('what is written into the tables is what the same changes make of the lists of the relay', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyChange, { maxLength: 30 }), async (changes) => {
      await empty(database)
      const notChanged: AccessChange[] = []
      await database.db.transaction().execute(async (tx) => {
        for (const change of changes) {
          const by = { actor: 'cli', atSeconds: systemClock.nowSeconds() }
          const { isChanged } = await writeChange(tx, planChange(change), by)
          if (!isChanged) notChanged.push(change)
        }
      })
      const { lists } = await readLists(database.db)
      expect(lists).toSatisfy((read) => sameLists(read, withChanges(EMPTY_ACCESS_LISTS, changes)))
      const made = changes.filter((change) => !notChanged.includes(change))
      expect(lists).toSatisfy((read) => sameLists(read, withChanges(EMPTY_ACCESS_LISTS, made)))
    }),
    { numRuns: 40 },
  )
})

test('lists without levels can be made anew from the changes that they come down to', () => {
  fc.assert(
    fc.property(fc.array(anyChange, { maxLength: 30 }), (changes) => {
      const lists = { ...withChanges(EMPTY_ACCESS_LISTS, changes), levels: {} }
      expect(withChanges(EMPTY_ACCESS_LISTS, changesFor(lists))).toSatisfy((again) => sameLists(again, lists))
    }),
  )
})

async function empty({ db }: Database): Promise<void> {
  await db.deleteFrom('moderation_access').execute()
  await db
    .updateTable('moderation_state')
    .set({ maintenance: false, max_connections: null, name: null, description: null, icon: null })
    .execute()
}
